// The shelf: products on show in their order, and those put away. Drag or arrow keys reorder; nothing is priced here.

import { useRef, useState } from "preact/hooks";

import { countdown, money } from "../format.js";
import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Pencil, Thumb } from "./pictures.js";
import { ProductForm } from "./product_form.js";

/** The same ids with one moved to stand before (or after) another. */
export function moved(ids, id, target, after) {
  const rest = ids.filter((one) => one !== id);
  const at = rest.indexOf(target);
  if (id === target || at < 0) return ids;
  rest.splice(after ? at + 1 : at, 0, id);
  return rest;
}

export function Shelf({ desk }) {
  const [editing, setEditing] = useState(null); // null closed, {} a new product, a product its edit
  const cards = desk.cards.value;
  const away = desk.catalogue.away(cards);
  const add = () => setEditing({});
  return html`<section class="pane area-shelf" aria-label=${t("console.shelf")}>
    <header>
      <h2>${t("console.shelf")}</h2><span class="quiet num">${cards.length || ""}</span>
      <button class="btn tiny push" data-testid="product-add" onClick=${add}><${Icon} name="plus" size=${14} />${t("console.product_add")}</button>
    </header>
    <div class="pane-body">
      ${cards.length + away.length === 0
        ? html`<div class="empty"><p>${t("console.shelf_empty")}</p><button class="btn small primary" onClick=${add}>${t("console.product_add")}</button></div>`
        : html`<${Rows} desk=${desk} cards=${cards} away=${away} onEdit=${setEditing} />`}
    </div>
    ${editing && html`<${ProductForm} desk=${desk} product=${editing} onClose=${() => setEditing(null)} />`}
  </section>`;
}

/** The one product being explained: the last that was put so. */
export function explained(cards) {
  return cards.filter((card) => card.mode === "explaining").sort((a, b) => b.explain_since_ms - a.explain_since_ms)[0] ?? null;
}

function Rows({ desk, cards, away, onEdit }) {
  const onAir = explained(cards);
  const drag = useDrag(cards, (ids) => desk.run("cards.order", { product_ids: ids }));
  return html`<table class="table shelf">
    <thead><tr><th class="shrink"><span class="sr-only">${t("console.order")}</span></th><th>${t("console.product")}</th><th class="shrink">${t("console.price")}</th><th class="shrink end">${t("console.on_air")}</th></tr></thead>
    <tbody>
      ${cards.map((card) => html`<${CardRow} key=${card.product_id} desk=${desk} card=${card} explaining=${card === onAir} drag=${drag} onEdit=${onEdit} />`)}
      ${away.length > 0 && html`<tr class="divider" key="divider"><td colspan="4">${t("console.put_away")}</td></tr>`}
      ${away.map((product) => html`<${AwayRow} key=${product.product_id} desk=${desk} product=${product} onEdit=${onEdit} />`)}
    </tbody>
  </table>`;
}

/** Reordering by pointer on the grip, or by the arrow keys while the grip has focus. */
function useDrag(cards, commit) {
  const [over, setOver] = useState(null); // {id, target, after} while a row is carried
  const carried = useRef(null);
  const ids = cards.map((card) => card.product_id);
  const finish = (next) => next.join() !== ids.join() && commit(next);
  return {
    over,
    start(event, id) {
      carried.current = id;
      event.currentTarget.setPointerCapture(event.pointerId);
      setOver({ id, target: null, after: false });
    },
    move(event) {
      if (!carried.current) return;
      const row = document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-card]");
      if (!row) return;
      const box = row.getBoundingClientRect();
      setOver({ id: carried.current, target: row.dataset.card, after: event.clientY > box.top + box.height / 2 });
    },
    drop() {
      if (over?.target) finish(moved(ids, over.id, over.target, over.after));
      carried.current = null;
      setOver(null);
    },
    key(event, id) {
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      const target = ids[ids.indexOf(id) + step];
      if (!step || !target) return;
      event.preventDefault();
      finish(moved(ids, id, target, step > 0));
    },
  };
}

function dragClass(over, id) {
  if (!over) return "";
  if (over.id === id) return "dragging";
  if (over.target === id) return over.after ? "drop-after" : "drop-before";
  return "";
}

function CardRow({ desk, card, explaining, drag, onEdit }) {
  const id = card.product_id;
  const name = desk.titleOf(card);
  return html`<tr class="shelf-row ${explaining ? "explaining" : ""} ${dragClass(drag.over, id)}" data-testid="shelf-row" data-card=${id} data-product=${id} data-mode=${explaining ? "explaining" : "listed"}>
    <td class="shrink"><button class="grip" aria-label=${t("console.move", { name })} title=${t("console.move_hint")}
      onPointerDown=${(event) => drag.start(event, id)} onPointerMove=${drag.move} onPointerUp=${drag.drop} onPointerCancel=${drag.drop}
      onKeyDown=${(event) => drag.key(event, id)}><${Icon} name="drag" size=${16} /></button></td>
    <td><div class="title"><${Thumb} item=${card} /><div class="grow"><p>${name}</p><${Marks} desk=${desk} card=${card} explaining=${explaining} /></div></div></td>
    <td class="shrink money">${money(card.price_cents)}${card.list_cents > card.price_cents && html`<s>${money(card.list_cents)}</s>`}</td>
    <td class="shrink end"><span class="acts">
      <button class="btn tiny" data-testid="card-show-${id}" title=${t("console.show_hint")} onClick=${() => desk.show(id)}>${t("console.show_again")}</button>
      <button class="btn tiny ${explaining ? "on" : ""}" data-testid="card-explain-${id}" aria-pressed=${explaining} onClick=${() => desk.show(id, explaining ? "listed" : "explaining")}>${explaining ? t("console.explaining") : t("console.explain")}</button>
      <button class="btn tiny" data-testid="card-hide-${id}" onClick=${() => desk.run("card.hide", { product_id: id })}>${t("console.hide")}</button>
      <button class="icon-btn tiny" aria-label=${t("console.edit", { name })} data-testid="product-edit-${id}" onClick=${() => onEdit(card)}><${Pencil} /></button>
    </span></td>
  </tr>`;
}

function Marks({ desk, card, explaining }) {
  const sale = card.sale_id && desk.sales.value[card.sale_id];
  const since = explaining && card.explain_since_ms;
  if (!sale && !since && !card.sold_out) return null;
  return html`<p class="small quiet row">
    ${since && html`<span class="num">${t("console.explaining_for", { time: countdown(desk.now() - since) })}</span>`}
    ${sale && html`<span class="${sale.phase === "live" ? "wrong" : ""}">${t(`console.phase.${sale.phase}`)}</span>`}
    ${card.sold_out && html`<span class="stamp">${t("console.sold_out")}</span>`}
  </p>`;
}

function AwayRow({ desk, product, onEdit }) {
  const id = product.product_id;
  const name = desk.titleOf(product);
  return html`<tr class="shelf-row away" data-testid="shelf-row" data-product=${id} data-mode="away">
    <td class="shrink"></td>
    <td><div class="title"><${Thumb} item=${product} /><p>${name}</p></div></td>
    <td class="shrink money">${money(product.price_cents)}</td>
    <td class="shrink end"><span class="acts">
      <button class="btn tiny" data-testid="card-show-${id}" onClick=${() => desk.show(id)}>${t("console.show")}</button>
      <button class="btn tiny" data-testid="card-explain-${id}" onClick=${() => desk.show(id, "explaining")}>${t("console.explain")}</button>
      <button class="icon-btn tiny" aria-label=${t("console.edit", { name })} data-testid="product-edit-${id}" onClick=${() => onEdit(product)}><${Pencil} /></button>
    </span></td>
  </tr>`;
}

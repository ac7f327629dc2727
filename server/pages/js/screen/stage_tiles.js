// The tiles of what happens on stage: the card on air with its sale, the stock, the comments.

import { count, initial, money, tint } from "../format.js";
import { t } from "../i18n.js";
import { Countdown } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { cardOnAir, saleOnAir, stockRows } from "./figures.js";
import { Empty } from "./tiles.js";

const STOCK_ROWS_MAX = 6;
const LOW_PART = 0.15;
const SOON = new Set(["countdown", "preheat"]);

/** What to put in the tile: a product with its price and the sale it is in, or null. */
function onAir(wall) {
  const card = cardOnAir(wall.cards.value);
  const sale = saleOnAir(wall.sales.value, card);
  if (!sale) return card && { ...card, price: card.price_cents, list: card.list_cents, sale: null };
  const sku = sale.skus.find((one) => one.product_id === card?.product_id && !one.sold_out) ?? sale.skus.find((one) => !one.sold_out) ?? sale.skus[0];
  return sku && { ...sku, price: sku.sale_cents, list: sku.list_cents, sale };
}

export function Now({ wall }) {
  const item = onAir(wall);
  if (!item) return html`<section class="tile now" aria-label=${t("screen.on_air")}><h2>${t("screen.on_air")}</h2><div class="body"><${Empty} word="screen.on_air_empty" /></div></section>`;
  const phase = item.sale?.phase ?? item.mode;
  return html`<section class="tile now ${phase === "live" ? "hot" : ""} ${SOON.has(phase) ? "soon" : ""}" aria-label=${t("screen.on_air")} data-testid="on-air" data-phase=${phase}>
    <h2><span>${t(`screen.phase.${phase}`)}</span>${item.sale?.paused && html`<span class="paused" data-testid="screen-paused">${t("screen.paused")}</span>`}<${Clock} wall=${wall} sale=${item.sale} /></h2>
    <div class="body"><div class="now-row now-card" key=${item.product_id}>
      ${item.image ? html`<img src=${item.image} alt="" />` : html`<span class="initial" aria-hidden="true">${initial(item.title)}</span>`}
      <div class="words"><h3>${wall.titleOf(item)}</h3><p class="now-price"><b>${money(item.price, item.currency)}</b>${item.list > item.price && html`<s>${money(item.list, item.currency)}</s>`}</p></div>
    </div></div>
  </section>`;
}

function Clock({ wall, sale }) {
  const until = sale?.phase === "countdown" ? sale.start_ms : sale?.phase === "live" ? sale.end_ms : null;
  return until ? html`<b class="now-clock"><${Countdown} untilMs=${until} now=${() => wall.now()} /></b>` : null;
}

export function Stock({ wall }) {
  const rows = stockRows(wall.sales.value, wall.stock.value).slice(0, STOCK_ROWS_MAX);
  return html`<section class="tile area-stock" aria-label=${t("screen.stock")}><h2>${t("screen.stock")}</h2>
    <div class="body">${rows.length === 0 ? html`<${Empty} word="screen.stock_empty" />` : html`<ul class="stocks">${rows.map((row) => html`<${StockRow} key=${row.sku_id} row=${row} name=${wall.titleOf(row)} />`)}</ul>`}</div>
  </section>`;
}

function StockRow({ row, name }) {
  const part = row.total ? row.left / row.total : 0;
  return html`<li class="stock ${part < LOW_PART ? "low" : ""}">
    <span class="name">${name}</span>
    ${row.left === 0 ? html`<span class="stamp" data-testid="sold-out-${row.sku_id}">${t("screen.sold_out")}</span>` : html`<span class="left" data-testid="stock-left-${row.sku_id}">${count(row.left)} <small>/ ${count(row.total)}</small></span>`}
    <span class="bar"><i style=${{ width: `${100 * part}%` }}></i></span></li>`;
}

export function Talk({ wall }) {
  const list = wall.comments.value;
  return html`<section class="tile area-talk" aria-label=${t("screen.comments")}><h2>${t("screen.comments")}</h2>
    <div class="body">${list.length === 0 ? html`<${Empty} word="screen.comments_empty" />` : html`<ul class="flow" data-testid="comment-flow">${list.map((one) => html`<li key=${one.id} data-testid="comment-row"><span class="name ${tint(one.user.id)}">${one.user.name}</span>${one.text}</li>`)}</ul>`}</div>
  </section>`;
}

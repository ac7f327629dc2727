// Products as they are drawn: the card that pops up, the bag with all of them, and the button that sells.

import { signal } from "@preact/signals-core";
import { useEffect, useState } from "preact/hooks";

import { countdown } from "../format.js";
import { t } from "../i18n.js";
import { useNow } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Price } from "../ui/money.js";
import { Sheet } from "../ui/sheet.js";
import { AddToCart, CartBar } from "./cart_view.js";
import { place, joinLine, leaveLine, stopWaiting, waitFor, waiting } from "./line.js";
import { hold } from "./held.js";
import { cards, client, ended, now, onShow, wide } from "./live.js";
import { buy, cardClicked, cardsSeen, numberOf, offer, opened, payBy, titleOf } from "./shop.js";

const POPUP_MS = 8_000;
const DOCKING_MS = 240;
const FEW_LEFT = 20;

export const bagOpen = signal(false);
const popup = signal(null); // {productId, leaving}
let popupTimer = null;

function dock() {
  clearTimeout(popupTimer);
  if (!popup.value) return;
  popup.value = { ...popup.value, leaving: true };
  popupTimer = setTimeout(() => (popup.value = null), DOCKING_MS);
}

function pop(productId) {
  clearTimeout(popupTimer);
  popup.value = { productId, leaving: false };
  popupTimer = setTimeout(dock, POPUP_MS);
}

client.on("card.shown", ({ card }, event) => hold(event.ts, () => pop(card.product_id)));
client.on("card.hidden", ({ product_id: id }) => popup.value?.productId === id && dock());
client.on("sale.phase", ({ sale }) => {
  const card = ["countdown", "live"].includes(sale.phase) && cards.value.find((one) => one.sale_id === sale.sale_id);
  if (card) pop(card.product_id);
});
client.on("hello", ({ first }) => {
  if (first && onShow.value) pop(onShow.value.product_id);
});

const WORDS = { preheat: "sale.preheat", buy: "sale.buy", asking: "sale.asking", paid: "sale.paid", sold_out: "sale.soldOut", paused: "sale.paused", ended: "sale.ended", none: "sale.none", line: "line.join", joining: "line.joining" };
const LOOKS = { buy: "primary", asking: "primary", pay: "gold", paid: "green", line: "primary", queueing: "gold" };

function queueWords(sale, at) {
  const { standing } = place(sale, at);
  if (standing.position === null) return t("line.shuffle", { n: standing.length });
  return t("line.position", { n: standing.position, time: countdown(standing.estimate_s * 1000) });
}

function wording({ state, sale, sku, order }, at) {
  if (state === "queueing") return queueWords(sale, at);
  if (state === "waitlisted") return t("waitlist.place", { n: (waiting.value[sku.sku_id]?.ahead ?? 0) + 1 });
  if (state === "soon") return t("sale.soon", { time: countdown(sale.start_ms - at) });
  if (state === "pay") return t("sale.pay", { time: countdown(payBy(order) - at) });
  return t(WORDS[state]);
}

/** The sale button of a card, in whatever state it is for this viewer. */
export function SaleButton({ card }) {
  const at = useNow(now);
  const found = offer(card, at);
  if (!found) return null;
  const { state, order, sale, sku } = found;
  const act = { buy: () => buy(card), pay: () => (opened.value = order), paid: () => (opened.value = order), line: () => joinLine(sale.sale_id) }[state];
  const press = () => {
    cardClicked(card.product_id);
    act?.();
  };
  return html`<span class="sale" data-testid="sale-state" data-state=${state} data-sku=${found.sku.sku_id}>
    <button class=${`btn sale-btn ${LOOKS[state] ?? ""}`} type="button" disabled=${!act || ended.value} onClick=${press} data-testid="buy-button">
      ${state === "asking" && html`<span class="spinner"></span>`}${state === "paid" && html`<${Icon} name="check" size=${16} />`}<span class="num">${wording(found, at)}</span></button>
    <${Beside} found=${found} at=${at} /></span>`;
}

/** What goes with the button: the early word and the way out of a line, and the list behind a sale that is sold out. */
function Beside({ found: { state, full, sale, sku }, at }) {
  if (state === "queueing") {
    const late = place(sale, at).standing.sells_out_before_you;
    return html`${late && html`<span class="small few" role="status" data-testid="early-word">${t("line.mayNotReach")}</span>`}
      <button class="btn small ghost" type="button" onClick=${() => leaveLine(sale.sale_id)} data-testid="line-leave">${t("line.leave")}</button>`;
  }
  if (state === "waitlisted") return html`<button class="btn small ghost" type="button" onClick=${() => stopWaiting(sale.sale_id, sku.sku_id)} data-testid="waitlist-leave">${t("waitlist.leave")}</button>`;
  if (state === "sold_out" && !full && !ended.value) return html`<button class="btn small ghost" type="button" onClick=${() => waitFor(sale.sale_id, sku.sku_id)} data-testid="waitlist-join">${t("waitlist.join")}</button>`;
  return null;
}

function Picture({ card }) {
  return html`<span class="card-picture">
    ${card.image ? html`<img src=${card.image} alt="" loading="lazy" />` : html`<${Icon} name="bag" size=${28} />`}
    ${card === onShow.value && html`<span class="chip live on-show">${t("card.explaining")}</span>`}
    ${card.sold_out && html`<span class="sold-veil">${t("card.soldOut")}</span>`}
  </span>`;
}

/** For whom the sale is, in a word each, when it is not for everybody. */
function exclusive({ roles = [], tiers = [], bought_before: bought, follower } = {}) {
  return [roles.length > 0 && !roles.includes("viewer") && t("sale.for.member"), ...tiers.map((tier) => t("sale.for.tier", { tier })), bought && t("sale.for.bought"), follower && t("sale.for.follower")].filter(Boolean);
}

function Facts({ card }) {
  const found = offer(card);
  const { left, sku, state } = found ?? {};
  const selling = found && ["soon", "preheat", "buy", "paused", "pay", "asking", "line", "joining", "queueing"].includes(state);
  return html`<${Price} cents=${selling ? sku.sale_cents : card.price_cents} listCents=${selling ? sku.list_cents : card.list_cents} currency=${card.currency} />
    <span class="facts small">
      ${selling && html`<span class="chip red"><${Icon} name="bolt" size=${12} />${t("sale.flash")}</span>`}
      ${state === "buy" && left > 0 && left <= FEW_LEFT && html`<span class="few" data-testid="few-left">${t("card.left", { n: left })}</span>`}
      ${selling && exclusive(found.sale.eligibility).map((words) => html`<span class="chip gold" key=${words} data-testid="exclusive">${words}</span>`)}
      ${selling && sku.per_user > 0 && html`<span class="quiet">${t("card.limit", { n: sku.per_user })}</span>`}
    </span>`;
}

export function CardPopup() {
  const shown = popup.value;
  const card = shown && cards.value.find((one) => one.product_id === shown.productId);
  useEffect(() => {
    if (card) cardsSeen([card.product_id]);
  }, [card?.product_id]);
  if (!card) return null;
  const look = () => {
    cardClicked(card.product_id);
    if (!wide.value) bagOpen.value = true;
    dock();
  };
  return html`<article class=${`popup ${shown.leaving ? "leaving" : ""}`} key=${card.product_id} data-testid="card-popup" data-product=${card.product_id}>
    <button class="icon-btn small popup-close" type="button" aria-label=${t("close")} onClick=${dock}><${Icon} name="close" size=${16} /></button>
    <button class="popup-look" type="button" onClick=${look}><${Picture} card=${card} /><span class="popup-title">${titleOf(card)}</span></button>
    <${Facts} card=${card} />
    ${offer(card) ? html`<${SaleButton} card=${card} />` : html`<button class="btn small" type="button" onClick=${look}>${t("card.view")}</button>`}
  </article>`;
}

function CardRow({ card }) {
  return html`<li class=${`card-row ${card === onShow.value ? "explaining" : ""}`} data-testid="bag-card" data-product=${card.product_id}>
    <${Picture} card=${card} />
    <div class="card-facts"><h3><span class="card-no num">${numberOf(card)}</span> ${titleOf(card)}</h3><${Facts} card=${card} /></div>
    <div class="card-acts"><${SaleButton} card=${card} /><${AddToCart} card=${card} /></div>
  </li>`;
}

export function Shelf() {
  const list = cards.value ?? [];
  const ids = list.map((card) => card.product_id);
  useEffect(() => cardsSeen(ids), [ids.join(" ")]);
  if (!list.length) return html`<div class="empty"><${Icon} name="bag" size=${34} /><p>${t("bag.empty")}</p></div>`;
  return html`<ul class="shelf-list">${list.map((card) => html`<${CardRow} card=${card} key=${card.product_id} />`)}</ul>`;
}

export function BagButton() {
  const n = cards.value?.length ?? 0;
  const [bump, setBump] = useState(0);
  useEffect(() => client.on("card.shown", () => setBump((k) => k + 1)), []);
  return html`<button class="icon-btn bag-btn" type="button" aria-label=${t("bag.title", { n })} onClick=${() => (bagOpen.value = true)} data-testid="bag">
    <span class="bag-mark" key=${bump}><${Icon} name="bag" size=${24} /></span><span class="badge" data-testid="bag-count">${n}</span></button>`;
}

export function BagSheet() {
  if (!bagOpen.value) return null;
  return html`<${Sheet} title=${t("bag.title", { n: cards.value.length })} onClose=${() => (bagOpen.value = false)} testid="bag-sheet"><${Shelf} /><${CartBar} /></${Sheet}>`;
}

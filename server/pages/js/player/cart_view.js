// The cart as it is drawn: quantities, what is missing to a better price, what can be had for less, and the way out.

import { useState } from "preact/hooks";

import { money, whole } from "../format.js";
import { errorText, t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Sheet } from "../ui/sheet.js";
import { bestChoice, quote } from "./benefits.js";
import { Benefits } from "./benefits_view.js";
import { addSku, addToCart, baseCents, busy, cart, cartOpen, checkOut, isOver, pieces, QTY_MAX, refusals, setQty, skuOf } from "./cart.js";
import { ended } from "./live.js";
import { offer } from "./shop.js";

const ADDABLE = new Set(["preheat", "soon", "buy", "paused", "line", "joining", "queueing", "pay", "paid"]);

/** Beside the sale button of a card: later, together with others. */
export function AddToCart({ card }) {
  const found = offer(card);
  if (!found || found.full || ended.value || !ADDABLE.has(found.state)) return null;
  return html`<button class="btn small ghost cart-add" type="button" onClick=${() => addToCart(card)} data-testid="cart-add"><${Icon} name="plus" size=${14} />${t("cart.add")}</button>`;
}

/** Under the shelf while there is something in the cart. */
export function CartBar() {
  if (!pieces.value) return null;
  const cents = cart.value.reduce((sum, entry) => sum + baseCents(entry), 0);
  return html`<button class="cart-bar" type="button" onClick=${() => (cartOpen.value = true)} data-testid="cart-open">
    <${Icon} name="bag" size=${20} /><span>${t("cart.title")}</span><span class="badge" data-testid="cart-count">${whole(pieces.value)}</span><span class="grow"></span><b class="num">${money(cents)}</b><${Icon} name="arrowRight" size=${16} /></button>`;
}

function Stepper({ entry, line }) {
  const set = (qty) => setQty(entry.sale_id, line.sku_id, qty);
  return html`<span class="stepper" role="group" aria-label=${t("cart.qtyOf", { name: line.title })}>
    <button class="icon-btn" type="button" aria-label=${t(line.qty > 1 ? "cart.less" : "cart.remove")} onClick=${() => set(line.qty - 1)} data-testid="cart-less"><${Icon} name=${line.qty > 1 ? "minus" : "trash"} size=${16} /></button>
    <span class="num" aria-live="polite" data-testid="cart-qty">${line.qty}</span>
    <button class="icon-btn" type="button" aria-label=${t("cart.more")} disabled=${line.qty >= QTY_MAX} onClick=${() => set(line.qty + 1)} data-testid="cart-more"><${Icon} name="plus" size=${16} /></button></span>`;
}

function Line({ entry, line }) {
  const cheaper = entry.add_ons.find((one) => one.sku_id === line.sku_id && !one.missing_cents);
  const { left } = skuOf(entry.sale_id, line.sku_id) ?? {};
  return html`<li class="cart-line" data-testid="cart-line" data-sku=${line.sku_id}>
    <span class="grow"><strong class="clip">${line.title}</strong><span class="small num">${money(line.unit_cents, entry.currency)}
      ${cheaper && html` <span class="chip gold">${t("cart.addOnPrice", { price: money(cheaper.unit_cents, entry.currency) })}</span>`}${left === 0 && html` <span class="few">${t("sale.soldOut")}</span>`}</span></span>
    <${Stepper} entry=${entry} line=${line} /></li>`;
}

function Hint({ entry }) {
  if (!entry.hint) return null;
  const { missing_cents: missing, off_cents: off, title } = entry.hint;
  return html`<p class="notice amber" data-testid="cart-hint"><${Icon} name="tag" size=${16} /><span>${t("cart.hint", { missing: money(missing, entry.currency), off: money(off, entry.currency), title })}</span></p>`;
}

function AddOns({ entry }) {
  const offered = entry.add_ons.filter((one) => !one.in_cart && skuOf(entry.sale_id, one.sku_id));
  return offered.map((one) => {
    const { title } = skuOf(entry.sale_id, one.sku_id);
    const price = money(one.unit_cents, entry.currency);
    return html`<div class="add-on" key=${one.sku_id} data-testid="add-on" data-sku=${one.sku_id}><${Icon} name="gift" size=${20} />
      <span class="grow"><strong class="clip">${title}</strong><span class="small">${one.missing_cents ? t("cart.addOnMissing", { missing: money(one.missing_cents, entry.currency), price }) : t("cart.addOnReached", { price })}</span></span>
      <button class="btn small gold" type="button" disabled=${one.missing_cents > 0} onClick=${() => addSku(entry.sale_id, one.sku_id)} data-testid="add-on-take">${t("cart.take")}</button></div>`;
  });
}

function Part({ entry, first }) {
  const refusal = refusals.value[entry.sale_id];
  return html`<section class="stack cart-part">
    ${isOver(entry.sale_id) && html`<p class="notice">${t("cart.saleOver")}</p>`}
    <ul class="stack">${entry.lines.map((line) => html`<${Line} key=${line.sku_id} entry=${entry} line=${line} />`)}</ul>
    ${first && html`<${Hint} entry=${entry} />`}<${AddOns} entry=${entry} />
    ${refusal && html`<p class="notice red" role="alert" data-testid="cart-refusal">${errorText({ ...refusal, retryMs: refusal.retry_ms })}</p>`}
  </section>`;
}

function Full() {
  const [first, ...others] = cart.value;
  const base = baseCents(first);
  const [touched, choose] = useState(null);
  const choice = touched ?? bestChoice(base);
  const { amount, params } = quote(base, choice);
  const total = others.reduce((sum, entry) => sum + baseCents(entry), amount);
  return html`<div class="stack">
    ${cart.value.map((entry, nth) => html`<${Part} key=${entry.sale_id} entry=${entry} first=${nth === 0} />`)}
    ${others.length > 0 && html`<p class="quiet small">${t("cart.severalOrders", { n: cart.value.length })}</p>`}
    <hr class="rule" />
    <${Benefits} cents=${base} choice=${choice} onChange=${choose} />
    <div class="row apart cart-foot"><span><span class="quiet">${t("coupon.toPay")}</span> <strong class="num cart-total" data-testid="cart-total">${money(total, first.currency)}</strong></span>
      <button class="btn primary" type="button" disabled=${busy.value || ended.value} onClick=${() => checkOut(params)} data-testid="cart-checkout">${busy.value && html`<span class="spinner"></span>`}${t("cart.checkout", { n: whole(pieces.value) })}</button></div>
    <p class="quiet small">${t("cart.notReserved")}</p>
  </div>`;
}

export function CartSheet() {
  if (!cartOpen.value) return null;
  return html`<${Sheet} title=${t("cart.title")} onClose=${() => (cartOpen.value = false)} testid="cart-sheet">
    ${cart.value.length ? html`<${Full} />` : html`<div class="empty"><${Icon} name="bag" size=${34} /><p>${t("cart.empty")}</p></div>`}
  </${Sheet}>`;
}

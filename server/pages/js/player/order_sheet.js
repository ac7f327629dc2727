// One order: paying it, what it holds, what may still be done with it, and what of its money went back.

import { useEffect, useState } from "preact/hooks";

import { Cashier, Lines } from "../cashier/cashier.js";
import { config } from "../config.js";
import { money } from "../format.js";
import { errorText, t } from "../i18n.js";
import { Countdown } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Sheet } from "../ui/sheet.js";
import { cartOpen } from "./cart.js";
import { now } from "./live.js";
import { myTab } from "./my.js";
import { cancel, canSplit, merge, mergeable, split } from "./order_acts.js";
import { Status } from "./orders_view.js";
import { Refunds } from "./refund_request.js";
import { bagOpen } from "./shop_view.js";
import { beginPayment, isUnpaid, opened, payBy, refreshOrders, wasOffered } from "./shop.js";

const AFTER_PAYING = new Set(["paid", "expired"]); // still the cashier's: what it says may change once more
const LOGOS = { wechat: "chat", alipay: "shield", stripe: "ticket", sandbox: "star" };

function backToRoom() {
  opened.value = null;
  bagOpen.value = false;
  cartOpen.value = false;
  myTab.value = null;
}

function BackButton() {
  return html`<button class="btn ghost wide" type="button" onClick=${backToRoom} data-testid="back-to-room">${t("cashier.back")}</button>`;
}

/** Which provider, where there is a choice. */
function Providers({ list, onPick }) {
  return html`<div class="stack" role="group" aria-label=${t("pay.how")}><p class="quiet">${t("pay.how")}</p>
    ${list.map((name) => html`<button class="order-row" key=${name} type="button" onClick=${() => onPick(name)} data-testid="provider-${name}"><${Icon} name=${LOGOS[name]} /><strong class="grow">${t(`pay.${name}`)}</strong><${Icon} name="arrowRight" size=${16} /></button>`)}</div>`;
}

/** Starts the payment as soon as the order is open and its provider known, so that one press is left: paying. */
function Paying({ order }) {
  const list = config.value?.providers;
  const [picked, pick] = useState(null);
  const provider = picked ?? (list?.length === 1 ? list[0] : null);
  const [payment, setPayment] = useState(null);
  const [error, setError] = useState(null);
  const begin = () => {
    if (!provider) return;
    setError(null);
    setPayment(null);
    beginPayment(order.order_id, provider).then((answer) => {
      setPayment(answer);
      refreshOrders().catch(() => {});
    }, setError);
  };
  useEffect(begin, [order.order_id, provider]);
  const other = list?.length > 1 && isUnpaid(order) && html`<button class="btn ghost wide" type="button" onClick=${() => pick(null)}>${t("pay.other")}</button>`;
  if (error) return html`<div class="stack"><p class="notice red" role="alert">${errorText(error)}</p><button class="btn wide" type="button" onClick=${begin}>${t("retry")}</button>${other}</div>`;
  if (list && !provider) return html`<${Providers} list=${list} onPick=${pick} />`;
  if (!payment) return html`<p class="row quiet centred"><span class="spinner"></span>${t("order.preparing")}</p>`;
  return html`<${Cashier} key=${payment.payment_id} paymentId=${payment.payment_id} cashierUrl=${payment.cashier_url} orderStatus=${order.status}
    onSettled=${() => refreshOrders().catch(() => {})} onAgain=${begin} back=${html`<${BackButton} />`} />${other}`;
}

function Summary({ order }) {
  return html`<div class="stack">
    <p class="amount num">${money(order.amount_cents, order.currency)}</p>
    <${Lines} of=${order} /><${Refunds} order=${order} />
    ${["expired", "cancelled"].includes(order.status) && html`<p class="quiet small">${t("order.goneNote")}</p>`}
    <${BackButton} />
  </div>`;
}

/** Pieces for an order of their own; at least one goes, at least one stays. */
function Split({ order, onDone }) {
  const [moved, setMoved] = useState({});
  const total = order.lines.reduce((sum, line) => sum + line.qty, 0);
  const going = Object.values(moved).reduce((sum, qty) => sum + qty, 0);
  const step = (line, by) => setMoved({ ...moved, [line.sku_id]: Math.max(0, Math.min(line.qty, (moved[line.sku_id] ?? 0) + by)) });
  return html`<section class="stack split-form" data-testid="split-form"><p class="quiet small">${t("order.splitHint")}</p>
    ${order.lines.map((line) => html`<div class="row apart" key=${line.sku_id}><span class="grow clip">${line.title}</span>
      <span class="stepper" role="group" aria-label=${t("order.splitOf", { name: line.title })}><button class="icon-btn" type="button" aria-label=${t("cart.less")} onClick=${() => step(line, -1)}><${Icon} name="minus" size=${16} /></button>
        <span class="num">${moved[line.sku_id] ?? 0}/${line.qty}</span><button class="icon-btn" type="button" aria-label=${t("cart.more")} onClick=${() => step(line, 1)} data-testid="split-more"><${Icon} name="plus" size=${16} /></button></span></div>`)}
    <div class="row"><button class="btn ghost grow" type="button" onClick=${onDone}>${t("cancel")}</button>
      <button class="btn grow" type="button" disabled=${going < 1 || going >= total} onClick=${() => split(order, moved).then(onDone)} data-testid="split-confirm">${t("order.split")}</button></div></section>`;
}

/** What may be done with an unpaid order besides paying it; letting it go is asked twice. */
function Acts({ order }) {
  const [asked, setAsked] = useState(null);
  const others = mergeable(order);
  const close = () => setAsked(null);
  if (asked === "split" && canSplit(order)) return html`<${Split} order=${order} onDone=${close} />`;
  if (asked === "cancel") {
    return html`<div class="stack" role="group" aria-label=${t("order.cancel")}><p class="notice amber">${t("order.cancelAsk")}</p>
      <div class="row"><button class="btn ghost grow" type="button" onClick=${close}>${t("order.keep")}</button>
        <button class="btn danger grow" type="button" onClick=${() => cancel(order).then(close)} data-testid="cancel-confirm">${t("order.cancel")}</button></div></div>`;
  }
  return html`<div class="order-acts">
    ${canSplit(order) && html`<button class="btn small ghost" type="button" onClick=${() => setAsked("split")} data-testid="order-split">${t("order.split")}</button>`}
    ${others.length > 0 && html`<button class="btn small ghost" type="button" onClick=${() => merge(order, others)} data-testid="order-merge">${t("order.merge", { n: others.length + 1 })}</button>`}
    <button class="btn small ghost" type="button" onClick=${() => setAsked("cancel")} data-testid="order-cancel">${t("order.cancel")}</button></div>`;
}

function Offered({ order }) {
  return html`<p class="notice amber offered" role="status" data-testid="offered"><${Icon} name="gift" size=${20} /><span class="grow">${t("waitlist.yours")}</span><${Countdown} class="pay-left" untilMs=${payBy(order)} now=${now} /></p>`;
}

export function OrderSheet() {
  const order = opened.value;
  const [paidHere, setPaidHere] = useState(null);
  useEffect(() => {
    if (order && isUnpaid(order)) setPaidHere(order.order_id);
    if (!order) setPaidHere(null);
  }, [order?.order_id]);
  if (!order) return null;
  const waiting = isUnpaid(order);
  const paying = waiting || (paidHere === order.order_id && AFTER_PAYING.has(order.status));
  return html`<${Sheet} title=${t(waiting ? "order.got" : "order.detail")} onClose=${() => (opened.value = null)} testid="order-sheet" class="cashier">
    <div class="stack"><div class="row centred"><${Status} order=${order} testid="order-status" /></div>
      ${waiting && wasOffered(order) && html`<${Offered} order=${order} />`}
      ${paying ? html`<${Paying} order=${order} key=${order.order_id} />` : html`<${Summary} order=${order} />`}
      ${waiting && html`<${Acts} order=${order} key=${`acts ${order.order_id}`} />`}</div>
  </${Sheet}>`;
}

// This viewer's orders: the one just made, with its cashier, and all of them.

import { signal } from "@preact/signals-core";
import { useEffect, useState } from "preact/hooks";

import { Cashier } from "../cashier/cashier.js";
import { dateTime, money } from "../format.js";
import { errorText, t } from "../i18n.js";
import { Countdown } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Sheet } from "../ui/sheet.js";
import { now } from "./live.js";
import { refreshRewards } from "./coupons.js";
import { MyRewards } from "./coupons_view.js";
import { bagOpen } from "./shop_view.js";
import { beginPayment, opened, orders, payBy, refreshOrders } from "./shop.js";

export const listOpen = signal(false);

const COLOURS = { held: "amber", placed: "amber", paid: "green", cancelled: "outline", expired: "outline", partially_refunded: "outline", refunded: "outline" };

function Status({ order }) {
  return html`<span class=${`chip ${COLOURS[order.status]}`} data-testid="order-status" data-status=${order.status}>
    ${order.status === "paid" && html`<${Icon} name="check" size=${12} />`}${t(`order.status.${order.status}`)}</span>`;
}

function backToRoom() {
  opened.value = null;
  bagOpen.value = false;
}

function BackButton() {
  return html`<button class="btn ghost wide" type="button" onClick=${backToRoom} data-testid="back-to-room">${t("cashier.back")}</button>`;
}

/** Starts the payment as soon as the order is open, so that one press is left: paying. */
function Paying({ order }) {
  const [paymentId, setPaymentId] = useState(null);
  const [error, setError] = useState(null);
  const begin = () => {
    setError(null);
    setPaymentId(null);
    beginPayment(order.order_id).then((answer) => {
      setPaymentId(answer.payment_id);
      refreshOrders().catch(() => {});
    }, setError);
  };
  useEffect(begin, [order.order_id]);
  if (error) {
    return html`<div class="stack"><p class="notice red" role="alert">${errorText(error)}</p><button class="btn wide" type="button" onClick=${begin}>${t("retry")}</button></div>`;
  }
  if (!paymentId) return html`<p class="row quiet centred"><span class="spinner"></span>${t("order.preparing")}</p>`;
  return html`<${Cashier} key=${paymentId} paymentId=${paymentId} onSettled=${() => refreshOrders().catch(() => {})} onAgain=${begin} back=${html`<${BackButton} />`} />`;
}

function Summary({ order }) {
  return html`<div class="stack">
    <p class="amount num">${money(order.amount_cents, order.currency)}</p>
    <ul class="stack pay-lines">${order.lines.map((line) => html`<li class="row apart" key=${line.sku_id}><span class="grow">${line.title} <span class="quiet">${t("order.qty", { n: line.qty })}</span></span><span class="num">${money(line.unit_cents * line.qty, order.currency)}</span></li>`)}
      ${(order.discounts ?? []).map((one) => html`<li class="row apart gold-text" key=${one.kind + one.id}><span class="grow">${one.title || t(`discount.${one.kind}`)}</span><span class="num">−${money(one.off_cents, order.currency)}</span></li>`)}
      <li class="row apart quiet small"><span>${t("order.id")}</span><span class="mono clip">${order.order_id}</span></li></ul>
    <${BackButton} />
  </div>`;
}

export function OrderSheet() {
  const order = opened.value;
  const [paidHere, setPaidHere] = useState(null);
  useEffect(() => {
    if (order && ["held", "placed"].includes(order.status)) setPaidHere(order.order_id);
    if (!order) setPaidHere(null);
  }, [order?.order_id]);
  if (!order) return null;
  const waiting = ["held", "placed"].includes(order.status);
  return html`<${Sheet} title=${waiting ? t("order.got") : t("order.title")} onClose=${() => (opened.value = null)} testid="order-sheet" class="cashier">
    <div class="stack"><div class="row centred"><${Status} order=${order} /></div>
      ${waiting || paidHere === order.order_id ? html`<${Paying} order=${order} key=${order.order_id} />` : html`<${Summary} order=${order} />`}</div>
  </${Sheet}>`;
}

function OrderRow({ order }) {
  const open = () => {
    listOpen.value = false;
    opened.value = order;
  };
  const waiting = ["held", "placed"].includes(order.status) && payBy(order) > now();
  return html`<li><button class="order-row" type="button" onClick=${open} data-testid="order-row" data-order=${order.order_id}>
    <span class="grow"><strong class="clip">${order.lines.map((line) => line.title).join(" · ")}</strong><span class="quiet small">${dateTime(order.created_ms)}</span></span>
    <span class="order-end"><span class="num">${money(order.amount_cents, order.currency)}</span>
      <span class="row">${waiting && html`<${Countdown} class="small pay-soon" untilMs=${payBy(order)} now=${now} />`}<span class=${`chip ${COLOURS[order.status]}`}>${t(`order.status.${order.status}`)}</span></span></span>
  </button></li>`;
}

export function OrdersSheet() {
  const shown = listOpen.value;
  useEffect(() => {
    if (shown) refreshOrders().then(refreshRewards).catch(() => {});
  }, [shown]);
  if (!shown) return null;
  return html`<${Sheet} title=${t("order.mine")} onClose=${() => (listOpen.value = false)} testid="orders-sheet">
    <${MyRewards} />
    ${orders.value.length
      ? html`<ul class="order-list">${orders.value.map((order) => html`<${OrderRow} order=${order} key=${order.order_id} />`)}</ul>`
      : html`<div class="empty"><${Icon} name="ticket" size=${34} /><p>${t("order.empty")}</p><p class="small">${t("order.emptyHint")}</p></div>`}
  </${Sheet}>`;
}

// This viewer's orders as a list, and the word for what each has come to.

import { dateTime, money } from "../format.js";
import { t } from "../i18n.js";
import { Countdown, useNow } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { now } from "./live.js";
import { duty, isUnpaid, opened, orders, payBy, wasOffered } from "./shop.js";

const COLOURS = { held: "amber", placed: "amber", paid: "green", cancelled: "outline", expired: "outline", partially_refunded: "gold", refunded: "outline" };

export function Status({ order, testid }) {
  return html`<span class=${`chip ${COLOURS[order.status]}`} data-testid=${testid} data-status=${order.status}>
    ${order.status === "paid" && html`<${Icon} name="check" size=${12} />`}${t(`order.status.${order.status}`)}</span>`;
}

function OrderRow({ order }) {
  const waiting = isUnpaid(order) && payBy(order) > now();
  return html`<li><button class="order-row" type="button" onClick=${() => (opened.value = order)} data-testid="order-row" data-order=${order.order_id}>
    <span class="grow"><strong class="clip">${order.lines.map((line) => (line.qty > 1 ? `${line.title} ×${line.qty}` : line.title)).join(" · ")}</strong><span class="quiet small">${dateTime(order.created_ms)}</span></span>
    <span class="order-end"><span class="num">${money(order.amount_cents, order.currency)}</span>
      <span class="row">${waiting && html`<${Countdown} class="small pay-soon" untilMs=${payBy(order)} now=${now} />`}<${Status} order=${order} /></span></span>
  </button></li>`;
}

export function OrderList() {
  if (!orders.value.length) return html`<div class="empty"><${Icon} name="ticket" size=${34} /><p>${t("order.empty")}</p><p class="small">${t("order.emptyHint")}</p></div>`;
  return html`<ul class="order-list">${orders.value.map((order) => html`<${OrderRow} order=${order} key=${order.order_id} />`)}</ul>`;
}

/** On the picture while something is to be paid: how long there is, and the way there. */
export function PayReminder() {
  const order = duty.value;
  if (!order || opened.value) return null;
  return html`<${Reminder} key=${order.order_id} order=${order} />`;
}

function Reminder({ order }) {
  const left = payBy(order) - useNow(now, 1_000);
  if (left <= 0) return null;
  return html`<button class="pay-reminder" type="button" onClick=${() => (opened.value = order)} data-testid="pay-reminder"><${Icon} name="clock" size=${16} />
    <span class="clip">${t(wasOffered(order) ? "order.remindOffer" : "order.remind", { amount: money(order.amount_cents, order.currency) })}</span><${Countdown} untilMs=${payBy(order)} now=${now} /><${Icon} name="arrowRight" size=${14} /></button>`;
}

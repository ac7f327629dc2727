// The newest orders and what they add up to. Read only.

import { clock, money, percent, whole } from "../format.js";
import { lang, t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Exports } from "./exports.js";

const ROWS_MAX = 60;
const STATUS_CHIP = { held: "amber", placed: "amber", paid: "green", cancelled: "outline", expired: "outline", partially_refunded: "red", refunded: "red" };

export function Orders({ desk }) {
  const orders = desk.orders.value;
  return html`<section class="pane area-orders" aria-label=${t("console.orders")}>
    <header><h2>${t("console.orders")}</h2><${Sums} metrics=${desk.metrics.value} /></header>
    <div class="pane-body">
      <${Exports} roomId=${desk.roomId} />
      ${!orders?.length
        ? html`<div class="empty"><p>${orders ? t("console.orders_empty") : t("console.loading")}</p></div>`
        : html`<table class="table"><thead class="sr-only"><tr><th>${t("console.time")}</th><th>${t("console.product")}</th><th>${t("console.amount")}</th><th>${t("console.status")}</th></tr></thead>
          <tbody>${orders.slice(0, ROWS_MAX).map((order) => html`<${OrderRow} key=${order.order_id} desk=${desk} order=${order} />`)}</tbody></table>`}
    </div>
  </section>`;
}

function Sums({ metrics }) {
  if (!metrics) return null;
  const paid = metrics.orders ? metrics.paid_orders / metrics.orders : 0;
  return html`<span class="push row small quiet num">${t("console.paid_of", { paid: whole(metrics.paid_orders), orders: whole(metrics.orders), share: percent(Math.min(1, paid)) })}<b class="money gold-text">${money(metrics.gmv_cents)}</b></span>`;
}

function OrderRow({ desk, order }) {
  const items = order.lines.map((line) => `${desk.titleOf(line)} × ${line.qty}`).join(lang.value === "zh" ? "、" : ", ");
  return html`<tr data-testid="order-row" data-status=${order.status}>
    <td class="shrink num quiet">${clock(order.created_ms)}</td>
    <td class="order-items"><p title=${items}>${items}</p></td>
    <td class="shrink end money">${money(order.amount_cents, order.currency)}</td>
    <td class="shrink end"><span class="chip ${STATUS_CHIP[order.status] ?? "outline"}" title=${order.order_id}>${t(`console.order_status.${order.status}`)}</span></td>
  </tr>`;
}

// The newest orders and what they add up to; a press on one opens all of it.

import { useState } from "preact/hooks";

import { clock, money, percent, whole } from "../format.js";
import { lang, t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Exports } from "./exports.js";
import { OrderDialog } from "./order_dialog.js";

const ROWS_MAX = 60;
const STATUS_CHIP = { held: "amber", placed: "amber", paid: "green", cancelled: "outline", expired: "outline", partially_refunded: "red", refunded: "red" };

export function Orders({ desk, tabs }) {
  const orders = desk.orders.value;
  const [openId, setOpenId] = useState(null);
  const open = orders?.find((order) => order.order_id === openId);
  return html`<section class="pane area-orders" aria-label=${t("console.orders")}>
    <header>${tabs}</header>
    <div class="pane-body">
      <div class="row orders-head"><${Exports} desk=${desk} /><${Sums} metrics=${desk.metrics.value} /></div>
      ${!orders?.length
        ? html`<div class="empty"><p>${orders ? t("console.orders_empty") : t("console.loading")}</p></div>`
        : html`<table class="table"><thead class="sr-only"><tr><th>${t("console.time")}</th><th>${t("console.product")}</th><th>${t("console.amount")}</th><th>${t("console.status")}</th></tr></thead>
          <tbody>${orders.slice(0, ROWS_MAX).map((order) => html`<${OrderRow} key=${order.order_id} desk=${desk} order=${order} onOpen=${() => setOpenId(order.order_id)} />`)}</tbody></table>`}
    </div>
    ${open && html`<${OrderDialog} desk=${desk} order=${open} onClose=${() => setOpenId(null)} />`}
  </section>`;
}

function Sums({ metrics }) {
  if (!metrics) return null;
  const paid = metrics.orders ? metrics.paid_orders / metrics.orders : 0;
  return html`<span class="push row small quiet num">${t("console.paid_of", { paid: whole(metrics.paid_orders), orders: whole(metrics.orders), share: percent(Math.min(1, paid)) })}<b class="money gold-text">${money(metrics.gmv_cents)}</b></span>`;
}

function OrderRow({ desk, order, onOpen }) {
  const items = order.lines.map((line) => `${desk.titleOf(line)} × ${line.qty}`).join(lang.value === "zh" ? "、" : ", ");
  return html`<tr data-testid="order-row" data-status=${order.status}>
    <td class="shrink num quiet">${clock(order.created_ms)}</td>
    <td class="order-items"><button class="row-link" type="button" title=${items} aria-label=${t("console.order_open", { items })} onClick=${onOpen} data-testid="order-open">${items}</button></td>
    <td class="shrink end money">${money(order.amount_cents, order.currency)}</td>
    <td class="shrink end"><span class="chip ${STATUS_CHIP[order.status] ?? "outline"}" title=${order.order_id}>${t(`console.order_status.${order.status}`)}</span></td>
  </tr>`;
}

// One order for the people who run the room: what it holds, what went back of its money, and giving money back.

import { useEffect, useState } from "preact/hooks";

import { get } from "../api.js";
import { dateTime, money, whole } from "../format.js";
import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Sheet } from "../ui/sheet.js";
import { RefundForm } from "./refund_form.js";

const RETRY_MS = 1_000; // an order is a moment younger in the books than on the line
const REFUNDABLE = new Set(["paid", "partially_refunded"]);
const REFUND_CHIP = { succeeded: "green", settled: "green", pending: "amber", failed: "red" };

/** Words of a reason: staff's own, or why the server gave money back by itself. */
export function reasonWords(reason) {
  const name = reason.startsWith("too_late") ? "too_late" : reason === "wrong_currency" ? "wrong_amount" : reason;
  const key = `console.refund.reason.${name}`;
  const words = t(key);
  return words === key ? reason : words;
}

function Lines({ desk, order }) {
  const row = (key, name, cents, tone = "") => html`<tr key=${key} class=${tone}><td>${name}</td><td class="end money">${money(cents, order.currency)}</td></tr>`;
  return html`<table class="table"><tbody>
    ${order.lines.map((line, nth) => row(`${line.sku_id}.${nth}`, html`${desk.titleOf(line)} <span class="quiet">× ${line.qty}</span>`, line.unit_cents * line.qty))}
    ${(order.discounts ?? []).map((one) => row(one.kind + one.id, html`<span class="gold-text">${one.title || t(`discount.${one.kind}`)}</span>`, -one.off_cents))}
    <tr class="sum"><td>${t("console.order_paid_sum")}</td><td class="end money"><b>${money(order.amount_cents, order.currency)}</b></td></tr></tbody></table>`;
}

function Refunds({ list }) {
  if (!list.length) return null;
  return html`<section aria-label=${t("console.refunds")}><h3 class="label">${t("console.refunds")}</h3><table class="table"><tbody>${list.map((one) => html`<tr key=${one.refund_id} data-testid="refund-row" data-status=${one.status}>
    <td class="shrink num quiet">${dateTime(one.created_ms)}</td><td>${reasonWords(one.reason)}<span class="quiet">${one.lines.length ? ` · ${t("console.pieces_n", { n: whole(one.lines.reduce((sum, line) => sum + line.qty, 0)) })}` : ""} · ${t(`console.refund.stock.${one.stock}`)}</span></td>
    <td class="shrink end money">${money(one.amount_cents, one.currency)}</td><td class="shrink end"><span class="chip ${REFUND_CHIP[one.status]}">${t(`console.refund.status.${one.status}`)}</span>${one.note && html`<p class="quiet small">${one.note}</p>`}</td></tr>`)}</tbody></table></section>`;
}

/** `order` as the list has it; it is drawn anew while the list is asked again. */
export function OrderDialog({ desk, order, onClose }) {
  const [refunds, setRefunds] = useState(null);
  const [asked, setAsked] = useState(0);
  const load = () => setAsked((times) => times + 1);
  useEffect(() => {
    let timer = null;
    let shown = true;
    const later = () => shown && (timer = setTimeout(load, RETRY_MS));
    get(`/v1/orders/${encodeURIComponent(order.order_id)}/refunds`).then((answer) => shown && setRefunds(answer.refunds), later);
    return () => {
      shown = false;
      clearTimeout(timer);
    };
  }, [order.order_id, order.status, asked]);
  return html`<${Sheet} title=${t("console.order_detail")} class="wide" onClose=${onClose} testid="order-dialog">
    <div class="stack">
      <dl class="order-facts"><div><dt>${t("console.order_id")}</dt><dd class="mono">${order.order_id}</dd></div><div><dt>${t("console.order_user")}</dt><dd class="mono">${order.user_id}</dd></div>
        <div><dt>${t("console.order_made")}</dt><dd class="num">${dateTime(order.created_ms)}</dd></div><div><dt>${t("console.status")}</dt><dd data-testid="order-dialog-status" data-status=${order.status}>${t(`console.order_status.${order.status}`)}</dd></div>
        ${order.channel && order.channel !== "live" && html`<div><dt>${t("console.channel")}</dt><dd>${order.channel}</dd></div>`}</dl>
      <${Lines} desk=${desk} order=${order} /><${Refunds} list=${refunds ?? []} />
      ${REFUNDABLE.has(order.status) && refunds && html`<${RefundForm} key=${refunds.length} desk=${desk} order=${order} refunds=${refunds} onDone=${load} />`}
    </div>
  <//>`;
}

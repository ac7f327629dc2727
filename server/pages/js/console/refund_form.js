// Giving money back: all of it, some pieces, or a sum; why; whether the pieces return to stock, and the coupon to its buyer. Asked twice, sent under
// one key, so that pressing twice gives back once.

import { useRef, useState } from "preact/hooks";

import { post } from "../api.js";
import { money } from "../format.js";
import { errorText, t } from "../i18n.js";
import { purchaseKey } from "../liveroom.js";
import { html } from "../ui/html.js";
import { toast } from "../ui/toast.js";
import { centsOf, wholeOf } from "./money_field.js";

const REASONS = ["changed_mind", "damaged", "wrong_item", "not_as_described", "not_received", "out_of_stock", "duplicate", "fraud", "goodwill", "other"];
const KINDS = ["all", "pieces", "sum"];

/** What no refund was for yet: cents, and pieces by SKU with what one really costs. */
export function leftOf(order, refunds) {
  const counted = refunds.filter((one) => one.status !== "failed");
  const cents = order.amount_cents - counted.reduce((sum, one) => sum + one.amount_cents, 0);
  const rows = new Map();
  for (const line of order.lines) {
    const row = rows.get(line.sku_id) ?? { ...line, qty: 0, left: 0, paid_cents: 0 };
    rows.set(line.sku_id, { ...row, qty: row.qty + line.qty, left: row.left + line.qty, paid_cents: row.paid_cents + (line.paid_cents || line.unit_cents * line.qty) });
  }
  for (const one of counted) for (const { sku_id: id, qty } of one.lines) rows.get(id).left -= qty;
  return { cents, rows: [...rows.values()] };
}

/** Whether the order was paid with a coupon, which stays used unless it is given back. */
export const hadCoupon = (order) => (order?.discounts ?? []).some(({ kind }) => kind === "coupon" || kind === "platform_coupon");

export function CouponTick({ testid, on, onPick }) {
  return html`<label class="check-row w-12"><input type="checkbox" checked=${on} data-testid=${testid} onChange=${(event) => onPick(event.currentTarget.checked)} /><span>${t("console.refund.coupon")}</span></label>`;
}

/** What the first so many pieces of a SKU cost: rounded as the server does. */
const worth = (row, qty) => Math.floor((row.paid_cents * qty) / row.qty);

/** The form as the server's refund, with the sum it comes to, or {fault: word key}. */
export function refundOf(kind, { pieces, sum, reason, restock }, left) {
  const lines = left.rows.map((row) => ({ row, sku_id: row.sku_id, qty: wholeOf(pieces(row.sku_id) || "0", 0, row.left) }));
  if (kind === "all") return { cents: left.cents, body: { reason, restock } };
  if (kind === "sum") {
    const cents = centsOf(sum);
    return cents && cents <= left.cents ? { cents, body: { reason, amount_cents: cents } } : { fault: "console.fault.refund_sum" };
  }
  const asked = lines.filter((line) => line.qty);
  if (lines.some((line) => line.qty === null) || !asked.length) return { fault: "console.fault.refund_pieces" };
  const cents = asked.reduce((total, { row, qty }) => total + worth(row, row.qty - row.left + qty) - worth(row, row.qty - row.left), 0);
  return { cents, body: { reason, restock, lines: asked.map(({ sku_id, qty }) => ({ sku_id, qty })) } };
}

function Choice({ name, value, on, label, testid, onPick }) {
  return html`<label><input type="radio" name=${name} value=${value} checked=${on} data-testid=${testid} onChange=${onPick} /><span>${label}</span></label>`;
}

function Pieces({ desk, rows }) {
  return html`<div class="rule-grid w-12">${rows.map((row) => html`<label class="field" key=${row.sku_id}><span class="clip">${desk.titleOf(row)} · ${t("console.refund.of", { n: row.left })}</span>
    <input class="input small num" inputmode="numeric" name="pieces:${row.sku_id}" placeholder="0" disabled=${row.left === 0} data-testid="refund-pieces-${row.sku_id}" /></label>`)}</div>`;
}

export function RefundForm({ desk, order, refunds, onDone }) {
  const key = useRef(purchaseKey());
  const left = leftOf(order, refunds);
  const [kind, setKind] = useState("all");
  const [restock, setRestock] = useState(false);
  const [coupon, setCoupon] = useState(false);
  const [fault, setFault] = useState(null);
  const [asked, setAsked] = useState(null);
  const [busy, setBusy] = useState(false);
  const withStock = kind !== "sum" && left.rows.some((row) => row.left > 0);

  const ask = (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const wish = refundOf(kind, { pieces: (id) => form.elements[`pieces:${id}`]?.value.trim(), sum: form.sum?.value ?? "", reason: form.reason.value, restock: withStock && restock }, left);
    setFault(wish.fault ?? null);
    setAsked(wish.fault ? null : wish);
  };
  const confirm = async () => {
    setBusy(true);
    try {
      await post(`/v1/orders/${encodeURIComponent(order.order_id)}/refund`, { ...asked.body, return_coupons: coupon }, { key: key.current });
      toast(t("console.refund.done", { sum: money(asked.cents, order.currency) }), { kind: "good" });
      onDone();
    } catch (error) {
      toast(errorText(error), { kind: "bad" });
      setAsked(null);
    }
    setBusy(false);
  };
  return html`<section class="refund" aria-label=${t("console.refund")}><h3 class="label">${t("console.refund")}</h3>
    <form class="grid-form" onSubmit=${ask} onInput=${() => setAsked(null)} noValidate data-testid="refund-form">
      <fieldset class="bare w-12"><legend class="sr-only">${t("console.refund.what")}</legend><div class="choices">${KINDS.map((one) => html`<${Choice} key=${one} name="kind" value=${one} on=${kind === one} label=${t(`console.refund.kind.${one}`, { sum: money(left.cents, order.currency) })} testid="refund-kind-${one}" onPick=${() => setKind(one)} />`)}</div></fieldset>
      ${kind === "pieces" && html`<${Pieces} desk=${desk} rows=${left.rows} />`}
      ${kind === "sum" && html`<label class="field w-4 half"><span>${t("console.amount")} ¥</span><input class="input small num" name="sum" inputmode="decimal" placeholder=${(left.cents / 100).toFixed(2)} data-testid="refund-sum" /></label>`}
      <label class="field w-5 half"><span>${t("console.refund.why")}</span><select class="select small" name="reason" data-testid="refund-reason">${REASONS.map((one) => html`<option key=${one} value=${one}>${t(`console.refund.reason.${one}`)}</option>`)}</select></label>
      ${withStock && html`<fieldset class="bare w-12"><legend class="label">${t("console.refund.pieces")}</legend><div class="choices">
        <${Choice} name="restock" value="no" on=${!restock} label=${t("console.refund.keep")} testid="refund-keep" onPick=${() => setRestock(false)} /><${Choice} name="restock" value="yes" on=${restock} label=${t("console.refund.return")} testid="refund-return" onPick=${() => setRestock(true)} /></div></fieldset>`}
      ${hadCoupon(order) && html`<${CouponTick} testid="refund-coupon" on=${coupon} onPick=${setCoupon} />`}
      ${fault && html`<p class="w-12 wrong" role="alert">${t(fault)}</p>`}
      ${!asked && html`<div class="w-12 form-foot"><button class="btn small" data-testid="refund-ask">${t("console.next")}</button></div>`}
    </form>
    ${asked && html`<p class="notice amber" role="status">${t(asked.body.restock ? "console.refund.ask_return" : "console.refund.ask", { sum: money(asked.cents, order.currency) })}</p>
      <div class="form-foot"><button class="btn small ghost" onClick=${() => setAsked(null)}>${t("console.cancel")}</button><button class="btn small primary" disabled=${busy} onClick=${confirm} data-testid="refund-confirm">${t("console.refund.confirm")}</button></div>`}
  </section>`;
}

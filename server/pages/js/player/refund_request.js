// Asking for one's money back: the whole order or some pieces, why, and how that stands.

import { useEffect, useRef, useState } from "preact/hooks";

import * as api from "../api.js";
import { dateTime, money } from "../format.js";
import { errorText, t } from "../i18n.js";
import { purchaseKey } from "../liveroom.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { toast } from "../ui/toast.js";
import { client } from "./live.js";
import { refundsOf } from "./order_acts.js";

const REASONS = ["changed_mind", "damaged", "wrong_item", "not_as_described", "not_received", "duplicate", "other"];
const REFUNDABLE = new Set(["paid", "partially_refunded"]);
const NOTE_CHARS_MAX = 500;
const GOOD = new Set(["succeeded", "settled", "approved"]);
const BAD = new Set(["failed", "refused"]);

const tone = (status) => (GOOD.has(status) ? "green" : BAD.has(status) ? "red" : status === "withdrawn" ? "outline" : "amber");

function reasonWords(reason) {
  const name = reason.startsWith("too_late") ? "too_late" : reason === "wrong_currency" ? "wrong_amount" : reason;
  const words = t(`refund.reason.${name}`);
  return words.startsWith("refund.") ? t("refund.reason.other") : words;
}

/** Pieces of each SKU that no refund was for yet. */
function leftOf(order, refunds) {
  const left = new Map();
  for (const { sku_id: id, qty, title } of order.lines) left.set(id, { id, title, qty: (left.get(id)?.qty ?? 0) + qty });
  for (const one of refunds) if (one.status !== "failed") for (const { sku_id: id, qty } of one.lines) left.get(id).qty -= qty;
  return [...left.values()].filter((row) => row.qty > 0);
}

function Row({ one, kind, words, children }) {
  return html`<li class="refund-row" data-testid=${kind} data-status=${one.status}>
    <span class="grow"><strong class="num">${money(one.amount_cents, one.currency)}</strong> <span class="small quiet">${dateTime(one.created_ms)}</span><span class="small">${reasonWords(one.reason)}${children}</span></span>
    <span class="chip ${tone(one.status)}">${words}</span></li>`;
}

function Request({ one, onDone }) {
  const withdraw = () => api.post(`/v1/refund-requests/${encodeURIComponent(one.request_id)}/withdraw`, {}).then(onDone, (error) => toast(errorText(error), { kind: "bad" }));
  return html`<${Row} one=${one} kind="request-row" words=${t(`refundRequest.status.${one.status}`)}>${one.answer && html`<br /><span data-testid="request-answer">${t("refundRequest.answer", { text: one.answer })}</span>`}
    ${one.status === "open" && html`<br /><button class="btn small ghost" type="button" onClick=${withdraw} data-testid="request-withdraw">${t("refundRequest.withdraw")}</button>`}<//>`;
}

function Stepper({ row, qty, onStep }) {
  return html`<div class="row apart"><span class="grow clip">${row.title}</span>
    <span class="stepper" role="group" aria-label=${t("refundRequest.of", { name: row.title })}><button class="icon-btn" type="button" aria-label=${t("cart.less")} onClick=${() => onStep(-1)}><${Icon} name="minus" size=${16} /></button>
      <span class="num">${qty}/${row.qty}</span><button class="icon-btn" type="button" aria-label=${t("cart.more")} onClick=${() => onStep(1)} data-testid="request-more"><${Icon} name="plus" size=${16} /></button></span></div>`;
}

/** One key for one form: pressing twice asks once. */
function Form({ order, rows, onDone }) {
  const key = useRef(purchaseKey());
  const [whole, setWhole] = useState(true);
  const [picked, setPicked] = useState({});
  const [busy, setBusy] = useState(false);
  const pieces = rows.reduce((sum, row) => sum + row.qty, 0);
  const lines = Object.entries(picked).filter(([, qty]) => qty).map(([sku_id, qty]) => ({ sku_id, qty }));
  const step = (row, by) => setPicked({ ...picked, [row.id]: Math.max(0, Math.min(row.qty, (picked[row.id] ?? 0) + by)) });
  const submit = async (event) => {
    event.preventDefault();
    const form = event.currentTarget.elements;
    setBusy(true);
    try {
      await api.post(`/v1/orders/${encodeURIComponent(order.order_id)}/refund`, { reason: form.reason.value, note: form.note.value.trim(), lines: whole ? [] : lines }, { key: key.current });
      toast(t("refundRequest.sent"), { kind: "good" });
    } catch (error) {
      toast(errorText(error), { kind: "bad" });
    }
    setBusy(false);
    onDone();
  };
  const choice = (on, value, words, id) => html`<label><input type="radio" name="what" checked=${on} onChange=${() => setWhole(value)} data-testid=${id} /><span>${words}</span></label>`;
  return html`<form class="stack split-form" onSubmit=${submit} data-testid="request-form">
    ${pieces > 1 && html`<div class="pick" role="group" aria-label=${t("refundRequest.what")}>${choice(whole, true, t("refundRequest.all"), "request-all")}${choice(!whole, false, t("refundRequest.pieces"), "request-pieces")}</div>`}
    ${!whole && rows.map((row) => html`<${Stepper} key=${row.id} row=${row} qty=${picked[row.id] ?? 0} onStep=${(by) => step(row, by)} />`)}
    <label class="field"><span>${t("refundRequest.why")}</span><select class="select" name="reason" data-testid="request-reason">${REASONS.map((one) => html`<option key=${one} value=${one}>${t(`refund.reason.${one}`)}</option>`)}</select></label>
    <label class="field"><span>${t("refundRequest.note")}</span><textarea class="textarea" name="note" rows="2" maxlength=${NOTE_CHARS_MAX} data-testid="request-note"></textarea></label>
    <div class="row"><button class="btn ghost grow" type="button" onClick=${onDone}>${t("cancel")}</button><button class="btn primary grow" disabled=${busy || (!whole && !lines.length)} data-testid="request-send">${t("refundRequest.send")}</button></div></form>`;
}

/** Money that went back or is on its way, what was asked for, and asking. */
export function Refunds({ order }) {
  const [{ refunds, requests }, setBooks] = useState({ refunds: [], requests: [] });
  const [known, setKnown] = useState(false);
  const [asking, setAsking] = useState(false);
  const load = () => refundsOf(order).then((books) => { setBooks(books); setKnown(true); }, () => {});
  useEffect(() => {
    load();
    return client.on("refund.decided", load);
  }, [order.order_id, order.status]);
  const rows = leftOf(order, refunds);
  const waits = requests.some((one) => one.status === "open");
  const may = known && REFUNDABLE.has(order.status) && !waits;
  const done = () => { setAsking(false); load(); };
  return html`${(refunds.length > 0 || requests.length > 0) && html`<section class="stack" aria-label=${t("refund.title")}><h3 class="label">${t("refund.title")}</h3>
      <ul class="stack">${refunds.map((one) => html`<${Row} key=${one.refund_id} one=${one} kind="refund-row" words=${t(`refund.status.${one.status}`)} />`)}
        ${requests.filter((one) => one.status !== "approved").map((one) => html`<${Request} key=${one.request_id} one=${one} onDone=${load} />`)}</ul></section>`}
    ${may && (asking ? html`<${Form} order=${order} rows=${rows} onDone=${done} />` : html`<button class="btn ghost wide" type="button" onClick=${() => setAsking(true)} data-testid="request-open">${t("refundRequest.open")}</button>`)}`;
}

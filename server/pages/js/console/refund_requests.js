// What buyers ask back: how many wait, and saying yes, with what becomes of the pieces, or no and why.

import { useEffect, useState } from "preact/hooks";

import { post } from "../api.js";
import { dateTime, money, whole } from "../format.js";
import { errorText, lang, t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Sheet } from "../ui/sheet.js";
import { toast } from "../ui/toast.js";
import { reasonWords } from "./order_dialog.js";
import { CouponTick, hadCoupon } from "./refund_form.js";

const ANSWER_CHARS_MAX = 500;

/** What is asked for, by name; without lines all that is left. */
function piecesOf(desk, request, order) {
  if (!request.lines.length) return t("console.request.all");
  const title = (id) => desk.titleOf(order?.lines.find((line) => line.sku_id === id) ?? { sku_id: id });
  return request.lines.map(({ sku_id: id, qty }) => `${title(id)} × ${qty}`).join(lang.value === "zh" ? "、" : ", ");
}

function Request({ desk, request, onDone }) {
  const [act, setAct] = useState(null);
  const [fault, setFault] = useState(false);
  const [busy, setBusy] = useState(false);
  const [coupon, setCoupon] = useState(false);
  const order = desk.orders.value?.find((one) => one.order_id === request.order_id);
  const send = async (verb, body) => {
    setBusy(true);
    try {
      await post(`/v1/refund-requests/${encodeURIComponent(request.request_id)}/${verb}`, body);
      toast(t(`console.request.${verb}.done`), { kind: "good" });
    } catch (error) {
      toast(errorText(error), { kind: "bad" });
    }
    setBusy(false);
    onDone();
  };
  const refuse = (event) => {
    event.preventDefault();
    const answer = event.currentTarget.elements.answer.value.trim();
    setFault(!answer);
    if (answer) send("refuse", { answer });
  };
  return html`<section class="stack settle" data-testid="request" data-request=${request.request_id}>
    <p class="row apart"><b class="money">${money(request.amount_cents, request.currency)}</b><span class="grow clip">${piecesOf(desk, request, order)}</span><span class="quiet num">${dateTime(request.created_ms)}</span></p>
    <p class="small"><span class="chip amber">${reasonWords(request.reason)}</span> <span class="quiet mono">${request.user_id}</span></p>
    ${request.note && html`<p class="request-note" data-testid="request-note">${request.note}</p>`}
    ${act === null && html`<div class="form-foot"><button class="btn small ghost" type="button" onClick=${() => setAct("refuse")} data-testid="request-refuse">${t("console.request.refuse")}</button><button class="btn small" type="button" onClick=${() => setAct("approve")} data-testid="request-approve">${t("console.request.approve")}</button></div>`}
    ${act === "approve" && html`<p class="notice amber" role="status">${t("console.request.ask", { sum: money(request.amount_cents, request.currency) })}</p>
      ${hadCoupon(order) && html`<${CouponTick} testid="request-coupon" on=${coupon} onPick=${setCoupon} />`}
      <div class="form-foot"><button class="btn small ghost" type="button" onClick=${() => setAct(null)}>${t("console.cancel")}</button><button class="btn small" type="button" disabled=${busy} onClick=${() => send("approve", { restock: false, return_coupons: coupon })} data-testid="request-keep">${t("console.request.keep")}</button><button class="btn small primary" type="button" disabled=${busy} onClick=${() => send("approve", { restock: true, return_coupons: coupon })} data-testid="request-return">${t("console.request.return")}</button></div>`}
    ${act === "refuse" && html`<form class="stack" onSubmit=${refuse} noValidate><label class="field"><span>${t("console.request.answer")}</span><input class="input small" name="answer" maxlength=${ANSWER_CHARS_MAX} data-testid="request-answer" /></label>
      <div class="form-foot">${fault && html`<span class="grow wrong" role="alert">${t("console.fault.request_answer")}</span>`}<button class="btn small ghost" type="button" onClick=${() => setAct(null)}>${t("console.cancel")}</button><button class="btn small danger" disabled=${busy} data-testid="request-refuse-save">${t("console.request.refuse")}</button></div></form>`}</section>`;
}

/** Nothing to see while none waits. Money given back in whole answers its request: then it is asked again. */
export function RefundRequests({ desk }) {
  const list = desk.asked.value;
  const [open, setOpen] = useState(false);
  const refunded = desk.orders.value?.filter((order) => order.status === "refunded").length ?? 0;
  const load = () => desk.readAsked();
  useEffect(() => { if (refunded) load(); }, [refunded]);
  useEffect(() => { if (!list.length) setOpen(false); }, [list.length]);
  if (!list.length) return null;
  const title = t("console.refund_requests", { n: whole(list.length) });
  return html`<button class="btn tiny gold" type="button" onClick=${() => setOpen(true)} data-testid="refund-requests"><${Icon} name="reply" size=${14} />${title}</button>
    ${open && html`<${Sheet} title=${title} class="wide" onClose=${() => setOpen(false)} testid="refund-requests-dialog"><div class="stack">
      ${list.map((request) => html`<${Request} key=${request.request_id} desk=${desk} request=${request} onDone=${load} />`)}</div><//>`}`;
}

// Refunds that a provider refused for good: how many wait for a person, and saying how each was seen to.

import { useEffect, useState } from "preact/hooks";

import { get, post } from "../api.js";
import { dateTime, money, whole } from "../format.js";
import { errorText, t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Sheet } from "../ui/sheet.js";
import { toast } from "../ui/toast.js";

const NOTE_CHARS_MAX = 500;

function Settle({ refund, onDone }) {
  const [fault, setFault] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const form = event.currentTarget.elements;
    const note = form.note.value.trim();
    setFault(!note);
    if (!note) return;
    try {
      await post(`/v1/refunds/${encodeURIComponent(refund.refund_id)}/settle`, { note, paid: form.paid.checked });
      toast(t("console.saved"), { kind: "good" });
      onDone();
    } catch (error) {
      toast(errorText(error), { kind: "bad" });
    }
  };
  return html`<form class="stack settle" onSubmit=${submit} noValidate data-testid="settle-form">
    <p class="row apart"><b class="money">${money(refund.amount_cents, refund.currency)}</b><span class="mono clip">${refund.order_id}</span><span class="quiet num">${dateTime(refund.created_ms)}</span></p>
    <label class="field"><span>${t("console.settle_note")}</span><input class="input small" name="note" maxlength=${NOTE_CHARS_MAX} data-testid="settle-note" /></label>
    <label class="check-row"><input type="checkbox" name="paid" defaultChecked=${true} /><span>${t("console.settle_paid")}</span></label>
    <div class="form-foot">${fault && html`<span class="grow wrong" role="alert">${t("console.fault.settle_note")}</span>`}<button class="btn small" data-testid="settle-save">${t("console.settle")}</button></div></form>`;
}

/** Nothing to see while none waits; asked at the start, after each new one, and after each that was seen to. */
export function FailedRefunds({ desk }) {
  const [list, setList] = useState([]);
  const [open, setOpen] = useState(false);
  const load = () => get(`/v1/rooms/${encodeURIComponent(desk.roomId)}/refunds/failed`).then((answer) => setList(answer.refunds), () => {});
  useEffect(() => {
    load();
    return desk.client.on("refund.failed", load);
  }, []);
  if (!list.length) return null;
  return html`<button class="btn tiny danger" type="button" onClick=${() => setOpen(true)} data-testid="failed-refunds"><${Icon} name="alert" size=${14} />${t("console.failed_refunds", { n: whole(list.length) })}</button>
    ${open && html`<${Sheet} title=${t("console.failed_refunds", { n: whole(list.length) })} onClose=${() => setOpen(false)} testid="failed-refunds-dialog"><div class="stack"><p class="quiet">${t("console.failed_refunds_hint")}</p>
      ${list.map((refund) => html`<${Settle} key=${refund.refund_id} refund=${refund} onDone=${load} />`)}</div><//>`}`;
}

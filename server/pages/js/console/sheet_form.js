// Adding to the run-sheet: when, what, and the act that the press will do.

import { useState } from "preact/hooks";

import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { wholeOf } from "./money_field.js";
import { pollOf } from "./poll_part.js";

const MINUTE_MAX = 1_440;
const ACTS = ["none", "explain", "announce", "poll", "sale"];

/** The act as the server keeps it; null for a note, undefined when its detail is missing. */
export function actOf(kind, detail, title) {
  if (kind === "none") return null;
  if (!detail?.trim()) return undefined;
  if (kind === "explain") return { op: "card.show", params: { product_id: detail, mode: "explaining" } };
  if (kind === "announce") return { op: "announce", params: { text: detail.trim() } };
  if (kind === "sale") return { op: "sale.start", params: { sale_id: detail } };
  const poll = pollOf({ question: title, options: detail });
  return poll ? { op: "poll.open", params: poll } : undefined;
}

export function SheetForm({ desk, onAdd }) {
  const [kind, setKind] = useState("none");
  const [fault, setFault] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const minute = wholeOf(form.minute.value, 0, MINUTE_MAX);
    const title = form.title.value.trim();
    const act = actOf(kind, form.detail?.value, title);
    const wrong = !title || minute === null ? "console.fault.sheet" : act === undefined ? "console.fault.sheet_detail" : null;
    setFault(wrong);
    if (wrong || !(await onAdd({ title, minute, ...(act && { act }) }))) return;
    form.reset();
    setKind("none");
  };
  return html`<form class="grid-form part-form" data-testid="sheet-form" onSubmit=${submit} noValidate>
    <label class="field w-2"><span>${t("console.sheet_minute")}</span><input class="input small num" name="minute" inputmode="numeric" defaultValue="0" data-testid="sheet-minute" /></label>
    <label class="field w-6"><span>${t("console.sheet_title")}</span><input class="input small" name="title" maxlength="120" data-testid="sheet-title" /></label>
    <label class="field w-4"><span>${t("console.sheet_act")}</span><select class="select small" value=${kind} data-testid="sheet-act" onChange=${(event) => setKind(event.currentTarget.value)}>${ACTS.map((name) => html`<option key=${name} value=${name}>${t(`console.act.${name}`)}</option>`)}</select></label>
    <${Detail} desk=${desk} kind=${kind} />
    <div class="w-12 form-foot">${fault && html`<span class="wrong grow" role="alert">${t(fault)}</span>`}<button class="btn small" data-testid="sheet-add">${t("console.sheet_add")}</button></div>
  </form>`;
}

function Detail({ desk, kind }) {
  if (kind === "none") return null;
  const label = t(`console.act.${kind}`);
  if (kind === "announce") return html`<input class="input small w-12" name="detail" maxlength="200" aria-label=${label} data-testid="sheet-detail" />`;
  if (kind === "poll") return html`<textarea class="textarea input w-12" name="detail" rows="2" placeholder=${t("console.poll_options")} aria-label=${label} data-testid="sheet-detail"></textarea>`;
  const options = kind === "explain" ? (desk.cards.value ?? []).map((card) => [card.product_id, desk.titleOf(card)]) : startable(desk);
  return html`<select class="select small w-12" name="detail" aria-label=${label} data-testid="sheet-detail">${options.map(([id, title]) => html`<option key=${id} value=${id}>${title}</option>`)}</select>`;
}

const startable = (desk) =>
  Object.values(desk.sales.value ?? {})
    .filter((sale) => sale.phase === "draft" || sale.phase === "preheat")
    .map((sale) => [sale.sale_id, sale.skus.map((sku) => desk.titleOf(sku)).join(" + ")]);

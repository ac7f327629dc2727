// Conservation at a glance: green when every unit is accounted for, red when not, and the whole account on click.

import { useState } from "preact/hooks";

import { whole } from "../format.js";
import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Sheet } from "../ui/sheet.js";

const COLUMNS = ["initial", "restocked", "written_off", "available", "held", "sold"];

export function auditState(audit) {
  if (!audit) return "unknown";
  return audit.balanced ? "balanced" : "broken";
}

/** Pieces held and sold over all sales: they move with every buy, and light up when they do. */
function totals(audit) {
  const skus = (audit?.sales ?? []).flatMap((sale) => sale.skus);
  return { held: skus.reduce((sum, sku) => sum + sku.held, 0), sold: skus.reduce((sum, sku) => sum + sku.sold, 0) };
}

const ICONS = { balanced: "check", broken: "alert", unknown: "clock" };

export function AuditLight({ desk }) {
  const [open, setOpen] = useState(false);
  const audit = desk.audit.value;
  const state = auditState(audit);
  const { held, sold } = totals(audit);
  return html`<button class="light" data-testid="audit-light" data-state=${state} onClick=${() => setOpen(true)} title=${t("console.audit_hint")}>
      <${Icon} name=${ICONS[state]} size=${14} />${t(`console.audit.${state}`)}${audit?.sales.length > 0 && html`<span class="light-sums num wide-only" key=${`${held}.${sold}`} data-testid="audit-sums" data-held=${held} data-sold=${sold}>${t("console.audit_sums", { held: whole(held), sold: whole(sold) })}</span>`}</button>
    ${open && html`<${Account} desk=${desk} audit=${audit} state=${state} onClose=${() => setOpen(false)} />`}`;
}

function Account({ desk, audit, state, onClose }) {
  return html`<${Sheet} title=${t("console.audit_title")} class="wide" onClose=${onClose} testid="audit-detail">
    <div class="stack">
      <p class="notice ${{ balanced: "green", broken: "red" }[state] ?? "amber"}">${t(`console.audit_says.${state}`)}</p>
      <p class="quiet">${t("console.audit_rule")}</p>
      ${audit?.sales.length === 0 && html`<p class="quiet">${t("console.audit_empty")}</p>`}
      ${audit?.sales.length > 0 && html`<div class="scroll-x" tabindex="0"><table class="table"><thead><tr><th>${t("console.product")}</th>${COLUMNS.map((column) => html`<th class="end">${t(`console.audit_column.${column}`)}</th>`)}<th class="end">${t("console.status")}</th></tr></thead>
        ${audit.sales.map((sale) => html`<${SaleAccount} key=${sale.sale_id} desk=${desk} sale=${sale} />`)}</table></div>`}
    </div>
  <//>`;
}

function SaleAccount({ desk, sale }) {
  const known = desk.sales.value[sale.sale_id];
  const titleOf = (skuId) => {
    const sku = known?.skus.find((one) => one.sku_id === skuId);
    return sku ? desk.titleOf(sku) : skuId;
  };
  return html`<tbody>${sale.skus.map((sku) => html`<tr key=${sku.sku_id}>
      <td>${titleOf(sku.sku_id)}</td>${COLUMNS.map((column) => html`<td class="end num">${whole(sku[column])}</td>`)}
      <td class="end"><span class="chip ${sku.balanced ? "green" : "red"}">${t(sku.balanced ? "console.audit.balanced" : "console.audit.broken")}</span></td></tr>`)}</tbody>`;
}

// The line before a sale and the lists behind it, as the host sees them: how long, how many let in, and whom which rule refused.

import { whole } from "../format.js";
import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";

const RULES = ["gate", "admission", "forged", "puzzle", "buy_user", "buy_device", "buy_address", "join_user", "join_device", "join_address"];

export function LinePanel({ desk, sale }) {
  const report = desk.risk.value?.find((one) => one.sale_id === sale.sale_id);
  if (!report) return null;
  const hits = RULES.filter((rule) => report.hits[rule]);
  const waiting = sale.skus.filter((sku) => report.waitlist[sku.sku_id]);
  if (!sale.door && !hits.length && !waiting.length) return null;
  return html`<div class="row line-panel small" data-testid="line-panel">
    ${sale.door && html`<span class="chip outline"><${Icon} name="users" size=${12} />${t("console.line_length")} <b class="num" data-testid="line-length">${whole(report.queue.length)}</b></span>
      <span class="chip outline">${t("console.line_admitted")} <b class="num" data-testid="line-admitted">${whole(report.queue.admitted)}</b></span>`}
    ${waiting.map((sku) => html`<span class="chip gold" key=${sku.sku_id}>${t("console.waitlist", { name: desk.titleOf(sku) })} <b class="num" data-testid="waitlist-${sku.sku_id}">${whole(report.waitlist[sku.sku_id])}</b></span>`)}
    ${hits.map((rule) => html`<span class="chip amber" key=${rule}><${Icon} name="shield" size=${12} />${t(`console.risk.${rule}`)} <b class="num" data-testid="risk-${rule}">${whole(report.hits[rule])}</b></span>`)}
  </div>`;
}

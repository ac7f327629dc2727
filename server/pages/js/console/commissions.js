// What the hosts earn in this room: sums by host and the newest lines; who may, sets the rate for orders from now on.

import { useEffect, useState } from "preact/hooks";

import { get } from "../api.js";
import { dateTime, money } from "../format.js";
import { errorText, t } from "../i18n.js";
import { me } from "../session.js";
import { html } from "../ui/html.js";
import { Sheet } from "../ui/sheet.js";
import { toast } from "../ui/toast.js";

const RATE = /^(\d{1,3})(?:\.(\d{1,2}))?$/;
const RATE_BP_MAX = 10_000;
const MAY_SET = new Set(["operator", "admin"]);
const STATE_CHIP = { earned: "green", void: "outline" };

/** "12.5" (percent) → 1250 hundredths of a percent, or null. */
export function rateOf(text) {
  const match = RATE.exec(text.trim());
  const bp = match ? Number(match[1]) * 100 + Number((match[2] ?? "0").padEnd(2, "0")) : null;
  return bp !== null && bp <= RATE_BP_MAX ? bp : null;
}

function RateForm({ desk }) {
  const [fault, setFault] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const bp = rateOf(event.currentTarget.rate.value);
    setFault(bp === null);
    if (bp !== null && (await desk.run("commission.set", { rate_bp: bp }))) toast(t("console.saved"), { kind: "good" });
  };
  return html`<form class="row" onSubmit=${submit} noValidate><label class="row"><span class="label">${t("console.commission_rate")}</span><input class="input small num rate-field" name="rate" inputmode="decimal" placeholder="5" data-testid="commission-rate" /></label>
    <button class="btn small" data-testid="commission-set">${t("console.save")}</button>${fault && html`<span class="wrong" role="alert">${t("console.fault.rate")}</span>`}</form>`;
}

function Rows({ desk, told }) {
  if (!told.commissions.length) return html`<div class="empty"><p>${t("console.commissions_empty")}</p></div>`;
  return html`<div class="scroll-x" tabindex="0"><table class="table"><thead><tr><th>${t("console.time")}</th><th>${t("console.product")}</th><th class="end">${t("console.commission_base")}</th><th class="end">${t("console.commission_share")}</th><th class="end">${t("console.commission")}</th><th class="end">${t("console.status")}</th></tr></thead>
    <tbody>${told.commissions.map((one) => html`<tr key=${`${one.order_id}.${one.position}`} data-testid="commission-row"><td class="shrink num quiet">${dateTime(one.created_ms)}</td><td>${desk.titleOf(desk.catalogue.get(one.product_id) ?? { product_id: one.product_id || one.sku_id })}</td><td class="end money">${money(one.base_cents)}</td><td class="end num">${one.rate_bp / 100}%</td>
      <td class="end money">${money(one.commission_cents - one.reversed_cents)}</td><td class="end"><span class="chip ${STATE_CHIP[one.state] ?? "amber"}">${t(`console.commission_state.${one.state}`)}</span></td></tr>`)}</tbody></table></div>`;
}

export function CommissionsDialog({ desk, onClose }) {
  const [told, setTold] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => { get(`/v1/rooms/${encodeURIComponent(desk.roomId)}/commissions`).then(setTold, setError); }, []);
  return html`<${Sheet} title=${t("console.commissions")} class="wide" onClose=${onClose} testid="commissions-dialog"><div class="stack">
    ${MAY_SET.has(me.value?.role) && html`<${RateForm} desk=${desk} />`}
    ${error && html`<p class="notice red" role="alert">${errorText(error)}</p>`}
    ${told?.hosts.length > 0 && html`<p class="row">${told.hosts.map((one) => html`<span class="chip gold" key=${one.host_id}>${one.host_id} <b class="num">${money(one.earned_cents)}</b></span>`)}</p>`}
    ${told ? html`<${Rows} desk=${desk} told=${told} />` : !error && html`<p class="row quiet"><span class="spinner"></span>${t("console.loading")}</p>`}
    <p class="quiet small">${t("console.commission_rule")}</p></div>
  <//>`;
}

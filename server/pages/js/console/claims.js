// Who won and how their claims stand, with what they filled in; taking a winner out. The host sees this, assistants do not.

import { useEffect, useState } from "preact/hooks";

import * as api from "../api.js";
import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Sheet } from "../ui/sheet.js";
import { download } from "./exports.js";

const REASON_CHARS_MAX = 100;
const CHIPS = { waiting: "amber", claimed: "green", won: "gold" };
const KNOWN_FIELDS = new Set(["name", "phone", "address"]);
const fieldName = (field) => (KNOWN_FIELDS.has(field) ? t(`prize.field.${field}`) : field);

export function Claims({ desk, lottery }) {
  const [open, setOpen] = useState(false);
  return html`<button class="btn tiny" type="button" onClick=${() => setOpen(true)} data-testid="claims-open">${t("console.prize.claims")}</button>
    ${open && html`<${ClaimsSheet} desk=${desk} lottery=${lottery} onClose=${() => setOpen(false)} />`}`;
}

function ClaimsSheet({ desk, lottery, onClose }) {
  const path = `/v1/rooms/${encodeURIComponent(desk.roomId)}/lotteries/${encodeURIComponent(lottery.lottery_id)}/claims`;
  const [claims, setClaims] = useState(null);
  const [out, setOut] = useState(null);
  const read = () => api.get(path).then((answer) => setClaims(answer.claims), () => setClaims([]));
  useEffect(() => void read(), [lottery.removals]);
  const disqualify = async (event) => {
    event.preventDefault();
    const reason = event.currentTarget.reason.value;
    if (await desk.run("lottery.disqualify", { lottery_id: lottery.lottery_id, user_id: out.user_id, reason })) setOut(null);
    read();
  };
  return html`<${Sheet} title="${t("console.prize.claims")} · ${lottery.prize}" onClose=${onClose} testid="claims-sheet">
    <div class="stack">
      ${claims === null && html`<span class="spinner"></span>`}
      ${claims?.length === 0 && html`<p class="quiet">${t("console.prize.nobody")}</p>`}
      ${claims?.length > 0 && html`<table class="claims"><tbody>${claims.map((one) => html`<${Row} key=${one.rank} claim=${one} onOut=${() => setOut(one)} />`)}</tbody></table>
        <div><button class="btn small" type="button" onClick=${() => download(`${path}.csv`, `${lottery.lottery_id}-claims.csv`)} data-testid="claims-csv">${t("console.prize.csv")}</button></div>`}
      ${out && html`<form class="claim-box" onSubmit=${disqualify} data-testid="disqualify-form"><p>${t("console.prize.disqualify_text", { name: out.name })}</p>
        <label class="field"><span>${t("console.prize.reason")}</span><input class="input small" name="reason" required maxlength=${REASON_CHARS_MAX} data-testid="disqualify-reason" /></label>
        <button class="btn small danger" data-testid="disqualify-confirm">${t("console.prize.disqualify")}</button></form>`}
    </div></${Sheet}>`;
}

function Row({ claim, onOut }) {
  const holds = claim.state in CHIPS;
  return html`<tr data-state=${claim.state}><td><span class="badge rank">${claim.rank}</span></td><td>${claim.name}${claim.note && html`<br /><span class="quiet">${claim.note}</span>`}</td>
    <td>${Object.entries(claim.form).map(([field, value]) => html`<div key=${field}><span class="quiet">${fieldName(field)}</span> ${value}</div>`)}</td>
    <td><span class=${`chip ${CHIPS[claim.state] ?? "outline"}`}>${t(`prize.state.${claim.state}`)}</span></td>
    <td>${holds && html`<button class="btn tiny" type="button" onClick=${onOut} data-testid="disqualify"><${Icon} name="ban" size=${14} />${t("console.prize.disqualify")}</button>`}</td></tr>`;
}

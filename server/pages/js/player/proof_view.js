// A button that recomputes a public proof in this browser, and what came of it.

import { useState } from "preact/hooks";

import { canVerify } from "../fairness.js";
import { errorText, t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";

function Check({ check }) {
  return html`<li class=${`row check ${check.ok ? "ok" : "bad"}`} data-check=${check.name} data-ok=${check.ok}><${Icon} name=${check.ok ? "check" : "alert"} size=${16} /><span>${t(`verify.${check.name}`, { n: check.count ?? 0 })}</span></li>`;
}

export function ProofButton({ label, check, testid }) {
  const [proof, setProof] = useState({ busy: false, checks: null, error: null });
  if (!canVerify()) return html`<p class="notice">${t("verify.unavailable")}</p>`;
  const run = async () => {
    setProof({ busy: true, checks: null, error: null });
    try {
      setProof({ busy: false, checks: await check(), error: null });
    } catch (error) {
      setProof({ busy: false, checks: null, error });
    }
  };
  const good = proof.checks?.every((one) => one.ok);
  return html`<div class="stack">
    <button class="btn ghost wide" type="button" disabled=${proof.busy} onClick=${run} data-testid=${testid}>
      ${proof.busy ? html`<span class="spinner"></span>${t("lottery.verifying")}` : html`<${Icon} name="shield" size=${18} />${label}`}</button>
    ${proof.error && html`<p class="notice red" role="alert" data-testid="verify-result" data-ok="false">${proof.error.code ? errorText(proof.error) : t("verify.handoutBad")}</p>`}
    ${proof.checks && html`<div class=${`notice ${good ? "green" : "red"}`} role="status" data-testid="verify-result" data-ok=${good}>
      <div class="stack"><strong>${t(good ? "verify.handout" : "verify.handoutBad")}</strong><ul>${proof.checks.map((one) => html`<${Check} check=${one} key=${one.name} />`)}</ul></div></div>`}
  </div>`;
}

// CSV of the room's orders, payments, refunds and commissions, fetched with the session's token.

import { useState } from "preact/hooks";

import { t } from "../i18n.js";
import * as session from "../session.js";
import { html } from "../ui/html.js";
import { toast } from "../ui/toast.js";
import { CommissionsDialog } from "./commissions.js";
import { FailedRefunds } from "./failed_refunds.js";
import { RefundRequests } from "./refund_requests.js";

const KINDS = ["orders", "payments", "refunds", "commissions"];

/** Saves what a path of the API answers, asked for with the session's token. */
export async function download(path, name) {
  const answer = await fetch(path, { headers: { Authorization: `Bearer ${session.token()}` } });
  if (!answer.ok) return toast(t("error.unavailable"), { kind: "bad" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
}

const exported = (roomId, kind) => download(`/v1/rooms/${encodeURIComponent(roomId)}/export/${kind}.csv`, `${roomId}-${kind}.csv`);

export function Exports({ desk }) {
  const { roomId } = desk;
  const [shown, show] = useState(false);
  return html`<span class="row export-row"><${RefundRequests} desk=${desk} /><${FailedRefunds} desk=${desk} /><button class="btn tiny" type="button" onClick=${() => show(true)} data-testid="commissions-open">${t("console.commissions")}</button>${KINDS.map((kind) => html`<button key=${kind} class="btn tiny" type="button" onClick=${() => exported(roomId, kind)} data-testid="export-${kind}">${t(`console.csv.${kind}`)}</button>`)}</span>
    ${shown && html`<${CommissionsDialog} desk=${desk} onClose=${() => show(false)} />`}`;
}

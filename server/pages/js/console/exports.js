// CSV of the room's orders, payments, refunds and commissions, fetched with the session's token.

import { t } from "../i18n.js";
import * as session from "../session.js";
import { html } from "../ui/html.js";
import { toast } from "../ui/toast.js";

const KINDS = ["orders", "payments", "refunds", "commissions"];

async function download(roomId, kind) {
  const answer = await fetch(`/v1/rooms/${encodeURIComponent(roomId)}/export/${kind}.csv`, { headers: { Authorization: `Bearer ${session.token()}` } });
  if (!answer.ok) return toast(t("error.unavailable"), { kind: "bad" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = `${roomId}-${kind}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
}

export function Exports({ roomId }) {
  return html`<span class="row export-row">${KINDS.map((kind) => html`<button key=${kind} class="btn tiny" type="button" onClick=${() => download(roomId, kind)} data-testid="export-${kind}">${t(`console.csv.${kind}`)}</button>`)}</span>`;
}

// A person: round initial, tinted name, and the mark of who they are here.

import { initial, tint } from "../format.js";
import { t } from "../i18n.js";
import { html } from "./html.js";

export function Avatar({ user, large = false }) {
  return html`<span class=${`avatar ${tint(user?.id)} ${large ? "large" : ""}`} aria-hidden="true">${initial(user?.name)}</span>`;
}

export function Name({ user }) {
  return html`<span class=${`name ${tint(user.id)}`}>${user.name}</span>`;
}

/** Host, staff, buyer or member; nothing for everyone else. */
export function RoleMark({ user }) {
  if (user.role === "host") return html`<span class="chip live mark">${t("role.host")}</span>`;
  if (["assistant", "operator", "admin"].includes(user.role)) return html`<span class="chip mark">${t("role.staff")}</span>`;
  if (user.buyer) return html`<span class="chip gold mark">${t("role.buyer")}</span>`;
  if (user.role === "member") return html`<span class="chip outline mark">${t("role.member")}</span>`;
  return null;
}

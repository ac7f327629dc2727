// Shown instead of the console to somebody who has no key to it, or whose room is not there.

import { useState } from "preact/hooks";

import { get, post } from "../api.js";
import { errorText, lang, setLang, t } from "../i18n.js";
import { login, me } from "../session.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";

/** `reason`: "token" (none, or not staff), "missing" (no such room), "expired", "banned". */
export function Door({ roomId, reason, dev }) {
  return html`<main class="door"><div class="card">
    <div class="row apart"><${Icon} name="shield" size=${32} /><button class="btn tiny ghost" onClick=${() => setLang(lang.value === "zh" ? "en" : "zh")}>${lang.value === "zh" ? "EN" : "中文"}</button></div>
    <h1>${t(`console.door.${reason}`)}</h1>
    <p class="quiet">${t(`console.door_text.${reason}`, { room: roomId })}</p>
    ${reason !== "missing" && html`<code>${location.origin}/console/${roomId}#token=…</code>`}
    ${me.value && reason === "token" && html`<p class="quiet small">${t("console.door_as", { name: me.value.name, role: t(`console.role.${me.value.role}`) })}</p>`}
    ${dev && html`<${DevKey} roomId=${roomId} makeRoom=${reason === "missing"} />`}
    <a class="quiet row" href="/">${t("console.to_start")}</a>
  </div></main>`;
}

/** Servers in development mode hand out keys; others have no such button. */
function DevKey({ roomId, makeRoom }) {
  const [fault, setFault] = useState(null);
  const enter = async () => {
    try {
      await login(t("console.dev_name"), { role: "host", sub: "host" });
      if (makeRoom) await post("/v1/rooms", { room_id: roomId, title: roomId });
      location.reload();
    } catch (error) {
      setFault(errorText(error));
    }
  };
  return html`<button class="btn primary" data-testid="dev-token" onClick=${enter}>${t(makeRoom ? "console.dev_room" : "console.dev_token")}</button>
    <p class="quiet small">${t("console.dev_hint")}</p>${fault && html`<p class="wrong" role="alert">${fault}</p>`}`;
}

/** Whether this server is in development mode; false when it does not say. */
export async function isDev() {
  try {
    return Boolean((await get("/v1/config")).dev);
  } catch {
    return false;
  }
}

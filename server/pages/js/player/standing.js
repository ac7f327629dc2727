// Where the viewer stands: line lost, room ended, sent away, no such room. Each said plainly, each with a way on.

import { signal } from "@preact/signals-core";
import { useEffect } from "preact/hooks";

import { t } from "../i18n.js";
import { CLOSE_BAD_TOKEN, CLOSE_BANNED, CLOSE_KICKED, CLOSE_ROOM_ENDED, CLOSE_TOKEN_EXPIRED } from "../liveroom.js";
import * as session from "../session.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { client, ended, missing, view } from "./live.js";
import { needPerson } from "./login.js";
import { myTab } from "./my.js";

const GRACE_MS = 600; // a line that is back within this time was not worth a word
const late = signal(false);
const online = signal(navigator.onLine);
addEventListener("online", () => (online.value = true));
addEventListener("offline", () => (online.value = false));

export function ReconnectBanner() {
  const { status } = view.status.value;
  const away = status === "waiting" || (status === "connecting" && client.epoch !== null);
  useEffect(() => {
    if (!away) {
      late.value = false;
      return undefined;
    }
    const timer = setTimeout(() => (late.value = true), GRACE_MS);
    return () => clearTimeout(timer);
  }, [away]);
  if (status === "online" && view.status.value.via === "http") return html`<p class="plain-line" role="status" data-testid="http-line">${t("status.http")}</p>`;
  if (!away || !late.value) return null;
  return html`<p class="banner" role="status" data-testid="reconnect-banner"><${Icon} name="wifiOff" size=${16} />${t(online.value ? "status.waiting" : "status.offline")}</p>`;
}

const WORDS = {
  missing: ["missing.title", "missing.text"],
  ended: ["ended.title", "ended.text"],
  banned: ["banned.title", "banned.text"],
  kicked: ["kicked.title", "kicked.text"],
  expired: ["expired.title", "expired.text"],
  broken: ["broken.title", "broken.text"],
};
const KINDS = { [CLOSE_BANNED]: "banned", [CLOSE_KICKED]: "kicked", [CLOSE_TOKEN_EXPIRED]: "expired", [CLOSE_BAD_TOKEN]: "expired", [CLOSE_ROOM_ENDED]: "ended" };

function kind() {
  if (missing.value) return "missing";
  if (ended.value) return "ended";
  const { status, closeCode } = view.status.value;
  return status === "closed" ? (KINDS[closeCode] ?? "broken") : null;
}

async function signInAgain() {
  session.logout();
  client.reconnect();
  await needPerson();
}

const ICONS = { missing: "search", ended: "clock", banned: "ban", kicked: "ban", expired: "user", broken: "alert" };

export function Standing() {
  const now = kind();
  if (!now) return null;
  const [title, text] = WORDS[now];
  return html`<div class="standing" role="status" data-testid="standing" data-kind=${now}>
    <${Icon} name=${ICONS[now]} size=${40} /><h2>${t(title)}</h2><p class="quiet">${t(text)}</p>
    <div class="row">
      ${now === "expired" && html`<button class="btn primary" type="button" onClick=${signInAgain}>${t("menu.login")}</button>`}
      ${["broken", "kicked"].includes(now) && html`<button class="btn primary" type="button" onClick=${() => client.start()}>${t("retry")}</button>`}
      ${now === "ended" && html`<button class="btn" type="button" onClick=${() => (myTab.value = "orders")}>${t("menu.orders")}</button>`}
      <a class="btn ghost" href="/">${t("home")}</a>
    </div></div>`;
}

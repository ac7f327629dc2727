// The way in: watch, host, screen; the rooms that are live; a code for a phone; and in development a host's sign-in.

import { signal } from "@preact/signals-core";
import { useEffect, useState } from "preact/hooks";

import * as api from "../api.js";
import { count } from "../format.js";
import { errorText, lang, setLang, t } from "../i18n.js";
import * as session from "../session.js";
import { html, mount } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { LiveVideo } from "../ui/video.js";
import { QrCode } from "../ui/qr.js";

const DEMO_ROOM = "demo";
const REFRESH_MS = 5_000;
// A moving picture that is not seen, or not wanted, would cost a phone its data and its battery.
const PREVIEW_SHOWN = "(min-width: 821px) and (prefers-reduced-motion: no-preference)";

const rooms = signal(null);
const failure = signal(null);
const dev = signal(false);

const roomUrl = (id, kind = "room") => `/${kind}/${encodeURIComponent(id)}`;
const demoRoom = () => rooms.value?.find((one) => one.room_id === DEMO_ROOM) ?? rooms.value?.find((one) => one.status === "live");
const demoId = () => demoRoom()?.room_id ?? DEMO_ROOM;

async function refresh() {
  try {
    rooms.value = (await api.get("/v1/rooms")).rooms;
    failure.value = null;
  } catch (error) {
    failure.value = error;
  }
}

function Door({ href, icon, kind, title, text, testid }) {
  return html`<a class=${`door ${kind}`} href=${href} data-testid=${testid}>
    <span class="door-icon"><${Icon} name=${icon} size=${28} /></span><span class="door-words"><strong>${title}</strong><span>${text}</span></span><${Icon} name="arrowRight" size=${20} /></a>`;
}

function Doors() {
  const host = session.isStaff() || !dev.value ? roomUrl(demoId(), "console") : "#host";
  return html`<nav class="doors">
    <${Door} kind="watch" href=${roomUrl(demoId())} icon="play" title=${t("landing.watch")} text=${t("landing.watchText")} testid="door-watch" />
    <${Door} kind="host" href=${host} icon="mic" title=${t("landing.host")} text=${t("landing.hostText")} testid="door-host" />
    <${Door} kind="wall" href=${roomUrl(demoId(), "screen")} icon="screen" title=${t("landing.screen")} text=${t("landing.screenText")} testid="door-screen" />
  </nav>`;
}

function RoomRow({ room }) {
  const live = room.status === "live";
  return html`<li><a class="room-row" href=${roomUrl(room.room_id)} data-testid="room-row" data-room=${room.room_id}>
    <span class=${`chip ${live ? "live" : "outline"}`}>${live && html`<span class="dot"></span>`}${t(live ? "live" : "landing.ended")}</span>
    <strong class="grow clip">${room.title || room.room_id}</strong>
    ${live && html`<span class="quiet small num">${t("online", { n: count(room.online) })}</span>`}<${Icon} name="arrowRight" size=${16} /></a></li>`;
}

function Rooms() {
  return html`<section class="card stack"><h2>${t("landing.rooms")}</h2>
    ${failure.value && html`<p class="notice amber" role="status">${t("landing.roomsError")}</p>`}
    ${rooms.value === null && !failure.value && html`<p class="row quiet"><span class="spinner"></span>${t("loading")}</p>`}
    ${rooms.value?.length === 0 && html`<div class="empty"><${Icon} name="play" size=${34} /><p>${t("landing.roomsEmpty")}</p><p class="small">${t("landing.roomsEmptyHint")}</p></div>`}
    ${rooms.value?.length > 0 && html`<ul class="rooms">${rooms.value.map((room) => html`<${RoomRow} room=${room} key=${room.room_id} />`)}</ul>`}
  </section>`;
}

function Phone() {
  const link = location.origin + roomUrl(demoId());
  const local = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  return html`<section class="card phone-card"><${QrCode} text=${link} label=${link} />
    <div class="stack"><h2>${t("landing.phone")}</h2><p class="quiet">${t(local ? "landing.phoneLocal" : "landing.phoneText")}</p><p class="mono break">${link}</p></div></section>`;
}

/** Makes the room if it is not there yet, then opens its console with the token in the fragment. */
async function openConsole(name, roomId) {
  await session.login(name, { role: "host", room: roomId });
  if (!rooms.value?.some((one) => one.room_id === roomId)) await createRoom(roomId);
  location.assign(`${roomUrl(roomId, "console")}#token=${session.token()}`);
}

async function createRoom(roomId) {
  try {
    await api.post("/v1/rooms", { room_id: roomId, title: roomId, stream_url: "/static/sample/live.m3u8" });
  } catch (error) {
    if (error.code !== "conflict") throw error;
  }
}

function HostLogin() {
  const [form, setForm] = useState({ name: "", room: "" });
  const [state, setState] = useState({ busy: false, error: null });
  const change = (key) => (event) => setForm({ ...form, [key]: event.currentTarget.value });
  const submit = async (event) => {
    event.preventDefault();
    setState({ busy: true, error: null });
    try {
      await openConsole(form.name.trim() || "Host", form.room.trim() || demoId());
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  return html`<section class="card" id="host"><form class="stack" onSubmit=${submit}>
    <h2 class="row"><span class="chip amber">${t("landing.dev")}</span>${t("landing.host")}</h2>
    <p class="quiet">${t("landing.devText")}</p>
    <div class="host-fields"><label class="field"><span>${t("landing.devName")}</span><input class="input" maxlength="20" autocomplete="nickname" value=${form.name} onInput=${change("name")} data-testid="host-name" /></label>
      <label class="field"><span>${t("landing.devRoom")}</span><input class="input" maxlength="64" pattern="[A-Za-z0-9_\\-]{1,64}" placeholder=${demoId()} value=${form.room} onInput=${change("room")} data-testid="host-room" /></label></div>
    ${state.error && html`<p class="notice red" role="alert">${errorText(state.error)}</p>`}
    <button class="btn primary" type="submit" disabled=${state.busy} data-testid="host-submit">${state.busy && html`<span class="spinner"></span>`}${t("landing.devLogin")}</button>
  </form></section>`;
}

function Preview() {
  return html`<a class="preview" href=${roomUrl(demoId())} aria-hidden="true" tabindex="-1"><${LiveVideo} src="/static/sample/live.m3u8" />
    <span class="chip live preview-live"><span class="dot"></span>${t("live")}</span></a>`;
}

function Landing() {
  const [previewed, setPreviewed] = useState(() => matchMedia(PREVIEW_SHOWN).matches);
  document.title = `${t("app.name")} · ${t("landing.tagline")}`;
  useEffect(() => {
    refresh();
    api.get("/v1/config").then((config) => (dev.value = Boolean(config?.dev)), () => {});
    const timer = setInterval(() => document.visibilityState === "visible" && refresh(), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => {
    const query = matchMedia(PREVIEW_SHOWN);
    const look = () => setPreviewed(query.matches);
    query.addEventListener("change", look);
    return () => query.removeEventListener("change", look);
  }, []);
  return html`<div class="landing">
    <header class="row apart"><span class="row brand"><img src="/static/sample/logo.svg" width="36" height="36" alt="" />${t("app.name")}</span>
      <button class="btn ghost small" type="button" onClick=${() => setLang(lang.value === "zh" ? "en" : "zh")} data-testid="lang">${t("lang.switch")}</button></header>
    <main>
      <section class=${`hero ${previewed ? "" : "plain"}`}><div class="hero-words"><h1>${t("landing.tagline")}</h1><${Doors} /></div>
        ${previewed && html`<${Preview} />`}</section>
      <div class="grid"><${Rooms} /><${Phone} />${dev.value && html`<${HostLogin} />`}</div>
    </main>
  </div>`;
}

mount(html`<${Landing} />`);

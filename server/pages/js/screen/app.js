// The wall's layout and its top line.

import { clock } from "../format.js";
import { lang, setLang, t } from "../i18n.js";
import { useNow } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Now, Stock, Talk } from "./stage_tiles.js";
import { Funnel, Gmv, Online, Orders, Products } from "./tiles.js";

const DOOR_BY_CLOSE = { 4401: "token", 4501: "token", 4503: "token", 4504: "missing" };

export function App({ wall }) {
  const { status, closeCode } = wall.status.value;
  if (status === "closed" && DOOR_BY_CLOSE[closeCode]) return html`<${Veil} reason=${DOOR_BY_CLOSE[closeCode]} roomId=${wall.roomId} />`;
  if (!wall.room.value?.room_id) return html`<main class="veil" role="status"><p class="row"><span class="spinner"></span>${t("screen.opening")}</p></main>`;
  return html`<main class="wall" data-testid="screen">
    <${Top} wall=${wall} status=${status} />
    <${Gmv} wall=${wall} /><${Now} wall=${wall} />
    <${Online} wall=${wall} /><${Orders} wall=${wall} /><${Stock} wall=${wall} />
    <${Funnel} wall=${wall} /><${Products} wall=${wall} /><${Talk} wall=${wall} />
  </main>`;
}

function Top({ wall, status }) {
  const room = wall.room.value;
  const ended = room.status === "ended";
  return html`<header class="wall-top">
    <span class="onair ${ended ? "off" : ""}"><span class="dot"></span>${t(ended ? "screen.ended" : "screen.live")}</span>
    <h1 class="clip">${room.title || wall.roomId}</h1>
    ${status !== "online" && !ended && html`<span class="lost" role="status">${t("screen.reconnecting")}</span>`}
    ${wall.refused.value && html`<span class="lost" role="status">${t("screen.refused")}</span>`}
    <button class="btn ghost" data-testid="lang" onClick=${() => setLang(lang.value === "zh" ? "en" : "zh")}>${lang.value === "zh" ? "EN" : "中文"}</button>
    <button class="btn ghost" aria-label=${t("screen.full")} title=${t("screen.full")} onClick=${fullScreen}><${Icon} name="screen" size=${20} /></button>
    <${WallClock} wall=${wall} />
  </header>`;
}

function WallClock({ wall }) {
  return html`<time data-testid="clock">${clock(useNow(() => wall.now(), 500))}</time>`;
}

function fullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {}); // a browser may refuse; the wall works without
}

function Veil({ reason, roomId }) {
  return html`<main class="veil"><div class="card"><h1>${t(`screen.door.${reason}`)}</h1><p class="quiet">${t(`screen.door_text.${reason}`, { room: roomId })}</p><a class="quiet" href="/">${t("screen.to_start")}</a></div></main>`;
}

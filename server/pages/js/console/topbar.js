// What the host reads at one glance: on air, how many, how much, whether the books balance, whether the line holds.

import { useState } from "preact/hooks";

import { count, money, whole } from "../format.js";
import { lang, setLang, t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { AudienceButton } from "./audience.js";
import { AuditLight } from "./audit_light.js";
import { Confirm } from "./sale_dialogs.js";

export function Topbar({ desk }) {
  const room = desk.room.value;
  const ended = room.status === "ended";
  return html`<header class="topbar">
    <${OnAir} ended=${ended} />
    <h1 class="clip" title=${room.title}>${room.title || desk.roomId}</h1>
    <${Figures} desk=${desk} />
    <${AuditLight} desk=${desk} />
    <${Line} desk=${desk} />
    <span class="acts">
      <${AudienceButton} desk=${desk} />
      <a class="icon-btn tiny wide-only" href="/screen/${desk.roomId}" target="_blank" rel="noopener" aria-label=${t("console.open_screen")} title=${t("console.open_screen")}><${Icon} name="screen" size=${18} /></a>
      <a class="icon-btn tiny wide-only" href="/room/${desk.roomId}" target="_blank" rel="noopener" aria-label=${t("console.open_room")} title=${t("console.open_room")}><${Icon} name="external" size=${18} /></a>
      <button class="btn tiny ghost" data-testid="lang" lang=${lang.value === "zh" ? "en" : "zh-CN"} onClick=${() => setLang(lang.value === "zh" ? "en" : "zh")}>${lang.value === "zh" ? "EN" : "中文"}</button>
      <${EndLive} desk=${desk} ended=${ended} />
    </span>
  </header>`;
}

function OnAir({ ended }) {
  if (ended) return html`<span class="onair off">${t("console.ended")}</span>`;
  return html`<span class="onair"><span class="dot"></span>${t("console.live")}</span>`;
}

function Figure({ value, label, testid, tone = "" }) {
  return html`<div class="figure ${tone}"><b data-testid=${testid}>${value}</b><span>${label}</span></div>`;
}

function Figures({ desk }) {
  const metrics = desk.metrics.value;
  return html`<div class="figures">
    <${Figure} value=${whole(desk.online.value)} label=${t("console.online")} testid="online" />
    <${Figure} value=${count(Math.max(desk.peak.value, desk.online.value))} label=${t("console.peak")} testid="peak" tone="wide-only" />
    <${Figure} value=${count(desk.likes.value)} label=${t("console.likes")} testid="likes" tone="wide-only" />
    <${Figure} value=${metrics ? whole(metrics.paid_orders) : "–"} label=${t("console.paid_orders")} testid="paid-orders" />
    <${Figure} value=${metrics ? money(metrics.gmv_cents) : "–"} label=${t("console.gmv")} testid="gmv" tone="money" />
  </div>`;
}

function Line({ desk }) {
  const { status } = desk.status.value;
  return html`<span class="link-state" data-testid="link-state" data-state=${status === "online" ? "open" : status} role="status"><span class="dot"></span><span class="wide-only">${t(`console.line.${status}`)}</span></span>`;
}

function EndLive({ desk, ended }) {
  const [asking, setAsking] = useState(false);
  if (ended) return null;
  const end = async () => {
    if (await desk.run("room.end")) setAsking(false);
  };
  return html`<button class="btn tiny danger" data-testid="room-end" onClick=${() => setAsking(true)}>${t("console.end_live")}</button>
    ${asking && html`<${Confirm} title=${t("console.end_live")} text=${t("console.end_live_text")} action=${t("console.end_live")} testid="room-end-confirm" onConfirm=${end} onClose=${() => setAsking(false)} />`}`;
}

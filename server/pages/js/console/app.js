// The console's layout: three columns on a wide screen, tabs on a narrow one.

import { useState } from "preact/hooks";

import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Toasts } from "../ui/toast.js";
import { Comments } from "./comments.js";
import { Door } from "./door.js";
import { PlayPane } from "./play_pane.js";
import { Program } from "./program_panel.js";
import { SalePanel } from "./sale_panel.js";
import { Shelf } from "./shelf.js";
import { Stage } from "./stage.js";
import { Topbar } from "./topbar.js";

const TABS = [["stage", "play"], ["shelf", "bag"], ["sale", "bolt"], ["play", "gift"], ["orders", "list"], ["talk", "chat"]];
const STAFF = new Set(["assistant", "host", "operator", "admin"]);
const DOOR_BY_CLOSE = { 4401: "expired", 4501: "token", 4503: "banned", 4504: "missing" };

export function App({ desk, dev }) {
  const [tab, setTab] = useState("shelf");
  const { status, closeCode } = desk.status.value;
  if (status === "closed" && DOOR_BY_CLOSE[closeCode]) return html`<${Door} roomId=${desk.roomId} reason=${DOOR_BY_CLOSE[closeCode]} dev=${dev} />`;
  if (desk.me.value && !STAFF.has(desk.me.value.role)) return html`<${Door} roomId=${desk.roomId} reason="token" dev=${dev} />`;
  if (!desk.room.value?.room_id) return html`<${Waiting} status=${status} />`;
  return html`<main class="desk" data-tab=${tab} data-testid="console">
      <${Topbar} desk=${desk} />
      <${Stage} desk=${desk} />
      <div class="col centre"><${Shelf} desk=${desk} /><${SalePanel} desk=${desk} /><${PlayPane} desk=${desk} /><${Program} desk=${desk} /></div>
      <${Comments} desk=${desk} />
      <${Tabs} desk=${desk} tab=${tab} onTab=${setTab} />
    </main>
    <${Toasts} />`;
}

function Waiting({ status }) {
  return html`<main class="door"><div class="card" role="status"><span class="row"><span class="spinner"></span>${t(`console.line.${status}`)}</span><p class="quiet">${t("console.waiting")}</p></div></main>`;
}

function Tabs({ desk, tab, onTab }) {
  const waiting = desk.asked.value.length;
  return html`<nav class="tabs" role="tablist" aria-label=${t("console.parts")}>
    ${TABS.map(([name, icon]) => html`<button key=${name} role="tab" aria-selected=${tab === name} data-testid="tab-${name}" onClick=${() => onTab(name)}><${Icon} name=${icon} size=${20} />${t(`console.tab.${name}`)}${name === "orders" && waiting > 0 && html`<span class="badge num">${waiting}</span>`}</button>`)}
  </nav>`;
}

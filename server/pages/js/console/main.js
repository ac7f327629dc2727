// Starts the console: whose key, which room, then the desk.

import { LiveroomClient } from "../liveroom.js";
import { addWords } from "../i18n.js";
import en from "../i18n/console.en.js";
import zh from "../i18n/console.zh.js";
import "../i18n/interact.js";
import deskEn from "../i18n/desk.en.js";
import deskZh from "../i18n/desk.zh.js";
import { freshToken, token } from "../session.js";
import "../i18n/handouts.js";
import "../i18n/prizes.js";
import { html, mount } from "../ui/html.js";
import { App } from "./app.js";
import { Desk } from "./desk.js";
import { Door, isDev } from "./door.js";

addWords({ zh: { ...zh, ...deskZh }, en: { ...en, ...deskEn } });
document.body.classList.add("console");

const roomId = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const dev = await isDev();

if (token()) { // whoever was appointed in the room may come too: the greeting says who one is here
  const desk = new Desk({ roomId, client: new LiveroomClient({ roomId, token: freshToken }) });
  mount(html`<${App} desk=${desk} dev=${dev} />`);
  desk.start();
} else {
  mount(html`<${Door} roomId=${roomId} reason="token" dev=${dev} />`);
}

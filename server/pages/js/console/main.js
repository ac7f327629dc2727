// Starts the console: whose key, which room, then the desk.

import { LiveroomClient } from "../liveroom.js";
import { addWords } from "../i18n.js";
import en from "../i18n/console.en.js";
import zh from "../i18n/console.zh.js";
import { freshToken, isStaff } from "../session.js";
import { html, mount } from "../ui/html.js";
import { App } from "./app.js";
import { Desk } from "./desk.js";
import { Door, isDev } from "./door.js";

addWords({ zh, en });
document.body.classList.add("console");

const roomId = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const dev = await isDev();

if (isStaff()) {
  const desk = new Desk({ roomId, client: new LiveroomClient({ roomId, token: freshToken }) });
  mount(html`<${App} desk=${desk} dev=${dev} />`);
  desk.start();
} else {
  mount(html`<${Door} roomId=${roomId} reason="token" dev=${dev} />`);
}

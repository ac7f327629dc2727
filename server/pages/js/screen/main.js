// Starts the big screen: read only, with the token of the address or as a guest.

import { LiveroomClient } from "../liveroom.js";
import { addWords } from "../i18n.js";
import en from "../i18n/screen.en.js";
import zh from "../i18n/screen.zh.js";
import { freshToken } from "../session.js";
import { html, mount } from "../ui/html.js";
import { App } from "./app.js";
import { Wall } from "./wall.js";

addWords({ zh, en });
document.body.classList.add("screen");

const roomId = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const wall = new Wall({ roomId, client: new LiveroomClient({ roomId, token: freshToken }) });
mount(html`<${App} wall=${wall} />`);
wall.start();

// The left column: what viewers see, what they are told, and how fast they may talk.

import { useEffect, useState } from "preact/hooks";

import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { toast } from "../ui/toast.js";
import { LiveVideo } from "../ui/video.js";
import { RoomDialog } from "./room_form.js";

const ANNOUNCEMENT_CHARS_MAX = 200;
const SLOW_MODE_S = [0, 3, 5, 10, 30, 60];
const UNIQUE_CHAT_S = [0, 5, 10, 30, 60, 300];
const COMMENTS_PER_USER = [0, 1, 2, 3, 5, 10];
const CHAT_PER_VIEWER = [0, 5, 10, 15, 20, 30, 50];

export function Stage({ desk }) {
  return html`<div class="col stage"><${Preview} room=${desk.room.value} /><${Announcement} desk=${desk} /><${Settings} desk=${desk} /></div>`;
}

function Preview({ room }) {
  const [muted, setMuted] = useState(true);
  const word = t(muted ? "console.unmute_preview" : "console.mute_preview");
  return html`<section class="pane preview" aria-label=${t("console.preview")}>
    <${LiveVideo} src=${room.stream_url} over=${room.status === "ended"} muted=${muted} onMutedChange=${setMuted} />
    <div class="over"><span class="chip">${t("console.preview")}</span>
      ${room.stream_url && html`<button class="icon-btn tiny" aria-label=${word} title=${word} onClick=${() => setMuted(!muted)}><${Icon} name=${muted ? "volumeOff" : "volume"} size=${16} /></button>`}</div>
  </section>`;
}

function Announcement({ desk }) {
  const [text, setText] = useState("");
  const current = desk.room.value.announcement;
  const send = async (event) => {
    event.preventDefault();
    if (text.trim() && (await desk.run("announce", { text: text.trim() }))) setText("");
  };
  return html`<section class="pane" aria-label=${t("console.announcement")}>
    <header><h2>${t("console.announcement")}</h2></header>
    <form class="pane-body padded stack" onSubmit=${send}>
      ${current && html`<div class="announced" data-testid="announced"><${Icon} name="megaphone" size=${16} /><p>${current.text}</p>
        <button type="button" class="icon-btn tiny" aria-label=${t("console.announce_clear")} title=${t("console.announce_clear")} data-testid="announce-clear" onClick=${() => desk.run("announce", { text: "" })}><${Icon} name="close" size=${14} /></button></div>`}
      <div class="row"><input class="input small grow" maxlength=${ANNOUNCEMENT_CHARS_MAX} value=${text} placeholder=${t("console.announce_say")} aria-label=${t("console.announce_say")} data-testid="announce-text" onInput=${(event) => setText(event.currentTarget.value)} />
        <button class="btn small" data-testid="announce-send" disabled=${!text.trim()}>${t("console.announce")}</button></div>
    </form>
  </section>`;
}

function Settings({ desk }) {
  const [editing, edit] = useState(false);
  const settings = desk.room.value.settings ?? {};
  const set = async (name, value) => {
    if (await desk.run("room.set", { [name]: value })) toast(t("console.saved"), { kind: "good" });
  };
  const seconds = (n) => (n ? t("console.seconds_n", { n }) : t("console.off"));
  const perSecond = (n) => (n ? t("console.per_second", { n }) : t("console.no_limit"));
  return html`<section class="pane" aria-label=${t("console.settings")}>
    <header><h2>${t("console.settings")}</h2><button class="btn tiny push" type="button" onClick=${() => edit(true)} data-testid="room-edit"><${Icon} name="settings" size=${14} />${t("console.room")}</button></header>
    ${editing && html`<${RoomDialog} desk=${desk} onClose=${() => edit(false)} />`}
    <div class="pane-body padded settings">
      <${Choice} label=${t("console.slow_mode")} testid="set-slow-mode" value=${settings.slow_mode_s ?? 0} options=${SLOW_MODE_S} word=${seconds} onSet=${(n) => set("slow_mode_s", n)} />
      <${Choice} label=${t("console.unique_chat")} testid="set-unique-chat" value=${settings.unique_chat_s ?? 0} options=${UNIQUE_CHAT_S} word=${seconds} onSet=${(n) => set("unique_chat_s", n)} />
      <${Choice} label=${t("console.per_person")} testid="set-per-user" value=${settings.comments_per_user_per_s ?? 0} options=${COMMENTS_PER_USER} word=${perSecond} onSet=${(n) => set("comments_per_user_per_s", n)} />
      <${Choice} label=${t("console.chat_budget")} testid="set-chat-budget" value=${settings.chat_per_viewer_per_s ?? 0} options=${CHAT_PER_VIEWER} word=${perSecond} onSet=${(n) => set("chat_per_viewer_per_s", n)} />
      <label class="line"><span>${t("console.synced")}</span><span class="switch"><input type="checkbox" role="switch" checked=${Boolean(settings.synced_popups)} data-testid="set-synced" onChange=${(event) => set("synced_popups", event.currentTarget.checked)} /></span></label>
      <label class="line"><span>${t("console.members_only")}</span><span class="switch"><input type="checkbox" role="switch" checked=${Boolean(settings.followers_only)} data-testid="set-followers-only" onChange=${(event) => set("followers_only", event.currentTarget.checked)} /></span></label>
    </div>
  </section>`;
}

/** A choice of numbers; what the room has now is among them even if it is none of ours. */
function Choice({ label, testid, value, options, word, onSet }) {
  const all = options.includes(value) ? options : [...options, value].sort((a, b) => a - b);
  const [shown, setShown] = useState(value);
  useEffect(() => setShown(value), [value]);
  const change = (event) => {
    const next = Number(event.currentTarget.value);
    setShown(next);
    onSet(next);
  };
  return html`<label class="line"><span>${label}</span><select class="select small" value=${shown} data-testid=${testid} onChange=${change}>${all.map((n) => html`<option key=${n} value=${n}>${word(n)}</option>`)}</select></label>`;
}

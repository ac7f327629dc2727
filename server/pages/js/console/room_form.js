// The room itself: its title and where its stream comes from.

import { useState } from "preact/hooks";

import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Sheet } from "../ui/sheet.js";
import { toast } from "../ui/toast.js";

const TITLE_CHARS_MAX = 80;
const STREAM = /^(https?:\/\/\S+|\/\S*)?$/;

/** What changed, as parameters of `room.set`, or {fault: word key}. */
export function roomOf(form, room) {
  const [title, url] = [form.title.value.trim(), form.stream.value.trim()];
  if (!title) return { fault: "console.fault.room_title" };
  if (!STREAM.test(url)) return { fault: "console.fault.stream" };
  return { params: { ...(title !== room.title && { title }), ...(url !== (room.stream_url ?? "") && { stream_url: url }) } };
}

export function RoomDialog({ desk, onClose }) {
  const room = desk.room.value;
  const [fault, setFault] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    const wish = roomOf(event.currentTarget.elements, room);
    setFault(wish.fault ?? null);
    if (wish.fault) return;
    const changed = Object.keys(wish.params).length > 0;
    if (changed && !(await desk.run("room.set", wish.params))) return;
    if (changed) toast(t("console.saved"), { kind: "good" });
    onClose();
  };
  return html`<${Sheet} title=${t("console.room")} onClose=${onClose} testid="room-dialog"><form class="stack" onSubmit=${submit} noValidate>
    <label class="field"><span>${t("console.room_title")}</span><input class="input" name="title" maxlength=${TITLE_CHARS_MAX} defaultValue=${room.title} data-autofocus data-testid="room-title" /></label>
    <label class="field"><span>${t("console.room_stream")}</span><input class="input" name="stream" inputmode="url" placeholder="https://…/live.m3u8" defaultValue=${room.stream_url ?? ""} data-testid="room-stream" /></label>
    <p class="quiet small">${t("console.room_stream_hint")}</p>
    ${fault && html`<p class="wrong" role="alert">${t(fault)}</p>`}
    <div class="form-foot"><button class="btn small ghost" type="button" onClick=${onClose}>${t("console.cancel")}</button><button class="btn small primary" data-testid="room-save">${t("console.save")}</button></div>
  </form><//>`;
}

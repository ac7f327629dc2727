// The talk as data: comments in order, who is answered, who is muted, what was dropped. Drawing is in chat_view.js.

import { signal } from "@preact/signals-core";

import { errorText, t } from "../i18n.js";
import { toast } from "../ui/toast.js";
import { client, person, room } from "./live.js";
import { needPerson } from "./login.js";

const COMMENTS_MAX = 150;
const WAITING_MAX = 200; // comments kept until the next frame is drawn; a hidden page draws none
const NOTICE_MS = 3_000;
const DROP_NOTE_MS = 5_000;
const DELETED_MAX = 500;

export const comments = signal([]);
export const answering = signal(null); // the comment being answered
export const notice = signal(null);
export const dropNote = signal(0); // comments passed over just now
export const mutedUntil = signal(0); // Unix ms by the server's clock, 0 = may speak
export const draft = signal("");

const deleted = new Set();
const listeners = new Set();
let waiting = [];
let drawing = false;

/** Calls `fn(comment)` for each comment as it is spoken (not for those from before). */
export function onSpoken(fn) {
  listeners.add(fn);
  return () => listeners.delete(fn);
}

function take(events) {
  const known = new Set(comments.value.filter((one) => !one.waiting).map((one) => one.id));
  const fresh = events.map(({ d, ts }) => ({ ...d, ts })).filter((one) => !known.has(one.id) && !deleted.has(one.id) && known.add(one.id));
  if (!fresh.length) return;
  const ids = new Set(fresh.map((one) => one.id));
  comments.value = [...comments.value.filter((one) => !ids.has(one.id)), ...fresh].slice(-COMMENTS_MAX);
}

function flush() {
  drawing = false;
  const heard = waiting;
  waiting = [];
  take(heard);
}

client.on("comment", (d, event) => {
  waiting.push(event);
  if (waiting.length > WAITING_MAX) waiting.shift();
  if (!drawing) {
    drawing = true;
    requestAnimationFrame(flush);
  }
  if (document.visibilityState === "visible") listeners.forEach((fn) => fn(d));
});

let wasLost = false; // a login reconnects too; that is no news
client.on("status", ({ status }) => (wasLost ||= status === "waiting"));

client.on("hello", ({ recent, first, recovered }) => {
  if (!recovered) comments.value = []; // what was deleted meanwhile is not known to be
  take(recent.filter((event) => event.t === "comment"));
  comments.value = [...comments.value].sort((a, b) => a.ts - b.ts);
  if (!first && (wasLost || !recovered)) toast(t(recovered ? "status.back" : "status.missed"), { kind: recovered ? "good" : "plain" });
  wasLost = false;
});

client.on("comment.deleted", ({ comment_id: id }) => {
  deleted.add(id);
  if (deleted.size > DELETED_MAX) deleted.delete(deleted.values().next().value);
  comments.value = comments.value.filter((one) => one.id !== id);
  if (answering.value?.id === id) answering.value = null;
});

/** So many people have said the same by now. */
client.on("comment.repeated", ({ id, n }) => {
  comments.value = comments.value.map((one) => (one.id === id ? { ...one, n } : one));
});

/** One's own words wait for staff: shown to their author alone, and marked. */
client.on("comment.held", ({ comment }, { ts }) => {
  if (comment.user.id !== person.value?.id || comments.value.some((one) => one.id === comment.id)) return;
  comments.value = [...comments.value, { ...comment, ts, waiting: true }].slice(-COMMENTS_MAX);
});

client.on("comment.judged", ({ comment_id: id, approved }) => {
  const own = comments.value.some((one) => one.id === id && one.waiting);
  if (approved || !own) return; // approved, it comes as everybody hears it
  comments.value = comments.value.filter((one) => one.id !== id);
  toast(t("comment.refused"), { kind: "bad" });
});

client.on("mentioned", ({ comment }) => toast(t("comment.called", { name: comment.user.name, text: comment.text })));

client.on("assistant.changed", (d) => {
  if (d.user_id === person.value?.id) toast(t(d.appointed ? "assistant.appointed" : "assistant.dismissed"), { kind: d.appointed ? "good" : "plain" });
});

let noticeTimer = null;
client.on("notice", (d) => {
  notice.value = d;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => (notice.value = null), NOTICE_MS);
});

let dropTimer = null;
client.on("drop", (nowDropped) => {
  dropNote.value += nowDropped.comment ?? 0;
  clearTimeout(dropTimer);
  dropTimer = setTimeout(() => (dropNote.value = 0), DROP_NOTE_MS);
});

function mute(untilMs) {
  if (mutedUntil.value && !untilMs) toast(t("muted.lifted"), { kind: "good" });
  mutedUntil.value = untilMs;
}

client.on("muted", (d) => mute(d.until_ms));
client.on("user.muted", (d) => d.user_id === person.value?.id && mute(d.until_ms));

/** Says it; true when it was accepted. A refusal is told and the words stay in the field. */
export async function say(text) {
  if (!text.trim() || !(await needPerson())) return false;
  try {
    const reply = answering.value;
    await client.send("comment.send", { text: text.trim(), ...(reply && { reply_to: reply.id }) });
    answering.value = null;
    return true;
  } catch (error) {
    if (error.code === "muted") mute(client.serverNow() + (error.retryMs || 60_000));
    toast(whyNot(error), { kind: "bad" });
    return false;
  }
}

/** The room's own reason where there is one: "you may not" would not say what to do. */
function whyNot(error) {
  return error.code === "forbidden" && room.value?.settings?.followers_only ? t("comment.followersOnly") : errorText(error);
}

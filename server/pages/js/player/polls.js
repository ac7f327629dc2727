// Polls as data: which one is on, what this viewer chose, and the vote. Drawing is in polls_view.js.

import { computed, signal } from "@preact/signals-core";

import { errorText } from "../i18n.js";
import { toast } from "../ui/toast.js";
import { client, now, person, roomId, view } from "./live.js";
import { needPerson } from "./login.js";

const KEPT_MS = 60_000; // how long a result keeps its place on the picture
const KEY = `liveroom.polls.${roomId}`;

export const polls = view.part("polls");
export const pollFor = signal(null); // poll id whose sheet is open
const chosen = signal(restore()); // poll id → {userId, options}
const closedAt = signal({}); // poll id → when this page heard of the result

function restore() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

function remember(pollId, options) {
  chosen.value = { ...chosen.value, [pollId]: { userId: person.value.id, options } };
  sessionStorage.setItem(KEY, JSON.stringify(chosen.value));
}

/** The poll to show on the picture: an open one, else one that has just closed. */
export const current = computed(() => {
  const fresh = (one) => one.state === "open" || now() - (closedAt.value[one.poll_id] ?? 0) < KEPT_MS;
  const shown = Object.values(polls.value ?? {}).filter(fresh);
  return shown.sort((a, b) => (a.state === "open" ? 0 : 1) - (b.state === "open" ? 0 : 1) || b.open_ms - a.open_ms)[0] ?? null;
});

/** What this person voted for, or null. */
export function voteOf(pollId) {
  const mine = chosen.value[pollId];
  return mine && mine.userId === person.value?.id ? mine.options : null;
}

export async function vote(poll, options) {
  if (!(await needPerson())) return;
  try {
    const counted = await client.send("poll.vote", { poll_id: poll.poll_id, options });
    remember(poll.poll_id, counted.options);
  } catch (error) {
    if (error.code === "conflict" && error.details?.options) remember(poll.poll_id, error.details.options); // voted elsewhere
    else toast(errorText(error), { kind: "bad" });
  }
}

client.on("poll.closed", ({ poll_id: id }) => {
  closedAt.value = { ...closedAt.value, [id]: now() };
  setTimeout(() => (closedAt.value = { ...closedAt.value }), KEPT_MS + 100); // looks again when its time is over
});

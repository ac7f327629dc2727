// The one room this page shows: its client, its state as signals, and what every part of the page needs from it.

import { computed, signal } from "@preact/signals-core";

import * as api from "../api.js";
import { entryOf } from "../entry.js";
import { LiveroomClient } from "../liveroom.js";
import * as session from "../session.js";
import { observe } from "../signals.js";

export const roomId = decodeURIComponent(location.pathname.split("/").filter(Boolean)[1] ?? "demo");

export const entry = entryOf(location.search);
export const client = new LiveroomClient({ roomId, token: session.freshToken, device: session.deviceId(), entry });
export const view = observe(client);
export const now = () => client.serverNow();

export const room = view.part("room");
export const cards = view.part("cards");

/** There is no such room: found out over HTTP, since a refused upgrade looks like any other lost line. */
export const missing = signal(false);

const LOOK_EVERY = 4; // attempts between two looks whether the room exists at all

/** Wide screens have the shelf and the talk beside the picture. */
const wideQuery = matchMedia("(min-width: 1000px)");
export const wide = signal(wideQuery.matches);
wideQuery.addEventListener("change", () => (wide.value = wideQuery.matches));

export const stillness = matchMedia("(prefers-reduced-motion: reduce)");

/** The card being talked about: of several that say so, the one shown last. */
export const onShow = computed(() => {
  const explained = (cards.value ?? []).filter((card) => card.mode === "explaining");
  return explained.sort((a, b) => b.shown_ms - a.shown_ms)[0] ?? null;
});

export const ended = computed(() => room.value?.status === "ended" || view.status.value.closeCode === 4510);
export const person = computed(() => (view.user.value && view.user.value.role !== "guest" ? view.user.value : session.me.value));

/** Resolves when the line is up, for what must be sent after a login. */
export function online() {
  if (client.status === "online") return Promise.resolve();
  return new Promise((resolve) => {
    const off = client.on("hello", () => {
      off();
      resolve();
    });
  });
}

async function lookForRoom({ status, attempt }) {
  if (status !== "waiting" || attempt % LOOK_EVERY !== 1 || client.epoch !== null) return;
  try {
    await api.get(`/v1/rooms/${encodeURIComponent(roomId)}`);
  } catch (error) {
    if (error.status !== 404 && error.status !== 400) return;
    missing.value = true;
    client.stop();
  }
}

client.on("status", lookForRoom);

// Rains and gifts as data: what is on, what this viewer got of it, and its proof. Drawing is in rain_view.js and gift_view.js.

import { computed, signal } from "@preact/signals-core";

import * as api from "../api.js";
import { errorText } from "../i18n.js";
import { verifyGift, verifyRain } from "../rain_proof.js";
import { toast } from "../ui/toast.js";
import { client, now, person, roomId, view } from "./live.js";
import { needPerson } from "./login.js";

const KEPT_MS = 60_000; // how long what is over keeps its place on the picture
const KEY = `liveroom.handouts.${roomId}`;

export const rain = view.part("rain");
export const gifts = view.part("gifts");
export const rainSheet = signal(false);
export const giftSheet = signal(null); // gift id whose sheet is open
export const put = signal(new Set()); // rains this viewer has put away
export const empty = signal(new Set()); // rains of which nothing was left for this viewer
const overAt = signal({}); // id → when this page heard of the end
const mine = signal(restore()); // id → {userId, got: [{key, index, amount_cents}] | receipt, hash}
const watched = signal({}); // gift id → {ms, at}: how long the server has seen this viewer watch, and when it said so

function restore() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

function remember(id, held) {
  mine.value = { ...mine.value, [id]: { ...mine.value[id], ...held } };
  sessionStorage.setItem(KEY, JSON.stringify(mine.value));
}

const own = (id) => (mine.value[id]?.userId === person.value?.id ? mine.value[id] : null);

/** Packets this viewer holds of a rain. */
export const got = (rainId) => own(rainId)?.got ?? [];
export const gotCents = (rainId) => got(rainId).reduce((all, one) => all + one.amount_cents, 0);
export const receiptOf = (giftId) => own(giftId)?.receipt ?? null;

/** soon, open, ended or void; by the server's clock. */
export function phaseOf(one, at = now()) {
  if (one.state !== "open") return one.state;
  if (at < one.open_ms) return "soon";
  return one.close_ms && at >= one.close_ms ? "ended" : "open";
}

const fresh = (id, state) => state === "open" || now() - (overAt.value[id] ?? 0) < KEPT_MS;

function over(id) {
  overAt.value = { ...overAt.value, [id]: now() };
  setTimeout(() => (overAt.value = { ...overAt.value }), KEPT_MS + 100); // looks again when its time is over
}

export const currentRain = computed(() => (rain.value && fresh(rain.value.rain_id, rain.value.state) ? rain.value : null));
export const currentGifts = computed(() => Object.values(gifts.value ?? {}).filter((one) => fresh(one.gift_id, one.state)).sort((a, b) => b.open_ms - a.open_ms).slice(0, 2));

/** One more packet, or, when this viewer has all there are for one person, nothing. Resolves to the packet or null. */
export async function grab(one) {
  if (!(await needPerson())) return null;
  const held = got(one.rain_id);
  if (held.length >= one.per_user) return held.at(-1);
  const key = `k${held.length + 1}`;
  try {
    const packet = await client.send("rain.grab", { rain_id: one.rain_id, key });
    if (!got(one.rain_id).some((each) => each.index === packet.index)) {
      remember(one.rain_id, { userId: person.value.id, got: [...got(one.rain_id), { key, ...packet }] });
    }
    return packet;
  } catch (error) {
    if (error.code === "none_left" || error.code === "closed") empty.value = new Set([...empty.value, one.rain_id]);
    else if (error.code !== "not_started") toast(errorText(error), { kind: "bad" });
    return null;
  }
}

export async function claim(gift) {
  if (!(await needPerson())) return;
  const phrase = gift.conditions?.phrase;
  try {
    const { position, receipt } = await client.send("gift.claim", { gift_id: gift.gift_id, ...(phrase && { phrase }) });
    remember(gift.gift_id, { userId: person.value.id, receipt: { ...receipt, position } });
  } catch (error) {
    const seen = error.details?.have_s;
    if (error.code === "not_qualified" && seen !== undefined) watched.value = { ...watched.value, [gift.gift_id]: { ms: seen * 1_000, at: now() } };
    toast(errorText(error), { kind: "bad" });
  }
}

/** How far the watching asked for has come: an estimate that the server corrects, and decides by, when it is asked. */
export function watching(gift, at = now()) {
  const wholeMs = (gift.conditions?.watch_s ?? 0) * 1_000;
  if (!wholeMs) return { done: true, share: 1, leftMs: 0 };
  const known = watched.value[gift.gift_id] ?? { ms: 0, at: cameMs };
  const ms = known.ms + Math.max(0, at - known.at);
  return { done: ms >= wholeMs, share: Math.min(1, ms / wholeMs), leftMs: Math.max(0, wholeMs - ms) };
}

export const proofOf = (kind, id) => api.get(`/v1/${kind}/${encodeURIComponent(id)}`);

/** Recomputed here, against the commitments this page saw before. */
export async function checkRain(one) {
  const proof = await proofOf("rains", one.rain_id);
  return verifyRain(proof, { amountsHash: mine.value[one.rain_id]?.hash ?? one.amounts_hash, mine: got(one.rain_id) });
}

export async function checkGift(one) {
  const proof = await proofOf("gifts", one.gift_id);
  return verifyGift(proof, { rulesHash: mine.value[one.gift_id]?.hash ?? one.rules_hash, receipt: receiptOf(one.gift_id), userId: person.value?.id });
}

let cameMs = Infinity; // when this visit began; watching counts from there until the server says more
client.on("hello", ({ first }) => (cameMs = first ? now() : cameMs));
client.on("rain.started", ({ rain: one }) => remember(one.rain_id, { hash: one.amounts_hash }));
client.on("gift.opened", ({ gift: one }) => remember(one.gift_id, { hash: one.rules_hash }));
client.on("rain.ended", (d) => over(d.rain_id));
client.on("gift.closed", (d) => over(d.gift_id));

// Lotteries as data: which one is on, what this viewer holds in it, what came of it. Drawing is in luck_view.js.

import { computed, signal } from "@preact/signals-core";

import * as api from "../api.js";
import { verifyDraw } from "../fairness.js";
import { errorText } from "../i18n.js";
import { toast } from "../ui/toast.js";
import { client, now, person, roomId, view } from "./live.js";
import { needPerson } from "./login.js";

const KEPT_MS = 120_000; // how long a drawn lottery keeps its place on the picture
const KEY = `liveroom.luck.${roomId}`;

export const lotteries = view.part("lotteries");
export const sheetFor = signal(null); // lottery id whose sheet is open
export const mine = signal(restore()); // lottery id → {userId, receipt, seedHash, rulesHash}
export const won = signal({}); // lottery id → {prize, rank}
const drawnAt = signal({}); // lottery id → when this page heard of the result

function restore() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

function remember(lotteryId, held) {
  mine.value = { ...mine.value, [lotteryId]: { ...mine.value[lotteryId], ...held } };
  sessionStorage.setItem(KEY, JSON.stringify(mine.value));
}

/** Whether this viewer won it and has not said yet where it goes. */
export const waits = (lottery) => prizes.value[lottery.lottery_id]?.claim?.state === "waiting";

const order = { open: 0, frozen: 1, drawn: 2 };

/** The lottery to show on the picture: what is open first, then what was just drawn. */
export const current = computed(() => {
  const fresh = (one) => one.state !== "drawn" || waits(one) || now() - (drawnAt.value[one.lottery_id] ?? 0) < KEPT_MS;
  const shown = Object.values(lotteries.value ?? {}).filter((one) => one.state in order && fresh(one));
  return shown.sort((a, b) => order[a.state] - order[b.state] || b.open_ms - a.open_ms)[0] ?? null;
});

export function receiptOf(lotteryId) {
  const held = mine.value[lotteryId];
  return held?.receipt && held.userId === person.value?.id ? held.receipt : null;
}

export function rankOf(lottery) {
  return lottery.winners?.find((one) => one.user_id === person.value?.id)?.rank ?? null;
}

/** Enters; where a phrase is asked for it is also said aloud, as everybody does. */
export async function join(lottery) {
  if (!(await needPerson())) return;
  const phrase = lottery.conditions?.phrase;
  try {
    if (phrase) await client.send("comment.send", { text: phrase }).catch(() => {});
    const { receipt } = await client.send("lottery.join", { lottery_id: lottery.lottery_id, ...(phrase && { phrase }) });
    remember(lottery.lottery_id, { userId: person.value.id, receipt, seedHash: lottery.seed_hash, rulesHash: lottery.rules_hash });
  } catch (error) {
    if (error.details?.conditions) progress.value = { ...progress.value, [lottery.lottery_id]: error.details.conditions };
    toast(errorText(error), { kind: "bad" });
  }
}

/** How far this person is with each condition: lottery id → [{condition, met, have_s?, need_s?}]. */
export const progress = signal({});

export async function refreshProgress(lottery) {
  if (!person.value || client.status !== "online" || lottery.state !== "open") return;
  const told = await client.send("lottery.status", { lottery_id: lottery.lottery_id }).catch(() => null);
  if (!told) return;
  if (told.conditions) progress.value = { ...progress.value, [lottery.lottery_id]: told.conditions };
  if (told.receipt) remember(lottery.lottery_id, { userId: person.value.id, receipt: told.receipt, seedHash: lottery.seed_hash, rulesHash: lottery.rules_hash });
}

/** My prizes as the server has them, with how their claims stand: lottery id → win. */
export const prizes = signal({});

export async function refreshPrizes() {
  if (!person.value) return;
  const { wins: all } = await api.get("/v1/me/wins");
  prizes.value = Object.fromEntries(all.map((win) => [win.lottery_id, win]));
}

/** Sends the form of a prize; rejects with a LiveroomError. */
export async function claim(lotteryId, form) {
  await client.send("lottery.claim", { lottery_id: lotteryId, form });
  await refreshPrizes();
}

client.on("lottery.joined", ({ lottery_id: id, receipt }) => {
  const lottery = lotteries.value?.[id];
  remember(id, { userId: person.value?.id, receipt, seedHash: lottery?.seed_hash, rulesHash: lottery?.rules_hash });
});

/** Fetches the public proof and recomputes it, against the commitments this page saw before the draw. */
export async function verify(lottery) {
  const proof = await api.get(`/v1/draws/${encodeURIComponent(lottery.lottery_id)}`);
  const held = mine.value[lottery.lottery_id] ?? {};
  const seedHash = held.seedHash ?? lottery.seed_hash;
  const rulesHash = held.rulesHash ?? lottery.rules_hash;
  return verifyDraw(proof, { seedHash, rulesHash, receipt: receiptOf(lottery.lottery_id), userId: person.value?.id });
}

client.on("lottery.opened", ({ lottery }) => remember(lottery.lottery_id, { seedHash: lottery.seed_hash, rulesHash: lottery.rules_hash }));
client.on("lottery.drawn", ({ lottery_id: id }) => {
  drawnAt.value = { ...drawnAt.value, [id]: now() };
  setTimeout(() => (drawnAt.value = { ...drawnAt.value }), KEPT_MS + 100); // looks again when its time is over
  if (receiptOf(id)) sheetFor.value = id;
});
client.on("won", ({ lottery_id: id, prize, rank }) => {
  won.value = { ...won.value, [id]: { prize, rank } };
  sheetFor.value = id;
});

// Coupons as data: what can be claimed here, what this viewer holds, and the price a purchase would have.

import { computed, signal } from "@preact/signals-core";

import * as api from "../api.js";
import { errorText, t } from "../i18n.js";
import { toast } from "../ui/toast.js";
import { client, now, person, roomId, view } from "./live.js";
import { needPerson } from "./login.js";

const WORKING = new Set(["", "comment", "like", "share"]);

export const dropped = view.part("coupons");
export const owned = signal([]);
export const points = signal(null);
export const entries = signal([]); // the newest of the points' ledger
export const deeds = signal(new Set()); // what this viewer did in this visit: comment, like, share
export const watched = signal({}); // coupon → {ms, at}: how long the server has seen this viewer watch, and when it said so
export const dismissed = signal(new Set());
export const choosing = signal(null); // the card whose coupon is being chosen

/** Open coupons this viewer has not taken, newest first. */
export const offered = computed(() => {
  const mine = new Set(owned.value.map((one) => one.coupon_id));
  return Object.values(dropped.value ?? {}).filter((one) => one.remaining > 0 && !mine.has(one.coupon_id) && !dismissed.value.has(one.coupon_id)).reverse();
});

export function dismiss(couponId) {
  dismissed.value = new Set([...dismissed.value, couponId]);
}

export async function refreshRewards() {
  if (!person.value) return;
  const [coupons, book] = await Promise.all([api.get("/v1/me/coupons"), api.get("/v1/me/points")]);
  owned.value = coupons.coupons;
  points.value = book.points;
  entries.value = book.entries;
}

/** Notes that a coupon's task was done; the server keeps its own count, this is what is shown. */
export function did(deed) {
  if (!deeds.value.has(deed)) deeds.value = new Set([...deeds.value, deed]);
}

client.on("comment", ({ user }) => user.id === person.value?.id && did("comment"));

/** `{done, share, leftMs}` of a coupon's task for this viewer; null when it asks for none. */
export function progress(coupon, at = now()) {
  if (!coupon.task) return null;
  if (coupon.task !== "watch_s") return { done: deeds.value.has(coupon.task), share: deeds.value.has(coupon.task) ? 1 : 0, leftMs: 0 };
  const known = watched.value[coupon.coupon_id] ?? { ms: 0, at: cameMs };
  const ms = known.ms + Math.max(0, at - known.at);
  const wholeMs = coupon.watch_s * 1_000;
  return { done: ms >= wholeMs, share: Math.min(1, ms / wholeMs), leftMs: Math.max(0, wholeMs - ms) };
}

let cameMs = Infinity; // when this visit began; watching counts from there until the server says more
client.on("hello", ({ first }) => (cameMs = first ? now() : cameMs));
client.on("hello", () => refreshRewards().catch(() => {}));
client.on("order.changed", () => refreshRewards().catch(() => {}));
client.on("coupon.granted", ({ coupon }) => {
  toast(t("coupon.granted", { name: coupon.title }), { kind: "gold" });
  refreshRewards().catch(() => {});
});

export async function claim(coupon) {
  if (!(await needPerson())) return;
  try {
    const got = await client.send("coupon.claim", { coupon_id: coupon.coupon_id });
    if (!owned.value.some((one) => one.coupon_id === coupon.coupon_id)) {
      owned.value = [{ ...coupon, room_id: roomId, number: got.number, claimed_ms: got.claimed_ms, expires_ms: got.expires_ms, state: "claimed" }, ...owned.value];
    }
    toast(t("coupon.claimed"), { kind: "gold" });
  } catch (error) {
    if (error.code === "not_qualified" && error.details?.watched_ms !== undefined) {
      watched.value = { ...watched.value, [coupon.coupon_id]: { ms: error.details.watched_ms, at: now() } };
    }
    toast(error.code === "not_qualified" && WORKING.has(coupon.task) ? t(`coupon.task.${coupon.task || "none"}`) : errorText(error), { kind: "bad" });
  }
}

/** What a coupon takes off a price, or null when it does not reach the threshold. Mirrors the server's rule. */
export function offOf(coupon, cents) {
  if (cents < coupon.threshold_cents) return null;
  const off = coupon.percent ? Math.floor((cents * coupon.percent) / 100) : coupon.off_cents;
  return Math.max(0, Math.min(off, cents - 1));
}

/** This viewer's coupons for a price in this room, the best first; the platform's are good in every room. */
export function usable(cents, scope = "shop") {
  const here = (one) => (scope === "platform" ? one.scope === "platform" : one.scope === "shop" && one.room_id === roomId);
  const fits = (one) => one.state === "claimed" && here(one) && one.expires_ms > now() && offOf(one, cents) > 0;
  return owned.value.filter(fits).sort((a, b) => offOf(b, cents) - offOf(a, cents));
}

// The auction as data: which one is on, what to bid next, and the bid. Drawing is in auction_view.js.

import { computed, signal } from "@preact/signals-core";

import { money } from "../format.js";
import { errorText, t } from "../i18n.js";
import { toast } from "../ui/toast.js";
import { client, now, person, view } from "./live.js";
import { needPerson } from "./login.js";
import { orders } from "./shop.js";

const KEPT_MS = 60_000; // how long a result keeps its place on the picture
const LEAPS = [0, 1, 4]; // steps above the least one may bid

export const auctions = view.part("auctions");
export const auctionFor = signal(null); // auction id whose sheet is open
const closedAt = signal({});

/** The order that a won auction has become; none yet in its first second. */
export const orderOf = (auctionId) => orders.value.find((one) => one.sale_id === `auction-${auctionId}`);

/** The auction to show on the picture: an open one, else one that has just ended. */
export const current = computed(() => {
  const fresh = (one) => one.state === "open" || now() - (closedAt.value[one.auction_id] ?? 0) < KEPT_MS;
  const shown = Object.values(auctions.value ?? {}).filter(fresh);
  return shown.sort((a, b) => (a.state === "open" ? 0 : 1) - (b.state === "open" ? 0 : 1) || b.open_ms - a.open_ms)[0] ?? null;
});

export const isMine = (auction) => Boolean(auction.leader && auction.leader.id === person.value?.id);

/** The amounts on offer: the least one may bid and some steps more, never above the maximum. */
export function offers({ least_cents: least, step_cents: step, max_cents: most }) {
  const sums = LEAPS.map((leap) => least + leap * step).filter((sum) => most === null || sum < most);
  return most === null ? sums : [...sums, most];
}

export async function bid(auction, cents) {
  if (!(await needPerson())) return;
  try {
    await client.send("auction.bid", { auction_id: auction.auction_id, amount_cents: cents, key: crypto.randomUUID() });
  } catch (error) {
    toast(errorText(error), { kind: "bad" });
  }
}

client.on("auction.closed", ({ auction_id: id }) => {
  closedAt.value = { ...closedAt.value, [id]: now() };
  setTimeout(() => (closedAt.value = { ...closedAt.value }), KEPT_MS + 100); // looks again when its time is over
});
client.on("auction.won", ({ auction_id: id, amount_cents: cents, currency }) => {
  auctionFor.value = id;
  toast(t("auction.won", { sum: money(cents, currency) }), { kind: "gold", ms: 6_000 });
});

// Whoever won it did not pay: the order is among one's own already.
client.on("auction.offered", ({ title, amount_cents: cents, currency }) => {
  toast(t("auction.offered", { title, sum: money(cents, currency) }), { kind: "gold", ms: 10_000 });
});

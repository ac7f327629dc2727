// Buying, as data: which state a card's sale is in for this viewer, asking for a unit, and this viewer's orders.

import { computed, signal } from "@preact/signals-core";

import * as api from "../api.js";
import { errorText, lang, t } from "../i18n.js";
import { purchaseKey } from "../liveroom.js";
import { toast } from "../ui/toast.js";
import { admissionOf, hasLine, place, refreshPlace, waiting } from "./line.js";
import { worthAsking } from "./benefits.js";
import { choosing } from "./coupons.js";
import { cards, client, now, person, view } from "./live.js";
import { needPerson } from "./login.js";

const ORDER_TRIES_MAX = 30; // an order is written some milliseconds after its reservation
const ORDER_PAUSE_MS = 200;
const WRITTEN_MS = 150; // how long the news of that is waited for before asking

export const orders = signal([]);
export const asking = signal({}); // sku → true while the server decides
export const opened = signal(null); // the order shown in the sheet
export const sales = view.part("sales");
export const stock = view.part("stock");

const keys = new Map(); // sku → key and benefits of a purchase whose outcome is not known
const wished = new Set(); // SKUs this viewer was too late for

const UNPAID = new Set(["held", "placed"]);
const offeredIds = new Set(); // orders that the waitlist made

export const isUnpaid = (order) => UNPAID.has(order.status);
export const wasOffered = (order) => offeredIds.has(order.order_id);

function ordersOf(skuId, saleId) {
  return orders.value.filter((order) => order.sale_id === saleId && order.lines.some((line) => line.sku_id === skuId));
}

function boughtQty(list, skuId) {
  return list.filter((order) => order.status === "paid").reduce((sum, order) => sum + order.lines.filter((line) => line.sku_id === skuId).reduce((qty, line) => qty + line.qty, 0), 0);
}

export function payBy(order) {
  return order.pay_by_ms ?? order.expires_ms ?? 0;
}

function phaseNow(sale, sku, at) {
  const left = stock.value?.[sku.sku_id]?.left;
  if (sale.phase === "draft") return "none";
  if (sale.phase === "preheat") return "preheat";
  if (sale.phase === "countdown" && at < sale.start_ms) return "soon";
  if (sale.phase === "ended" || (sale.end_ms && at >= sale.end_ms)) return "ended";
  if (left === 0 || (left === undefined && (sku.sold_out || sale.phase === "sold_out"))) return "sold_out";
  if (sale.paused) return "paused";
  return "buy";
}

/** What the phase is for somebody who must stand in line first. */
function inLine(sale, phase, at) {
  if (!hasLine(sale) || (phase !== "buy" && phase !== "soon")) return phase;
  const { state } = place(sale, at);
  if (state === "admitted") return phase;
  return { closed: phase, open: "line", asking: "joining", queueing: "queueing" }[state];
}

/** The sale of a card for this viewer: `{state, sale, sku, left, order?}`; null when the card is not for sale. */
export function offer(card, at = now()) {
  const sale = sales.value?.[card.sale_id];
  const sku = sale?.skus.find((one) => one.sku_id === card.sku_id) ?? sale?.skus.find((one) => one.product_id === card.product_id);
  if (!sku) return null;
  const mine = ordersOf(sku.sku_id, sale.sale_id);
  const unpaid = mine.find((order) => UNPAID.has(order.status) && payBy(order) > at);
  const paid = mine.find((order) => order.status === "paid");
  const bare = phaseNow(sale, sku, at);
  const phase = bare === "sold_out" && waiting.value[sku.sku_id] ? "waitlisted" : inLine(sale, bare, at);
  const full = sku.per_user > 0 && boughtQty(mine, sku.sku_id) >= sku.per_user;
  const left = stock.value?.[sku.sku_id]?.left ?? sku.stock;
  const own = asking.value[sku.sku_id] ? "asking" : unpaid ? "pay" : paid && (full || bare !== "buy") ? "paid" : null;
  return { state: own ?? phase, full, sale, sku, left, order: unpaid ?? paid };
}

/** The unpaid order that lapses first. */
export const duty = computed(() => orders.value.filter(isUnpaid).sort((a, b) => payBy(a) - payBy(b)).find((order) => payBy(order) > now()) ?? null);

/** Takes in what is known of an order; older knowledge of it stays where this says nothing. */
export function keep(order) {
  const known = orders.value.find((one) => one.order_id === order.order_id);
  const merged = { ...known, ...order };
  orders.value = known ? orders.value.map((one) => (one === known ? merged : one)) : [merged, ...orders.value];
  if (opened.value?.order_id === order.order_id) opened.value = merged;
  return merged;
}

export async function refreshOrders() {
  if (!person.value) return;
  const { orders: listed } = await api.get("/v1/orders");
  const held = orders.value.filter((one) => !listed.some((other) => other.order_id === one.order_id) && UNPAID.has(one.status) && payBy(one) > now());
  orders.value = [...held, ...listed].sort((a, b) => b.created_ms - a.created_ms);
  const shown = orders.value.find((one) => one.order_id === opened.value?.order_id);
  if (shown) opened.value = shown;
}

client.on("hello", () => refreshOrders().catch(() => {}));
client.on("order.changed", ({ order }) => {
  const before = orders.value.find((one) => one.order_id === order.order_id)?.status;
  keep(order);
  if (order.status === before) return;
  if (order.status === "paid") toast(t("order.paidToast"), { kind: "good" });
  if (order.status === "expired") toast(t("order.expiredToast"), { kind: "bad" });
  if (order.status === "refunded") toast(t("order.refundedToast"), { kind: "gold" });
});
client.on("refund.decided", ({ request }) => {
  const mine = orders.value.some((one) => one.order_id === request.order_id);
  if (mine && request.status !== "withdrawn") toast(t(`refundRequest.told.${request.status}`), { kind: request.status === "approved" ? "good" : "bad" });
});
client.on("waitlist.offered", ({ order }) => {
  offeredIds.add(order.order_id);
  opened.value = keep(order);
  toast(t("waitlist.offered"), { kind: "gold" });
});
client.on("stock.returned", ({ sku_id: skuId }) => wished.delete(skuId) && toast(t("sale.back"), { kind: "gold" }));

/** An order as the answer of a purchase tells it, until the server's own word of it comes. */
export function keepHeld(answer, saleId, lines) {
  const known = orders.value.find((one) => one.order_id === answer.order_id);
  const { order_id, reservation_id, amount_cents, discounts = [], currency = "CNY", expires_ms, pay_by_ms = null } = answer;
  return known ?? keep({ order_id, reservation_id, amount_cents, discounts, currency, expires_ms, pay_by_ms, sale_id: saleId, lines, status: "held", created_ms: now(), payment_id: null });
}

function oneOf({ sku }) {
  return [{ sku_id: sku.sku_id, product_id: sku.product_id, title: sku.title, qty: 1, unit_cents: sku.sale_cents }];
}

/** Asks for one unit. The key is kept until the outcome is known, so that pressing again never buys twice. */
export async function buy(card, { benefits } = {}) {
  if (!(await needPerson())) return;
  const wanted = offer(card);
  if (!wanted || wanted.state !== "buy") return;
  const { sale, sku } = wanted;
  if (benefits === undefined && !keys.has(sku.sku_id) && worthAsking(sku.sale_cents)) {
    choosing.value = card;
    return;
  }
  const wish = keys.get(sku.sku_id) ?? { key: purchaseKey(), ...benefits };
  keys.set(sku.sku_id, wish);
  asking.value = { ...asking.value, [sku.sku_id]: true };
  try {
    const answer = await client.send("sale.buy", { sale_id: sale.sale_id, lines: [{ sku_id: sku.sku_id, qty: 1 }], ...wish, admission: admissionOf(sale.sale_id) });
    keys.delete(sku.sku_id);
    opened.value = keepHeld(answer, sale.sale_id, oneOf(wanted));
  } catch (error) {
    refused(error, sku.sku_id, error.code === "not_eligible" && sale.eligibility?.follower ? t("sale.followFirst") : errorText(error));
    if (error.code === "not_admitted") refreshPlace(sale.sale_id);
  } finally {
    const { [sku.sku_id]: _done, ...others } = asking.value;
    asking.value = others;
  }
}

function refused(error, skuId, words) {
  if (!["unknown_outcome", "timeout", "connection_lost", "offline"].includes(error.code)) keys.delete(skuId);
  if (error.code === "sold_out") wished.add(skuId);
  toast(words, { kind: "bad" });
}

const isOpen = (orderId) => orders.value.some((one) => one.order_id === orderId && one.status !== "held");

/** Resolves when the room has told that the order is written, or after `ms`. */
function written(orderId, ms) {
  if (isOpen(orderId)) return Promise.resolve();
  return new Promise((resolve) => {
    const off = client.on("order.changed", () => isOpen(orderId) && done());
    const timer = setTimeout(() => done(), ms);
    const done = () => {
      off();
      clearTimeout(timer);
      resolve();
    };
  });
}

/** Starts (or finds again) the payment of an order; waits while the order is still being written. */
export async function beginPayment(orderId, provider) {
  await written(orderId, WRITTEN_MS);
  for (let tries = 1; ; tries += 1) {
    try {
      return await api.post(`/v1/orders/${encodeURIComponent(orderId)}/pay`, { provider });
    } catch (error) {
      if (error.status !== 404 || tries >= ORDER_TRIES_MAX) throw error;
      await new Promise((resolve) => setTimeout(resolve, ORDER_PAUSE_MS));
    }
  }
}

const seen = new Set();
let toTell = [];

/** Tells the host's numbers that a card was looked at: each card once a visit, merged. */
export function cardsSeen(ids) {
  const fresh = ids.filter((id) => !seen.has(id));
  if (!fresh.length || client.status !== "online") return;
  fresh.forEach((id) => seen.add(id));
  if (!toTell.length) setTimeout(() => client.send("card.seen", { card_ids: toTell.splice(0) }).catch(() => {}), 500);
  toTell.push(...fresh);
}

export function cardClicked(productId) {
  if (client.status === "online") client.send("card.click", { product_id: productId }).catch(() => {});
}

/** A product's title in the reader's language, where the host gave one. */
export const titleOf = (card) => (lang.value === "en" && card.title_en) || card.title;

export const numberOf = (card) => cards.value.indexOf(card) + 1;

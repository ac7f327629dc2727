// The cart as data: what this viewer means to buy, as the server tells it with its prices. It reserves nothing.

import { computed, signal } from "@preact/signals-core";

import * as api from "../api.js";
import { errorText, t } from "../i18n.js";
import { purchaseKey } from "../liveroom.js";
import { toast } from "../ui/toast.js";
import { refreshRewards } from "./coupons.js";
import { admissionOf, refreshPlace } from "./line.js";
import { client, person, roomId } from "./live.js";
import { needPerson } from "./login.js";
import { keepHeld, offer, opened, refreshOrders, sales } from "./shop.js";

export const QTY_MAX = 999;
const UNKNOWN = new Set(["unknown_outcome", "timeout", "connection_lost", "offline", "unavailable"]);

export const cart = signal([]); // one entry a sale, as `GET /v1/me/cart` has it
export const cartOpen = signal(false);
export const refusals = signal({}); // sale → why its part of the last checkout was refused
export const busy = signal(false);

export const pieces = computed(() => cart.value.reduce((sum, sale) => sum + sale.lines.reduce((n, line) => n + line.qty, 0), 0));

/** What the lines of a sale cost before coupons: the add-on prices are in it. */
export function baseCents(entry) {
  const addOns = entry.discounts.filter((one) => one.kind === "add_on").reduce((sum, one) => sum + one.off_cents, 0);
  return entry.subtotal_cents - addOns;
}

/** A SKU of a sale as the room shows it now: title, prices, left. */
export function skuOf(saleId, skuId) {
  return sales.value?.[saleId]?.skus.find((one) => one.sku_id === skuId) ?? null;
}

export const isOver = (saleId) => (sales.value?.[saleId]?.phase ?? "ended") === "ended";

export async function refreshCart() {
  cart.value = person.value ? (await api.get(`/v1/me/cart?room_id=${encodeURIComponent(roomId)}`)).sales : [];
}

client.on("hello", () => refreshCart().catch(() => {}));

async function change(op, params) {
  if (!(await needPerson())) return false;
  try {
    await client.send(op, params);
    await refreshCart();
    return true;
  } catch (error) {
    toast(errorText(error), { kind: "bad" });
    return false;
  }
}

export async function addToCart(card) {
  const found = offer(card);
  if (found && (await change("cart.add", { sale_id: found.sale.sale_id, sku_id: found.sku.sku_id }))) toast(t("cart.added"), { kind: "good" });
}

export const addSku = (saleId, skuId) => change("cart.add", { sale_id: saleId, sku_id: skuId });

export function setQty(saleId, skuId, qty) {
  return qty > 0 ? change("cart.set", { sale_id: saleId, sku_id: skuId, qty: Math.min(QTY_MAX, qty) }) : change("cart.remove", { sale_id: saleId, sku_id: skuId });
}

let attempt = null; // the key and the wish of a checkout whose outcome is not known

/** Reserves the cart, one order a sale. The same key is asked again until the outcome is known. */
export async function checkOut(benefits) {
  const admissions = Object.fromEntries(cart.value.map(({ sale_id: id }) => [id, admissionOf(id)]).filter(([, token]) => token));
  attempt ??= { key: purchaseKey(), ...benefits, ...(Object.keys(admissions).length && { admissions }) };
  busy.value = true;
  try {
    const { sales: answers } = await client.send("cart.checkout", attempt);
    if (!answers.some(({ err }) => UNKNOWN.has(err?.code))) attempt = null;
    settle(answers);
  } catch (error) {
    if (!UNKNOWN.has(error.code)) attempt = null;
    toast(errorText(error), { kind: "bad" });
  } finally {
    busy.value = false;
  }
}

function settle(answers) {
  const before = new Map(cart.value.map((entry) => [entry.sale_id, entry]));
  refusals.value = Object.fromEntries(answers.filter((one) => one.err).map((one) => [one.sale_id, one.err]));
  for (const { sale_id: id, err } of answers) if (err?.code === "not_admitted") refreshPlace(id);
  const held = answers.filter((one) => one.ok).map((one) => keepHeld(one.ok, one.sale_id, before.get(one.sale_id)?.lines ?? []));
  if (held.length) {
    cartOpen.value = held.length < answers.length;
    opened.value = held[0];
  }
  Promise.all([refreshCart(), refreshOrders(), refreshRewards()]).catch(() => {});
}

// What a buyer may do with an order besides paying it: let it go, divide it, put two together. As data, no drawing.

import * as api from "../api.js";
import { errorText } from "../i18n.js";
import { purchaseKey } from "../liveroom.js";
import { toast } from "../ui/toast.js";
import { refreshCart } from "./cart.js";
import { refreshRewards } from "./coupons.js";
import { now } from "./live.js";
import { isUnpaid, keep, keepHeld, opened, orders, payBy, refreshOrders } from "./shop.js";

const path = (order) => `/v1/orders/${encodeURIComponent(order.order_id)}`;
const isOpen = (order) => isUnpaid(order) && payBy(order) > now();

export const piecesOf = (order) => order.lines.reduce((sum, line) => sum + line.qty, 0);
export const canSplit = (order) => isOpen(order) && piecesOf(order) > 1;

/** Other unpaid orders of the same sale; discounts go with their pieces. */
export function mergeable(order) {
  return isOpen(order) ? orders.value.filter((one) => one !== order && one.order_id !== order.order_id && one.sale_id === order.sale_id && isOpen(one)) : [];
}

async function attempt(act) {
  try {
    return await act();
  } catch (error) {
    toast(errorText(error), { kind: "bad" });
    refreshOrders().catch(() => {});
    return null;
  }
}

/** Gives the order's stock back; the server's answer is what is shown. */
export function cancel(order) {
  return attempt(async () => {
    keep(await api.post(`${path(order)}/cancel`));
    refreshRewards().catch(() => {});
    refreshCart().catch(() => {});
    return true;
  });
}

function replaceOld(olds, made, linesOf) {
  for (const old of olds) keep({ ...old, status: "cancelled" });
  const fresh = made.orders.map((one, nth) => keepHeld({ ...one, currency: made.currency }, olds[0].sale_id, linesOf(nth)));
  opened.value = fresh[0];
  refreshOrders().catch(() => {});
  return true;
}

function taken(order, part) {
  return part.map(({ sku_id: id, qty }) => ({ ...order.lines.find((line) => line.sku_id === id), qty }));
}

/** `moved` is SKU → pieces for an order of their own; the rest stays together. */
export function split(order, moved) {
  const counts = new Map();
  for (const line of order.lines) counts.set(line.sku_id, (counts.get(line.sku_id) ?? 0) + line.qty);
  const own = [...counts].map(([id]) => ({ sku_id: id, qty: moved[id] ?? 0 })).filter((one) => one.qty > 0);
  const rest = [...counts].map(([id, qty]) => ({ sku_id: id, qty: qty - (moved[id] ?? 0) })).filter((one) => one.qty > 0);
  return attempt(async () => {
    const made = await api.post("/v1/orders/split", { order_id: order.order_id, parts: [rest, own], key: purchaseKey() });
    return replaceOld([order], made, (nth) => taken(order, nth ? own : rest));
  });
}

export function merge(order, others) {
  const olds = [order, ...others];
  return attempt(async () => {
    const made = await api.post("/v1/orders/merge", { order_ids: olds.map((one) => one.order_id), key: purchaseKey() });
    return replaceOld(olds, made, () => olds.flatMap((one) => one.lines));
  });
}

/** {refunds, requests}, each oldest first. */
export const refundsOf = (order) => api.get(`${path(order)}/refunds`);

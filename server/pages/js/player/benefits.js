// What an order will cost with coupons and points, as data. Mirrors the server's order of stacking; the order itself is
// what counts, this is what is shown before it exists.

import { offOf, points, usable } from "./coupons.js";

const FLOOR_CENTS = 1; // an order never costs less
export const POINTS_WORTH_ASKING = 100; // one yuan: below that nobody is stopped on the way to a flash sale

/** Whether there is anything to choose for a purchase of so many cents. */
export function worthAsking(cents) {
  return usable(cents).length > 0 || usable(cents, "platform").length > 0 || (points.value ?? 0) >= POINTS_WORTH_ASKING;
}

/** The best shop coupon, then the best of the platform's for what is left; points are for whoever asks. */
export function bestChoice(cents) {
  const coupon = usable(cents)[0] ?? null;
  const left = cents - (coupon ? offOf(coupon, cents) : 0);
  return { coupon, platform: usable(left, "platform")[0] ?? null, spend: false };
}

/** `{rows, amount, params}`: what each takes off, what is left to pay, and the parameters of the purchase. */
export function quote(cents, { coupon, platform, spend }) {
  const rows = [];
  const params = {};
  let left = cents;
  for (const [kind, name, one] of [["coupon", "coupon_id", coupon], ["platform_coupon", "platform_coupon_id", platform]]) {
    const off = one ? offOf(one, left) : null;
    if (!off) continue;
    rows.push({ kind, title: one.title, off });
    params[name] = one.coupon_id;
    left -= off;
  }
  const spent = spend ? Math.min(points.value ?? 0, left - FLOOR_CENTS) : 0;
  if (spent > 0) {
    rows.push({ kind: "points", title: "", off: spent });
    params.points = spent;
  }
  return { rows, amount: left - Math.max(0, spent), params };
}

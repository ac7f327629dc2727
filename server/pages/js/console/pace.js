// How fast each SKU sells, worked out from the pushes of what is left.
// Bookkeeping only: no drawing, no network, no clock of its own.

const WINDOW_MS = 60_000; // long enough to be steady, short enough to notice a rush
const WARM_UP_MS = 10_000; // a rate over less than this would jump wildly
const SAMPLES_MAX = 600; // per SKU: ten pushes a second for the whole window

export class Pace {
  #samples = new Map();

  /** Remember that `left` units of a SKU were there at `nowMs`. Repeats of the same number are free. */
  note(skuId, left, nowMs) {
    const list = this.#samples.get(skuId) ?? [];
    if (list.length && list[list.length - 1].left === left) return;
    list.push({ at: nowMs, left });
    if (list.length > SAMPLES_MAX) list.shift();
    this.#samples.set(skuId, list);
  }

  /** Units sold per minute over the last minute, or null while there is too little to say. */
  perMinute(skuId, nowMs) {
    const list = this.#samples.get(skuId);
    if (!list || nowMs - list[0].at < WARM_UP_MS) return null;
    const from = nowMs - WINDOW_MS;
    while (list.length > 1 && list[1].at <= from) list.shift();
    let sold = 0;
    for (let i = 1; i < list.length; i += 1) sold += Math.max(0, list[i - 1].left - list[i].left);
    const spanMs = Math.min(WINDOW_MS, nowMs - list[0].at);
    return (sold * 60_000) / spanMs;
  }

  /** Minutes until the stock is gone at the present rate, or null when nothing sells. */
  minutesLeft(skuId, nowMs) {
    const list = this.#samples.get(skuId);
    const rate = this.perMinute(skuId, nowMs);
    if (!list || !rate) return null;
    return list[list.length - 1].left / rate;
  }
}

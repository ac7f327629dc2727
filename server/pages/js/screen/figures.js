// Sums over the metrics' series, and what is on stage. Pure: no drawing, no network.
// In the series `comments` and `likes` are running totals, `orders` and `gmv_cents` what came in those five seconds.

const MINUTE_MS = 60_000;
const BAR_MS = 15_000; // one bar: thick enough to be seen from across the room

/** How much came in the last minute of a per-step key. */
export function lastMinute(series, key, nowMs) {
  return series.filter((point) => point.ts > nowMs - MINUTE_MS).reduce((sum, point) => sum + point[key], 0);
}

/** How much a running total grew in the last minute; a total that was lost and began anew counts as nothing. */
export function grownLastMinute(series, key, nowMs) {
  const recent = series.filter((point) => point.ts > nowMs - MINUTE_MS - 5_000);
  return recent.reduce((sum, point, i) => (i ? sum + Math.max(0, point[key] - recent[i - 1][key]) : 0), 0);
}

/** A per-step key in bars: {times, values}. */
export function bars(series, key) {
  const sums = new Map();
  for (const point of series) {
    const at = Math.floor(point.ts / BAR_MS) * BAR_MS;
    sums.set(at, (sums.get(at) ?? 0) + point[key]);
  }
  return { times: [...sums.keys()], values: [...sums.values()] };
}

/** The sale to show beside the card on air: what starts next, else what runs, else what is announced. */
export function saleOnAir(sales) {
  const list = Object.values(sales ?? {});
  for (const phase of ["countdown", "live", "preheat"]) {
    const sale = list.find((one) => one.phase === phase);
    if (sale) return sale;
  }
  return null;
}

/** The card to show: the one being explained, else the one shown last. */
export function cardOnAir(cards) {
  const list = cards ?? [];
  return list.find((card) => card.mode === "explaining") ?? [...list].sort((a, b) => b.shown_ms - a.shown_ms)[0] ?? null;
}

/** Every SKU of the running and coming sales with what is left of it, the running ones first. */
export function stockRows(sales, stock) {
  const rank = { live: 0, sold_out: 1, countdown: 2, preheat: 3 };
  return Object.values(sales ?? {})
    .filter((sale) => sale.phase in rank)
    .sort((a, b) => rank[a.phase] - rank[b.phase])
    .flatMap((sale) => sale.skus)
    .map((sku) => {
      const left = stock?.[sku.sku_id]?.left ?? sku.stock;
      return { ...sku, left, total: Math.max(sku.stock, left) };
    });
}

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

/** The card on air: the one whose explaining began last, else the one shown last. */
export function cardOnAir(cards) {
  const latest = (key) => (a, b) => b[key] - a[key];
  const list = cards ?? [];
  const explaining = list.filter((card) => card.mode === "explaining").sort(latest("explain_since_ms"));
  return explaining[0] ?? [...list].sort(latest("shown_ms"))[0] ?? null;
}

/** The sale to show: what is counting down, else the running one of the card on air, else any running, else what comes. */
export function saleOnAir(sales, card) {
  const list = Object.values(sales ?? {});
  const inPhase = (phase) => list.find((sale) => sale.phase === phase);
  const own = list.find((sale) => sale.phase === "live" && sale.skus.some((sku) => sku.product_id === card?.product_id));
  return inPhase("countdown") ?? own ?? inPhase("live") ?? inPhase("preheat") ?? null;
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

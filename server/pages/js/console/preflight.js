// What must be true before a sale goes out to everybody: the server's checks, and what only the host can judge.
// Each is good, a warning, or a stop. Pure.

const STEEP_PERCENT = 20; // a price below a fifth of the list price is more often a typing error than a gift

const check = (level, key, params = {}) => ({ level, key, params });

function priceCheck(sale) {
  if (sale.skus.some((sku) => sku.sale_cents * 100 < sku.list_cents * STEEP_PERCENT)) return check("warn", "console.check.steep");
  if (sale.skus.some((sku) => sku.sale_cents >= sku.list_cents)) return check("warn", "console.check.same");
  return check("good", "console.check.price");
}

function rivalCheck(sale, sales) {
  const rival = Object.values(sales ?? {}).find((one) => one.sale_id !== sale.sale_id && ["countdown", "live"].includes(one.phase));
  return rival ? check("warn", "console.check.rival") : check("good", "console.check.alone");
}

/** What the server found when it looked: each good or a stop; nothing yet while it looks. */
export function serverChecks(look) {
  return (look?.checks ?? []).map(({ name, ok }) => check(ok ? "good" : "stop", `console.check.${name}.${ok ? "good" : "stop"}`));
}

/** Checks in the order a host reads them. Any `stop` means: do not start. */
export function preflight({ sale, sales, cards, online }) {
  const shown = sale.skus.every((sku) => cards.some((card) => card.product_id === sku.product_id));
  return [
    priceCheck(sale),
    check("good", "console.check.window", { seconds: sale.duration_s, hold: sale.hold_s }),
    shown ? check("good", "console.check.shown") : check("warn", "console.check.not_shown"),
    rivalCheck(sale, sales),
    check(online ? "good" : "stop", online ? "console.check.online" : "console.check.offline"),
  ];
}

// What must be true before a sale goes out to everybody: one list of checks, each good, a warning, or a stop. Pure.

import { auditRow } from "./tally.js";

const STEEP_PERCENT = 20; // a price below a fifth of the list price is more often a typing error than a gift

const check = (level, key, params = {}) => ({ level, key, params });

function stockCheck(sale, stock) {
  const lefts = sale.skus.map((sku) => stock?.[sku.sku_id]?.left ?? sku.stock);
  const params = { n: lefts.reduce((sum, left) => sum + left, 0), skus: sale.skus.length };
  if (params.n === 0) return check("stop", "console.check.no_stock", params);
  return check(lefts.includes(0) ? "warn" : "good", "console.check.stock", params);
}

function priceCheck(sale) {
  if (sale.skus.some((sku) => sku.sale_cents * 100 < sku.list_cents * STEEP_PERCENT)) return check("warn", "console.check.steep");
  if (sale.skus.some((sku) => sku.sale_cents >= sku.list_cents)) return check("warn", "console.check.same");
  return check("good", "console.check.price");
}

function rivalCheck(sale, sales) {
  const rival = Object.values(sales ?? {}).find((one) => one.sale_id !== sale.sale_id && ["countdown", "live"].includes(one.phase));
  return rival ? check("warn", "console.check.rival") : check("good", "console.check.alone");
}

function booksCheck(sale, audit) {
  if (!audit) return check("warn", "console.check.books_unknown");
  const balanced = sale.skus.every((sku) => auditRow(audit, sale.sale_id, sku.sku_id)?.balanced ?? true);
  return balanced ? check("good", "console.check.books") : check("stop", "console.check.books_broken");
}

/** Checks in the order a host reads them. Any `stop` means: do not start. */
export function preflight({ sale, sales, stock, cards, audit, online }) {
  const shown = sale.skus.every((sku) => cards.some((card) => card.product_id === sku.product_id));
  return [
    stockCheck(sale, stock),
    priceCheck(sale),
    check("good", "console.check.window", { seconds: sale.duration_s, hold: sale.hold_s }),
    shown ? check("good", "console.check.shown") : check("warn", "console.check.not_shown"),
    rivalCheck(sale, sales),
    booksCheck(sale, audit),
    check(online ? "good" : "stop", online ? "console.check.online" : "console.check.offline"),
  ];
}

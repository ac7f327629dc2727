// Where every unit of a SKU is: left, held, sold. Joins the live push (fresh, only what is left)
// with the last conservation audit (2 s old, all the columns). Pure: no drawing, no network.

/** The audit's row of one SKU of one sale, or null. */
export function auditRow(audit, saleId, skuId) {
  const sale = audit?.sales?.find((one) => one.sale_id === saleId);
  return sale?.skus.find((one) => one.sku_id === skuId) ?? null;
}

/** {total, left, held, sold} in units; the three parts always add up to the total. */
export function tally(sku, level, account) {
  const row = account?.channels?.live ?? account;
  const total = row ? row.initial + row.restocked - row.written_off + (row.transferred ?? 0) : sku.stock;
  const left = Math.min(total, level?.left ?? row?.available ?? sku.stock);
  const gone = total - left;
  const sold = Math.min(gone, row?.sold ?? 0);
  return { total, left, held: gone - sold, sold };
}

/** Whole percent of a part, 0 for an empty whole. */
export function share(part, whole) {
  return whole > 0 ? (100 * part) / whole : 0;
}

// Money typed by a person ("9.9", "¥1,299") to integer cents and back. No rounding: two decimals or it is wrong.

const SHAPE = /^(\d{1,8})(?:[.。](\d{1,2}))?$/;

/** Cents, or null when the text is not an amount. */
export function centsOf(text) {
  const match = SHAPE.exec(String(text).replace(/[¥￥,，\s]/g, ""));
  if (!match) return null;
  return Number(match[1]) * 100 + Number((match[2] ?? "0").padEnd(2, "0"));
}

/** What to put in the input for so many cents: "9.90", or "" for none. */
export function textOf(cents) {
  return cents == null ? "" : (cents / 100).toFixed(2);
}

/** A whole number between two limits, or null. */
export function wholeOf(text, least, most) {
  const value = Number(String(text).trim());
  return Number.isInteger(value) && value >= least && value <= most && String(text).trim() !== "" ? value : null;
}

// How numbers, money and time are written, by the chosen language. Also the tint of a name. No words in here.

import { lang } from "./i18n.js";

const formats = new Map();

function cached(key, make) {
  if (!formats.has(key)) formats.set(key, make());
  return formats.get(key);
}

const locale = () => (lang.value === "zh" ? "zh-CN" : "en-US");

/** 990, "CNY" → ¥9.90. Whole amounts keep their two digits: a price that changes width reads badly. */
export function money(cents, currency = "CNY") {
  const format = cached(`money ${locale()} ${currency}`, () => new Intl.NumberFormat(locale(), { style: "currency", currency, currencyDisplay: "narrowSymbol" }));
  return format.format(cents / 100);
}

/** 123456 → 12.3万 or 123K. */
export function count(n) {
  const format = cached(`count ${locale()}`, () => new Intl.NumberFormat(locale(), { notation: "compact", maximumFractionDigits: 1 }));
  return n < 10_000 ? String(n) : format.format(n);
}

/** 1234567 → 1,234,567 */
export function whole(n) {
  return cached(`whole ${locale()}`, () => new Intl.NumberFormat(locale())).format(n);
}

/** 0.123 → 12.3% */
export function percent(share, digits = 0) {
  return cached(`percent ${locale()} ${digits}`, () => new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: digits })).format(share);
}

/** Milliseconds left → 02:41, or 1:02:41 from an hour on; never below 00:00. */
export function countdown(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return (hours ? `${hours}:` : "") + `${two(minutes)}:${two(seconds % 60)}`;
}

/** Unix ms → 20:15:03 (or 20:15 with `short`). */
export function clock(ms, { short = false } = {}) {
  const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(!short && { second: "2-digit" }) };
  return cached(`clock ${locale()} ${short}`, () => new Intl.DateTimeFormat(locale(), options)).format(ms);
}

/** Unix ms → date and time, for orders. */
export function dateTime(ms) {
  return cached(`date ${locale()}`, () => new Intl.DateTimeFormat(locale(), { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" })).format(ms);
}

/** User id → one of the twelve tints of base.css: the same person has the same colour everywhere. */
export function tint(id = "") {
  let hash = 0;
  for (let i = 0; i < id.length; i += 1) hash = (hash * 31 + id.charCodeAt(i)) >>> 0;
  return `tint-${hash % 12}`;
}

/** First character of a name, emoji and CJK included. */
export function initial(name = "") {
  return [...name.trim()][0]?.toUpperCase() ?? "·";
}

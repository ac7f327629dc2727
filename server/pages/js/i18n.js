// Words by language. The server sends codes; the words live in i18n/zh.js and i18n/en.js, a page may add its own.

import { signal } from "@preact/signals-core";

import en from "./i18n/en.js";
import zh from "./i18n/zh.js";

const KEY = "liveroom.lang";
const words = { zh: { ...zh }, en: { ...en } };

function chosen() {
  const asked = new URLSearchParams(globalThis.location?.search ?? "").get("lang") ?? stored();
  if (asked === "zh" || asked === "en") return asked;
  return (globalThis.navigator?.language ?? "zh").toLowerCase().startsWith("zh") ? "zh" : "en";
}

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** "zh" or "en". A component that calls `t` or a format while rendering is drawn anew when it changes. */
export const lang = signal(chosen());

export function setLang(next) {
  lang.value = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // A browser that keeps nothing still switches for this visit.
  }
}

/** Adds a page's own words: `addWords({zh: {…}, en: {…}})`, flat keys with a prefix. */
export function addWords(more) {
  Object.assign(words.zh, more.zh);
  Object.assign(words.en, more.en);
}

const HOLE = /\{(\w+)(?:\|([^|{}]*)\|([^|{}]*))?\}/g;
const plurals = { zh: new Intl.PluralRules("zh-CN"), en: new Intl.PluralRules("en-US") };

/**
 * The words for `key`, with `{name}` filled from `params`, and of `{name|winner|winners}` the form that goes with
 * that number by the rules of the language. An unknown key shows itself.
 */
export function t(key, params = {}) {
  const text = words[lang.value][key] ?? words.en[key] ?? key;
  return text.replace(HOLE, (whole, name, one, other) => {
    if (one === undefined) return params[name] ?? whole;
    return isOne(params[name]) ? one : other;
  });
}

/** Counts may come written out ("12.3K", "1,234"): those are many. */
function isOne(n) {
  const number = Number(n);
  return Number.isFinite(number) && plurals[lang.value].select(number) === "one";
}

/** What to tell a person about a failure: by its code, never the server's own message. */
export function errorText(error) {
  const key = `error.${error?.code}`;
  const seconds = Math.ceil((error?.retryMs ?? 0) / 1000);
  return t(words.en[key] ? key : "error.unknown", { seconds, code: error?.code ?? "?" });
}

function label() {
  document.documentElement.lang = lang.value === "zh" ? "zh-CN" : "en";
}

if (globalThis.document) lang.subscribe(label);

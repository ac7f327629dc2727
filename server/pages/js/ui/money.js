// Amounts as they are shown: plain, and as a price beside what it was.

import { money } from "../format.js";
import { t } from "../i18n.js";
import { html } from "./html.js";

export function Money({ cents, currency = "CNY" }) {
  return html`<span class="num">${money(cents, currency)}</span>`;
}

export function Price({ cents, listCents = null, currency = "CNY" }) {
  return html`<span class="price">
    <b>${money(cents, currency)}</b>
    ${listCents > cents && html`<s><span class="sr-only">${t("price.was")} </span>${money(listCents, currency)}</s>`}
  </span>`;
}

// Short messages at the top of the page. At most three at a time; the same text twice is shown once.

import { signal } from "@preact/signals-core";

import { html } from "./html.js";
import { Icon } from "./icons.js";

const SHOWN_MAX = 3;
const SHOWN_MS = 3_200;
const shown = signal([]);
let lastId = 0;

const ICONS = { good: "check", bad: "alert", gold: "gift", plain: null };

/** `kind`: plain, good, bad, gold. Shown for `ms`. */
export function toast(text, { kind = "plain", ms = SHOWN_MS } = {}) {
  const id = ++lastId;
  shown.value = [...shown.value.filter((one) => one.text !== text), { id, text, kind }].slice(-SHOWN_MAX);
  setTimeout(() => (shown.value = shown.value.filter((one) => one.id !== id)), ms);
}

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${shown.value.map(
      (one) => html`<div class=${`toast ${one.kind}`} key=${one.id} data-testid="toast">
        ${ICONS[one.kind] && html`<${Icon} name=${ICONS[one.kind]} size=${18} />`}<span>${one.text}</span>
      </div>`,
    )}
  </div>`;
}

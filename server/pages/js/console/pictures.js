// Small pictures of the console: a product's thumbnail and the pencil. Shared icons are in ui/icons.js.

import { initial } from "../format.js";
import { html } from "../ui/html.js";

export function Thumb({ item }) {
  return html`<span class="thumb" aria-hidden="true">${item.image ? html`<img src=${item.image} alt="" loading="lazy" />` : initial(item.title ?? "")}</span>`;
}

export function Pencil() {
  return html`<svg class="icon" aria-hidden="true" width="15" height="15" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">
    <path d="M4 20l1-4L16.5 4.5a2.1 2.1 0 013 3L8 19z" /><path d="M14 7l3 3" />
  </svg>`;
}

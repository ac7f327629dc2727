// What is going on in the room, one tile each on the picture: a row of a few, the rest in the menu behind "more".

import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";

/** `name` is said and listed in the menu, `label` stands below; `kind` colours it; `done` marks what this viewer has done. */
export function Tile({ kind, icon, mark, name, label, done, calm, children, ...rest }) {
  return html`<button class=${`tile ${kind} ${calm || done ? "calm" : ""}`} type="button" ...${rest}>
    <span class="sr-only">${name} </span><span class="tile-icon">${mark ? html`<i class="seal" aria-hidden="true">${mark}</i>` : html`<${Icon} name=${icon} size=${24} />`}${done && html`<span class="tile-done"><${Icon} name="check" size=${12} /></span>`}</span>
    <span class="tile-label num">${label}</span></button>`;
}

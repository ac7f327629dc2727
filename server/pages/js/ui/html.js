// htm bound to Preact, and the one way a page puts itself on the screen.

import "@preact/signals";

import htm from "htm";
import { h, render } from "preact";

export const html = htm.bind(h);

export function mount(vnode, element = document.getElementById("app")) {
  render(vnode, element);
}

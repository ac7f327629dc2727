// A QR code as one SVG path: dark modules on white, with the quiet zone that cameras need.

import { encode } from "uqr";

import { html } from "./html.js";

const QUIET_MODULES = 3;

export function QrCode({ text, label, size = 132 }) {
  const { data } = encode(text, { ecc: "M", border: QUIET_MODULES });
  const path = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
  return html`<svg class="qr" role="img" aria-label=${label} width=${size} height=${size} viewBox=${`0 0 ${data.length} ${data.length}`} shape-rendering="crispEdges">
    <rect width="100%" height="100%" fill="#fff" /><path d=${path} fill="#0b0c10" /></svg>`;
}

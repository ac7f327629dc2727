// Likes: taps are merged here into one command each 300 ms; hearts rise where the tap was.

import { html } from "../ui/html.js";
import { did } from "./coupons.js";
import { client, stillness } from "./live.js";

const MERGE_MS = 300;
const LIKES_PER_SEND_MAX = 50;
const WAITING_MAX = 200; // taps kept while the line is down or busy
const HEARTS_MAX = 28; // on the screen at once
const TINTS = 6;

let waiting = 0;
let timer = null;
let layer = null;

async function flush() {
  timer = null;
  if (!waiting || client.status !== "online") return;
  const n = Math.min(waiting, LIKES_PER_SEND_MAX);
  waiting -= n;
  try {
    await client.send("like.add", { n });
    did("like");
  } catch (error) {
    if (error.retryMs) waiting = Math.min(WAITING_MAX, waiting + n);
    if (error.retryMs) return later(error.retryMs);
  }
  if (waiting) later(MERGE_MS);
}

function later(ms) {
  timer ??= setTimeout(flush, ms);
}

client.on("hello", () => waiting && later(MERGE_MS));

/** One tap; `at` is its place in the picture, by default above the heart button. */
export function like(at) {
  waiting = Math.min(WAITING_MAX, waiting + 1);
  later(MERGE_MS);
  rise(at);
}

function heart() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  const path = document.createElementNS(svg.namespaceURI, "path");
  path.setAttribute("d", "M12 20.5S3 15 3 8.9A4.7 4.7 0 0 1 12 6.8a4.7 4.7 0 0 1 9 2.1C21 15 12 20.5 12 20.5Z");
  svg.append(path);
  svg.classList.add("heart", `heart-${Math.floor(Math.random() * TINTS)}`);
  return svg;
}

function rise(at) {
  if (!layer || stillness.matches || layer.childElementCount >= HEARTS_MAX) return;
  const box = layer.getBoundingClientRect();
  const { x, y } = at ?? { x: box.right - 38, y: box.bottom - 76 };
  const drawn = heart();
  drawn.style.left = `${x - box.left - 16}px`;
  drawn.style.top = `${y - box.top - 16}px`;
  layer.append(drawn);
  const drift = (Math.random() - 0.5) * 90;
  const turn = (Math.random() - 0.5) * 40;
  const moves = [
    { transform: "translate(0, 0) scale(0.2)", opacity: 0 },
    { transform: `translate(${drift * 0.2}px, -40px) scale(1.15) rotate(${turn}deg)`, opacity: 1, offset: 0.18 },
    { transform: `translate(${drift}px, -${220 + Math.random() * 120}px) scale(0.9) rotate(${-turn}deg)`, opacity: 0 },
  ];
  drawn.animate(moves, { duration: 1500 + Math.random() * 600, easing: "cubic-bezier(.2,.6,.4,1)" }).finished.finally(() => drawn.remove());
}

export function Hearts() {
  return html`<div class="hearts" aria-hidden="true" ref=${(element) => (layer = element)}></div>`;
}

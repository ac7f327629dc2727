// Comments flying over the picture. Lanes are given out so that no text runs into the one before it;
// when every lane is taken a comment does not fly (it still stands in the list).

import { signal } from "@preact/signals-core";
import { useEffect, useRef } from "preact/hooks";

import { html } from "../ui/html.js";
import { onSpoken } from "./chat.js";
import { person, stillness } from "./live.js";

const KEY = "liveroom.danmaku";
const LANE_PX = 34;
const PX_PER_S = 92;
const GAP_PX = 28;
const FLYING_MAX = 24;
const CHARS_MAX = 28;

export const flying = signal(localStorage.getItem(KEY) !== "off");

export function toggleFlying() {
  flying.value = !flying.value;
  localStorage.setItem(KEY, flying.value ? "on" : "off");
}

function freeLane(lanes, count, at) {
  for (let lane = 0; lane < count; lane += 1) if ((lanes[lane] ?? 0) <= at) return lane;
  return -1;
}

function fly(sky, lanes, comment) {
  if (sky.childElementCount >= FLYING_MAX) return;
  const [width, height] = [sky.clientWidth, sky.clientHeight];
  const now = document.timeline.currentTime; // the flights' own clock: it stands while the page is hidden
  const lane = freeLane(lanes, Math.floor(height / LANE_PX), now);
  if (lane < 0) return;
  const text = document.createElement("span");
  text.className = `flyer ${comment.user.id === person.value?.id ? "own" : ""} ${comment.user.role === "host" ? "host" : ""}`;
  const words = [...comment.text];
  text.textContent = words.length > CHARS_MAX ? `${words.slice(0, CHARS_MAX).join("")}…` : comment.text;
  text.style.top = `${lane * LANE_PX}px`;
  sky.append(text);
  const length = text.offsetWidth;
  lanes[lane] = now + ((length + GAP_PX) / PX_PER_S) * 1000;
  const path = [{ transform: `translateX(${width}px)` }, { transform: `translateX(${-length}px)` }];
  text.animate(path, { duration: ((width + length) / PX_PER_S) * 1000 }).finished.finally(() => text.remove());
}

export function Danmaku() {
  const sky = useRef(null);
  const on = flying.value && !stillness.matches;
  useEffect(() => {
    if (!on) return undefined;
    const lanes = [];
    return onSpoken((comment) => sky.current && fly(sky.current, lanes, comment));
  }, [on]);
  return html`<div class="sky" aria-hidden="true" ref=${sky} data-testid="danmaku" data-on=${on}></div>`;
}

// Time that is left, by the server's clock.

import { useEffect, useRef, useState } from "preact/hooks";

import { countdown } from "../format.js";
import { html } from "./html.js";

/** Re-renders every `everyMs` and gives the time by `nowFn` (Unix ms). */
export function useNow(nowFn = Date.now, everyMs = 250) {
  const [, redraw] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => redraw((n) => n + 1), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return nowFn();
}

/** mm:ss until `untilMs`; `onEnd` is called once when it is over. */
export function Countdown({ untilMs, now, onEnd, class: more = "" }) {
  const left = untilMs - useNow(now);
  const told = useRef(null);
  useEffect(() => {
    if (left > 0 || told.current === untilMs) return;
    told.current = untilMs;
    onEnd?.();
  });
  return html`<span class=${`num ${more}`} role="timer" aria-live="off">${countdown(left)}</span>`;
}

// A number that runs to its new value in a quarter of a second, so that the eye sees it change. Stilled by reduced motion.

import { useEffect, useRef, useState } from "preact/hooks";

import { html } from "../ui/html.js";

const RUN_MS = 240;
const still = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)");

/** The value on its way from what was shown before to `value`. */
export function useRunning(value) {
  const [shown, setShown] = useState(value);
  const from = useRef(value);
  useEffect(() => {
    const start = from.current;
    if (start === value || still?.matches) {
      from.current = value;
      setShown(value);
      return undefined;
    }
    const began = performance.now();
    let frame = 0;
    const step = (now) => {
      const part = Math.min(1, Math.max(0, (now - began) / RUN_MS));
      from.current = Math.round(start + (value - start) * (1 - (1 - part) ** 3));
      setShown(from.current);
      if (part < 1) frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
    return () => cancelAnimationFrame(frame);
  }, [value]);
  return shown;
}

/** `format` turns the number into words; `testid` carries the real value in data-value. */
export function CountUp({ value, format, testid, class: more = "" }) {
  const shown = useRunning(value);
  return html`<b class=${more} data-testid=${testid} data-value=${value}>${format(shown)}</b>`;
}

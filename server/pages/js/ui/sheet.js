// A sheet over the page: from below on a phone, centred on a wide screen. Keeps the focus inside and gives it back.

import { useEffect, useRef } from "preact/hooks";

import { t } from "../i18n.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";

const FOCUSABLE = "button:not([disabled]), [href], input:not([disabled]), select, textarea, [tabindex]:not([tabindex='-1'])";

function turnAround(event, box) {
  const stops = [...box.querySelectorAll(FOCUSABLE)].filter((one) => one.offsetParent !== null);
  const [first, last] = [stops[0], stops.at(-1)];
  const outside = !box.contains(document.activeElement);
  if (event.shiftKey && (outside || document.activeElement === first || document.activeElement === box)) last?.focus();
  else if (!event.shiftKey && (outside || document.activeElement === last)) first?.focus();
  else return;
  event.preventDefault();
}

export function Sheet({ title, onClose, children, testid, class: more = "" }) {
  const box = useRef(null);
  const close = useRef(onClose);
  close.current = onClose;

  useEffect(() => {
    const before = document.activeElement;
    (box.current.querySelector("[data-autofocus]") ?? box.current).focus({ preventScroll: true });
    const onKey = (event) => {
      if ([...document.querySelectorAll(".sheet")].at(-1) !== box.current) return;
      if (event.key === "Escape") close.current?.();
      if (event.key === "Tab") turnAround(event, box.current);
    };
    document.addEventListener("keydown", onKey);
    return () => {
      document.removeEventListener("keydown", onKey);
      before?.focus?.({ preventScroll: true });
    };
  }, []);

  const onVeil = (event) => event.target === event.currentTarget && onClose?.();
  return html`<div class="sheet-veil" onPointerDown=${onVeil}>
    <section class=${`sheet ${more}`} role="dialog" aria-modal="true" aria-label=${title} tabindex="-1" ref=${box} data-testid=${testid}>
      <header><h2 class="clip">${title}</h2>
        <button class="icon-btn" type="button" aria-label=${t("close")} onClick=${onClose} data-testid="sheet-close"><${Icon} name="close" /></button>
      </header>
      <div class="sheet-body" tabindex="0">${children}</div>
    </section>
  </div>`;
}

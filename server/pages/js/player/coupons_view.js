// The golden card of a dropped coupon, the choice before buying, and what this viewer has.

import { useState } from "preact/hooks";

import { dateTime, money, whole } from "../format.js";
import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Sheet } from "../ui/sheet.js";
import { choosing, claim, dismiss, offOf, offered, owned, points, usable } from "./coupons.js";
import { buy, offer } from "./shop.js";

function worth(coupon) {
  return coupon.percent ? t("coupon.percent", { n: coupon.percent }) : money(coupon.off_cents);
}

function terms(coupon) {
  return coupon.threshold_cents ? t("coupon.from", { sum: money(coupon.threshold_cents) }) : t("coupon.any");
}

export function CouponDrop() {
  const coupon = offered.value[0];
  if (!coupon) return null;
  return html`<article class="coupon-drop" data-testid="coupon-drop" data-coupon=${coupon.coupon_id} aria-label=${t("coupon.title")}>
    <span class="coupon-worth num">${worth(coupon)}</span>
    <span class="coupon-words"><strong class="clip">${coupon.title}</strong><span class="small">${terms(coupon)}</span>
      <span class="small num" data-testid="coupon-left">${t("coupon.left", { n: whole(coupon.remaining) })}</span></span>
    <button class="btn small coupon-btn" type="button" onClick=${() => claim(coupon)} data-testid="coupon-claim">${t("coupon.claim")}</button>
    <button class="icon-btn small" type="button" aria-label=${t("close")} onClick=${() => dismiss(coupon.coupon_id)}><${Icon} name="close" size=${16} /></button>
  </article>`;
}

/** Opens when something is bought that this viewer has a coupon for. */
export function CouponChoice() {
  const card = choosing.value;
  const found = card && offer(card);
  if (!found) return null;
  return html`<${Choice} key=${card.product_id} card=${card} cents=${found.sku.sale_cents} />`;
}

function Choice({ card, cents }) {
  const list = usable(cents);
  const [chosen, choose] = useState(list[0]?.coupon_id ?? null);
  const coupon = list.find((one) => one.coupon_id === chosen);
  const price = cents - (coupon ? offOf(coupon, cents) : 0);
  const go = () => {
    choosing.value = null;
    buy(card, { couponId: coupon?.coupon_id ?? null });
  };
  return html`<${Sheet} title=${t("coupon.choose")} onClose=${() => (choosing.value = null)} testid="coupon-choice">
    <div class="stack" role="radiogroup" aria-label=${t("coupon.choose")}>
      ${list.map((one) => html`<${Option} key=${one.coupon_id} name=${one.title} off=${money(offOf(one, cents))} checked=${chosen === one.coupon_id} onPick=${() => choose(one.coupon_id)} />`)}
      <${Option} name=${t("coupon.none")} checked=${chosen === null} onPick=${() => choose(null)} />
      <p class="row apart"><span class="quiet">${t("coupon.toPay")}</span><strong class="amount num" data-testid="choice-price">${money(price)}</strong></p>
      <button class="btn primary wide" type="button" onClick=${go} data-testid="choice-buy">${t("sale.buy")}</button>
    </div></${Sheet}>`;
}

function Option({ name, off, checked, onPick }) {
  return html`<button class=${`coupon-option row apart ${checked ? "on" : ""}`} type="button" role="radio" aria-checked=${checked} onClick=${onPick}>
    <span class="grow clip">${name}</span>${off && html`<span class="num gold-text">−${off}</span>`}${checked && html`<${Icon} name="check" size=${16} />`}</button>`;
}

const COLOURS = { claimed: "gold", held: "amber", used: "outline", expired: "outline" };

/** Points and coupons, for the sheet of everything that is one's own. */
export function MyRewards() {
  return html`<section class="stack rewards">
    <p class="row apart"><span>${t("points.title")}</span><strong class="num" data-testid="points">${whole(points.value ?? 0)}</strong></p>
    ${owned.value.length > 0 && html`<h3 class="label">${t("coupon.mine")}</h3>
      <ul class="stack">${owned.value.map((one) => html`<li class="row apart" key=${`${one.coupon_id}.${one.number}`} data-testid="my-coupon" data-state=${one.state}>
        <span class="grow"><strong class="clip">${one.title}</strong> <span class="quiet small">${terms(one)} · ${t("coupon.until", { time: dateTime(one.expires_ms) })}</span></span>
        <span class="num gold-text">${worth(one)}</span><span class=${`chip ${COLOURS[one.state] ?? "outline"}`}>${t(`coupon.state.${one.state}`)}</span></li>`)}</ul>`}
  </section>`;
}

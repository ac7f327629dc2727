// The golden card of a dropped coupon, the choice before buying, and what this viewer has.

import { useState } from "preact/hooks";

import { countdown, dateTime, money, whole } from "../format.js";
import { t } from "../i18n.js";
import { useNow } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Sheet } from "../ui/sheet.js";
import { bestChoice, quote } from "./benefits.js";
import { Benefits } from "./benefits_view.js";
import { choosing, claim, dismiss, entries, offered, owned, points, progress } from "./coupons.js";
import { now } from "./live.js";
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
    <${Claim} coupon=${coupon} />
    <button class="icon-btn small" type="button" aria-label=${t("close")} onClick=${() => dismiss(coupon.coupon_id)}><${Icon} name="close" size=${16} /></button>
  </article>`;
}

/** What is asked for first is said, and how far it is; the server decides when it is pressed. */
function Claim({ coupon }) {
  const at = useNow(now, 1_000);
  const task = progress(coupon, at);
  const press = html`<button class="btn small coupon-btn" type="button" onClick=${() => claim(coupon)} data-testid="coupon-claim">${t("coupon.claim")}</button>`;
  if (!task) return press;
  const word = task.done ? t("coupon.taskDone") : coupon.task === "watch_s" ? t("coupon.taskWatch", { time: countdown(task.leftMs) }) : t(`coupon.taskDo.${coupon.task}`);
  return html`<span class="coupon-task"><span class="small num" data-testid="coupon-task" data-done=${task.done}>${word}</span>
    <span class="bar" aria-hidden="true"><i style=${{ width: `${100 * task.share}%` }}></i></span>${press}</span>`;
}

/** Opens when something is bought that this viewer has a coupon for. */
export function CouponChoice() {
  const card = choosing.value;
  const found = card && offer(card);
  if (!found) return null;
  return html`<${Choice} key=${card.product_id} card=${card} cents=${found.sku.sale_cents} />`;
}

function Choice({ card, cents }) {
  const [choice, choose] = useState(() => bestChoice(cents));
  const { amount, params } = quote(cents, choice);
  const go = () => {
    choosing.value = null;
    buy(card, { benefits: params });
  };
  return html`<${Sheet} title=${t("coupon.choose")} onClose=${() => (choosing.value = null)} testid="coupon-choice">
    <div class="stack">
      <${Benefits} cents=${cents} choice=${choice} onChange=${choose} />
      <p class="row apart"><span class="quiet">${t("coupon.toPay")}</span><strong class="amount num" data-testid="choice-price">${money(amount)}</strong></p>
      <button class="btn primary wide" type="button" onClick=${go} data-testid="choice-buy">${t("sale.buy")}</button>
    </div></${Sheet}>`;
}

const COLOURS = { claimed: "gold", held: "amber", used: "outline", expired: "outline" };

/** All coupons of one's own, for the sheet of everything that is one's own. */
export function MyCoupons() {
  if (!owned.value.length) return html`<div class="empty"><${Icon} name="tag" size=${34} /><p>${t("coupon.empty")}</p></div>`;
  return html`<ul class="order-list">${owned.value.map((one) => html`<li class="coupon-card row ${one.state === "claimed" ? "" : "spent"}" key=${`${one.coupon_id}.${one.number}`} data-testid="my-coupon" data-state=${one.state}>
    <span class="num coupon-worth">${worth(one)}</span>
    <span class="grow"><strong class="clip">${one.title}</strong><span class="quiet small">${terms(one)} · ${t(one.scope === "platform" ? "coupon.everywhere" : "coupon.here")}</span><span class="quiet small">${t("coupon.until", { time: dateTime(one.expires_ms) })}</span></span>
    <span class=${`chip ${COLOURS[one.state] ?? "outline"}`}>${t(`coupon.state.${one.state}`)}</span></li>`)}</ul>`;
}

const POINT_KINDS = new Set(["earn", "spend", "release", "reverse", "return"]);

/** The balance, what it is worth, and where it came from. */
export function MyPoints() {
  const balance = points.value ?? 0;
  return html`<div class="stack"><div class="points-card"><p class="quiet small">${t("points.title")}</p><p class="points-sum num" data-testid="points">${whole(balance)}</p><p class="quiet small">${t("points.rule", { sum: money(balance) })}</p></div>
    ${entries.value.length
      ? html`<ul class="ledger">${entries.value.map((one) => html`<li class="row apart" key=${`${one.kind}.${one.order_id}.${one.at_ms}.${one.points}`}><span class="grow"><span>${t(`points.kind.${POINT_KINDS.has(one.kind) ? one.kind : "other"}`)}</span> <span class="quiet small">${dateTime(one.at_ms)}</span></span><b class="num ${one.points > 0 ? "gold-text" : ""}">${one.points > 0 ? "+" : "−"}${whole(Math.abs(one.points))}</b></li>`)}</ul>`
      : html`<div class="empty"><p>${t("points.empty")}</p></div>`}</div>`;
}

// Choosing coupons and points, with what comes of it: the same before buying one thing and before a whole cart.

import { money, whole } from "../format.js";
import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { quote } from "./benefits.js";
import { offOf, points, usable } from "./coupons.js";

function Option({ name, off, checked, onPick }) {
  return html`<button class=${`coupon-option row apart ${checked ? "on" : ""}`} type="button" role="radio" aria-checked=${checked} onClick=${onPick}>
    <span class="grow clip">${name}</span>${off && html`<span class="num gold-text">−${off}</span>`}${checked && html`<${Icon} name="check" size=${16} />`}</button>`;
}

function Coupons({ title, cents, list, chosen, onPick }) {
  if (!list.length) return null;
  return html`<div class="stack" role="radiogroup" aria-label=${title}><h3 class="label" aria-hidden="true">${title}</h3>
    ${list.map((one) => html`<${Option} key=${one.coupon_id} name=${one.title} off=${money(offOf(one, cents))} checked=${chosen?.coupon_id === one.coupon_id} onPick=${() => onPick(one)} />`)}
    <${Option} name=${t("coupon.none")} checked=${!chosen} onPick=${() => onPick(null)} /></div>`;
}

/** `choice` is `{coupon, platform, spend}`; `onChange` gets the next one. */
export function Benefits({ cents, choice, onChange }) {
  const quoted = quote(cents, choice);
  const left = cents - (choice.coupon ? (offOf(choice.coupon, cents) ?? 0) : 0);
  const balance = points.value ?? 0;
  return html`<${Coupons} title=${t("coupon.shop")} cents=${cents} list=${usable(cents)} chosen=${choice.coupon} onPick=${(coupon) => onChange({ ...choice, coupon })} />
    <${Coupons} title=${t("coupon.platform")} cents=${left} list=${usable(left, "platform")} chosen=${choice.platform} onPick=${(platform) => onChange({ ...choice, platform })} />
    ${balance > 0 && html`<label class="row apart points-choice"><span class="grow">${t("points.use", { n: whole(balance) })} <span class="quiet small">${t("points.worth")}</span></span>
      <span class="switch"><input type="checkbox" role="switch" checked=${choice.spend} onChange=${(event) => onChange({ ...choice, spend: event.currentTarget.checked })} data-testid="use-points" /></span></label>`}
    ${quoted.rows.length > 0 && html`<ul class="sums"><li class="row apart quiet"><span>${t("cart.subtotal")}</span><span class="num">${money(cents)}</span></li>
      ${quoted.rows.map((row) => html`<li class="row apart gold-text" key=${row.kind}><span class="grow clip">${row.title || t(`discount.${row.kind}`)}</span><span class="num" data-testid="off-${row.kind}">−${money(row.off)}</span></li>`)}</ul>`}`;
}

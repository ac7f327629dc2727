// The finer rules of a sale, folded away: who may buy, how they are let in, how often one may try, and which pieces belong
// to other channels than the live room. What is left as it is asks for nothing.

import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { wholeOf } from "./money_field.js";

const LINE_RATES = [0, 5, 20, 50, 200, 1_000]; // people let in a second; 0 = no line
const OPENS_BEFORE_S = [60, 300, 900, 3_600];
const OPENS_BEFORE_S_DEFAULT = 300;
const PUZZLE_BITS = [0, 14, 17]; // about 0.1 s and 1 s of a phone
const ROLES = ["viewer", "member"];
const TIERS_MAX = 20;
const TIER = /^[A-Za-z0-9_-]{1,64}$/;
const LIMITS = { user: 20, device: 40, address: 400 }; // the server's own; 0 = no limit
const LIMIT_MAX = 1_000_000;
const CHANNELS = ["shop", "distributor"];

/** What the fold adds to `sale.create`: `{params, skus}` (SKU by product), or {fault: word key}. */
export function rulesOf(form, picked) {
  const limits = limitsOf(form);
  const tiers = form.tiers.value.split(/[\s,，、]+/).filter(Boolean);
  const channels = channelsOf(form, picked);
  if (!limits) return { fault: "console.fault.tries" };
  if (!ROLES.some((role) => form[`role_${role}`].checked)) return { fault: "console.fault.roles" };
  if (tiers.length > TIERS_MAX || !tiers.every((one) => TIER.test(one))) return { fault: "console.fault.tiers" };
  if (!channels) return { fault: "console.fault.channels" };
  return { params: { ...doorOf(form), ...limits, ...eligibilityOf(form, tiers) }, channels };
}

/** The door of the sale: a line let in at so many people a second, a puzzle, or neither. */
function doorOf(form) {
  const rate = Number(form.line.value);
  const bits = Number(form.puzzle.value);
  return { ...(rate && { waiting_room: { rate_per_s: rate, opens_before_s: Number(form.opens.value) } }), ...(bits && { pow: { bits } }) };
}

function limitsOf(form) {
  const limits = Object.fromEntries(Object.keys(LIMITS).map((name) => [name, wholeOf(form[`tries_${name}`].value, 0, LIMIT_MAX)]));
  if (Object.values(limits).includes(null)) return null;
  return Object.entries(LIMITS).every(([name, usual]) => limits[name] === usual) ? {} : { limits };
}

function eligibilityOf(form, tiers) {
  const roles = ROLES.filter((role) => form[`role_${role}`].checked);
  const asked = {
    ...(roles.length < ROLES.length && { roles }),
    ...(tiers.length > 0 && { tiers }),
    ...(form.bought_before.checked && { bought_before: true }),
    ...(form.follower.checked && { follower: true }),
  };
  return Object.keys(asked).length ? { eligibility: asked } : {};
}

/** Pieces of each picked product that other channels begin with: out of its stock, never more. */
function channelsOf(form, picked) {
  const found = {};
  for (const id of picked) {
    const stock = Number(form.elements[`stock:${id}`]?.value ?? 0);
    const own = CHANNELS.map((channel) => [channel, wholeOf(form.elements[`${channel}:${id}`]?.value.trim() || "0", 0, stock)]);
    if (own.some(([, qty]) => qty === null) || own.reduce((sum, [, qty]) => sum + qty, 0) > stock) return null;
    found[id] = Object.fromEntries(own.filter(([, qty]) => qty > 0));
  }
  return found;
}

function Select({ name, label, options, first, word, testid }) {
  return html`<label class="field"><span>${label}</span><select class="select small" name=${name} data-testid=${testid}>${options.map((value) => html`<option key=${value} value=${value} selected=${value === first}>${word(value)}</option>`)}</select></label>`;
}

function Check({ name, label, on = false, testid }) {
  return html`<label class="check-row"><input type="checkbox" name=${name} defaultChecked=${on} data-testid=${testid} /><span>${label}</span></label>`;
}

function Group({ title, children }) {
  return html`<fieldset class="bare rule-group"><legend class="label">${title}</legend>${children}</fieldset>`;
}

function Channels({ desk, products }) {
  return html`<${Group} title=${t("console.rules.channels")}>
    <p class="quiet small">${t("console.rules.channels_hint")}</p>
    <div class="rule-grid">${products.map((product) => CHANNELS.map((channel) => html`<label class="field" key=${`${channel}:${product.product_id}`}><span class="clip">${desk.titleOf(product)} · ${t(`console.channel.${channel}`)}</span>
      <input class="input small num" inputmode="numeric" name="${channel}:${product.product_id}" placeholder="0" data-testid="sale-${channel}-${product.product_id}" /></label>`))}</div></${Group}>`;
}

/** `products` are the picked ones. The fold stays mounted while closed, so that nothing typed is lost. */
export function SaleRules({ desk, products }) {
  const seconds = (s) => (s < 60 ? t("console.seconds_n", { n: s }) : t("console.minutes_n", { n: s / 60 }));
  return html`<details class="rules" data-testid="sale-rules"><summary>${t("console.rules")}<span class="quiet">${t("console.rules_hint")}</span></summary>
    <div class="rules-body">
      <${Group} title=${t("console.rules.who")}>
        ${ROLES.map((role) => html`<${Check} key=${role} name="role_${role}" label=${t(`console.rules.role_${role}`)} on testid="sale-role-${role}" />`)}
        <${Check} name="bought_before" label=${t("console.rules.bought_before")} testid="sale-bought-before" /><${Check} name="follower" label=${t("console.rules.follower")} testid="sale-follower" />
        <label class="field"><span>${t("console.rules.tiers")}</span><input class="input small" name="tiers" maxlength="200" placeholder=${t("console.rules.tiers_example")} data-testid="sale-tiers" /></label></${Group}>
      <${Group} title=${t("console.rules.door")}><div class="rule-grid">
        <${Select} name="line" label=${t("console.line")} options=${LINE_RATES} first=${0} word=${(n) => (n ? t("console.line_rate_n", { n }) : t("console.line_none"))} testid="sale-line" />
        <${Select} name="opens" label=${t("console.rules.opens")} options=${OPENS_BEFORE_S} first=${OPENS_BEFORE_S_DEFAULT} word=${seconds} testid="sale-opens" />
        <${Select} name="puzzle" label=${t("console.puzzle")} options=${PUZZLE_BITS} first=${0} word=${(n) => t(`console.puzzle_${n}`)} testid="sale-puzzle" /></div></${Group}>
      <${Group} title=${t("console.rules.tries")}><p class="quiet small">${t("console.rules.tries_hint")}</p><div class="rule-grid">
        ${Object.entries(LIMITS).map(([name, usual]) => html`<label class="field" key=${name}><span>${t(`console.rules.tries_${name}`)}</span><input class="input small num" inputmode="numeric" name="tries_${name}" defaultValue=${String(usual)} data-testid="sale-tries-${name}" /></label>`)}</div></${Group}>
      <${Channels} desk=${desk} products=${products} />
    </div></details>`;
}

// Making a sale from products: which, how many, at what price, for how long. Starting it is another, confirmed step.

import { useState } from "preact/hooks";

import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Thumb } from "./pictures.js";
import { centsOf, textOf, wholeOf } from "./money_field.js";
import { rulesOf, SaleRules } from "./sale_rules.js";

const STOCK_MAX = 1_000_000;
const PER_USER_MAX = 1_000; // 0 = no limit
const DURATIONS_S = [60, 180, 300, 600, 1800, 3600];
const HOLDS_S = [30, 60, 120, 300, 600, 900];
const HOLD_S_DEFAULT = 300;
const DURATION_S_DEFAULT = 600;
const SKUS_MAX = 20;

/** The products that can be sold: those on the shelf first, then those put away. */
function offerable(desk) {
  const cards = desk.cards.value ?? [];
  return [...cards, ...desk.catalogue.away(cards)];
}

function defaultPick(products) {
  const first = products.find((one) => one.mode === "explaining") ?? products[0];
  return first ? [first.product_id] : [];
}

/** One picked row of the form to a SKU, with `fault` set to a word key when something in it is wrong. */
export function skuOf(productId, field) {
  const sku = {
    sku_id: `${productId.slice(0, 48)}-${Date.now().toString(36)}`,
    product_id: productId,
    stock: wholeOf(field("stock"), 1, STOCK_MAX),
    sale_cents: centsOf(field("price")),
    list_cents: centsOf(field("list")),
    per_user: wholeOf(field("limit"), 0, PER_USER_MAX),
  };
  if (sku.stock === null) return { fault: "console.fault.stock" };
  if (!sku.sale_cents || sku.list_cents === null) return { fault: "console.fault.price" };
  if (sku.sale_cents > sku.list_cents) return { fault: "console.fault.dearer" };
  if (sku.per_user === null) return { fault: "console.fault.per_user" };
  return { sku };
}

export function SaleForm({ desk, onMade }) {
  const products = offerable(desk);
  const [touched, setPicked] = useState(null);
  const [fault, setFault] = useState(null);
  const picked = touched ?? defaultPick(products);
  const toggle = (id) => setPicked(picked.includes(id) ? picked.filter((one) => one !== id) : [...picked, id].slice(-SKUS_MAX));
  if (products.length === 0) return html`<div class="empty"><p>${t("console.sale_needs_product")}</p></div>`;

  const submit = async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const rows = picked.map((id) => skuOf(id, (name) => form.elements[`${name}:${id}`]?.value ?? ""));
    const rules = rulesOf(form, picked);
    const wrong = rows.length === 0 ? "console.fault.pick" : rows.find((row) => row.fault)?.fault ?? rules.fault ?? null;
    setFault(wrong);
    if (wrong) return;
    const skus = rows.map(({ sku }) => ({ ...sku, channels: rules.channels[sku.product_id] }));
    const made = await desk.run("sale.create", { skus, start: "manual", duration_s: Number(form.duration.value), hold_s: Number(form.hold.value), ...rules.params });
    if (made) onMade(made.sale_id);
  };

  return html`<form data-testid="sale-form" onSubmit=${submit} noValidate>
    <table class="table pick-table">
      <thead><tr><th class="shrink"><span class="sr-only">${t("console.pick")}</span></th><th>${t("console.product")}</th><th>${t("console.stock")}</th><th>${t("console.sale_price")} ¥</th><th>${t("console.list_price")} ¥</th><th>${t("console.per_user")}</th></tr></thead>
      <tbody>${products.map((product) => html`<${Pick} key=${product.product_id} desk=${desk} product=${product} on=${picked.includes(product.product_id)} first=${product.product_id === picked[0]} onToggle=${toggle} />`)}</tbody>
    </table>
    <${SaleRules} desk=${desk} products=${products.filter((product) => picked.includes(product.product_id))} />
    <div class="grid-form sale-terms">
      <label class="field w-3 half"><span>${t("console.duration")}</span><select class="select small" name="duration" data-testid="sale-duration">${DURATIONS_S.map((s) => html`<option value=${s} selected=${s === DURATION_S_DEFAULT}>${t("console.minutes_n", { n: s / 60 })}</option>`)}</select></label>
      <label class="field w-3 half"><span>${t("console.hold")}</span><select class="select small" name="hold" data-testid="sale-hold">${HOLDS_S.map((s) => html`<option value=${s} selected=${s === HOLD_S_DEFAULT}>${s < 60 ? t("console.seconds_n", { n: s }) : t("console.minutes_n", { n: s / 60 })}</option>`)}</select></label>
      <div class="w-6 form-foot">
        <span class="grow ${fault ? "wrong" : ""}" role=${fault ? "alert" : undefined}>${fault ? t(fault) : t("console.sale_made_hint")}</span>
        <button class="btn small primary" data-testid="sale-create">${t("console.sale_create")}</button>
      </div>
    </div>
  </form>`;
}

function Pick({ desk, product, on, first, onToggle }) {
  const id = product.product_id;
  const name = desk.titleOf(product);
  const input = (field, value, label, extra = "") => html`<td data-label=${label}><input class="input small num ${extra}" inputmode="decimal" name="${field}:${id}" aria-label="${name} · ${label}" data-testid=${first ? `sale-${field}` : `sale-${field}-${id}`} defaultValue=${value} /></td>`;
  return html`<tr class=${on ? "picked" : ""}>
    <td class="shrink"><label class="check-row"><input type="checkbox" checked=${on} aria-label=${t("console.pick_name", { name })} data-testid="sale-pick-${id}" onChange=${() => onToggle(id)} /></label></td>
    <td><div class="row"><${Thumb} item=${product} /><span>${name}</span></div></td>
    ${on
      ? [input("stock", "100", t("console.stock"), "short"), input("price", textOf(product.price_cents), t("console.sale_price")), input("list", textOf(product.list_cents ?? product.price_cents), t("console.list_price")), input("limit", "1", t("console.per_user"), "short")]
      : html`<td colspan="4"></td>`}
  </tr>`;
}

// Adding or editing one product: what it is called, looks like and costs. It does not put it on the shelf unless asked.

import { useState } from "preact/hooks";

import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Sheet } from "../ui/sheet.js";
import { centsOf, textOf } from "./money_field.js";

const TITLE_CHARS_MAX = 120;

const newProductId = () => `p${Date.now().toString(36)}${Math.floor(Math.random() * 1296).toString(36)}`;

function read(form) {
  const listText = form.list_price.value.trim();
  return {
    title: form.title.value.trim(),
    title_en: form.title_en.value.trim() || undefined,
    image: form.image.value.trim() || undefined,
    price_cents: centsOf(form.price.value),
    list_cents: listText ? centsOf(listText) : undefined,
  };
}

/** The first thing wrong with it as a word key, or null. */
export function productFault(product) {
  if (!product.title) return "console.fault.title";
  if (product.price_cents === null) return "console.fault.price";
  if (product.list_cents === null) return "console.fault.list";
  if (product.image && !/^(https:\/\/|\/static\/)/.test(product.image)) return "console.fault.image";
  return null;
}

export function ProductForm({ desk, product, onClose }) {
  const [fault, setFault] = useState(null);
  const fresh = !product.product_id;
  const known = { ...desk.catalogue.get(product.product_id), ...product };
  const save = async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const entered = read(form);
    const wrong = productFault(entered);
    setFault(wrong);
    if (wrong) return;
    const saved = await desk.putProduct({ product_id: known.product_id ?? newProductId(), ...entered });
    if (!saved) return;
    if (form.show?.checked) await desk.show(saved);
    onClose();
  };
  return html`<${Sheet} title=${fresh ? t("console.product_add") : t("console.product_edit")} onClose=${onClose}>
    <form class="grid-form" data-testid="product-form" onSubmit=${save} noValidate>
      <label class="field w-12"><span>${t("console.title_zh")}</span><input class="input small" name="title" data-testid="product-title" maxlength=${TITLE_CHARS_MAX} defaultValue=${known.title ?? ""} autofocus required /></label>
      <label class="field w-12"><span>${t("console.title_en")}</span><input class="input small" name="title_en" data-testid="product-title-en" maxlength=${TITLE_CHARS_MAX} defaultValue=${known.title_en ?? ""} /></label>
      <label class="field w-6 half"><span>${t("console.price")} ¥</span><input class="input small num" name="price" data-testid="product-price" inputmode="decimal" placeholder="99.00" defaultValue=${textOf(known.price_cents)} required /></label>
      <label class="field w-6 half"><span>${t("console.list_price")} ¥</span><input class="input small num" name="list_price" data-testid="product-list" inputmode="decimal" placeholder=${t("console.optional")} defaultValue=${textOf(known.list_cents)} /></label>
      <label class="field w-12"><span>${t("console.image")}</span><input class="input small" name="image" data-testid="product-image" inputmode="url" placeholder="https://" defaultValue=${known.image ?? ""} /></label>
      ${fresh && html`<label class="w-12 check-row"><input type="checkbox" name="show" data-testid="product-show" defaultChecked />${t("console.show_after_save")}</label>`}
      ${fault && html`<p class="w-12 wrong" role="alert">${t(fault)}</p>`}
      <div class="w-12 form-foot">
        <button type="button" class="btn small ghost" onClick=${onClose}>${t("console.cancel")}</button>
        <button class="btn small primary" data-testid="product-save">${t("console.save")}</button>
      </div>
    </form>
  <//>`;
}

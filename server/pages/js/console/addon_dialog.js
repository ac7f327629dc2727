// An add-on price: one piece of this product for less, for who buys for so much of the same sale besides.

import { useState } from "preact/hooks";

import { money } from "../format.js";
import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Sheet } from "../ui/sheet.js";
import { toast } from "../ui/toast.js";
import { centsOf } from "./money_field.js";

/** The form as parameters of `addon.put`, or {fault: word key}. */
export function addOnOf({ price, threshold }, sku) {
  const [unit, from] = [centsOf(price), centsOf(threshold)];
  if (!unit || unit >= sku.sale_cents) return { fault: "console.fault.addon_price" };
  return from === null ? { fault: "console.fault.addon_from" } : { params: { unit_cents: unit, threshold_cents: from } };
}

export function AddOnDialog({ desk, sale, sku, onClose }) {
  const [fault, setFault] = useState(null);
  const about = { sale_id: sale.sale_id, sku_id: sku.sku_id };
  const tell = (done, word) => {
    if (!done) return;
    toast(t(word), { kind: "good" });
    onClose();
  };
  const submit = async (event) => {
    event.preventDefault();
    const form = event.currentTarget.elements;
    const offer = addOnOf({ price: form.price.value, threshold: form.threshold.value }, sku);
    setFault(offer.fault ?? null);
    if (!offer.fault) tell(await desk.run("addon.put", { ...about, ...offer.params }), "console.addon_put");
  };
  return html`<${Sheet} title="${t("console.addon")} · ${desk.titleOf(sku)}" onClose=${onClose} testid="addon-dialog"><form class="grid-form" onSubmit=${submit} noValidate>
    <p class="w-12 quiet">${t("console.addon_hint", { price: money(sku.sale_cents, sku.currency) })}</p>
    <label class="field w-6 half"><span>${t("console.addon_price")} ¥</span><input class="input small num" name="price" inputmode="decimal" data-autofocus data-testid="addon-price" /></label>
    <label class="field w-6 half"><span>${t("console.addon_from")} ¥</span><input class="input small num" name="threshold" inputmode="decimal" data-testid="addon-from" /></label>
    ${fault && html`<p class="w-12 wrong" role="alert">${t(fault)}</p>`}
    <div class="w-12 form-foot"><button class="btn small ghost" type="button" onClick=${async () => tell(await desk.run("addon.remove", about), "console.addon_gone")} data-testid="addon-remove">${t("console.addon_remove")}</button><button class="btn small primary" data-testid="addon-save">${t("console.save")}</button></div>
  </form><//>`;
}

// The second step before a sale starts or stops: look at it once more, then confirm.

import { useEffect, useState } from "preact/hooks";

import { clock, countdown, money } from "../format.js";
import { t } from "../i18n.js";
import { useNow } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Sheet } from "../ui/sheet.js";
import { preflight, serverChecks } from "./preflight.js";

const COUNTDOWNS_S = [0, 5, 10, 30, 60, 180];
const COUNTDOWN_S_DEFAULT = 10;
const LEVEL_ICON = { good: "check", warn: "alert", stop: "close" };

function words({ key, params }) {
  return t(key, params.seconds ? { ...params, minutes: countdown(params.seconds * 1000) } : params);
}

function Checks({ checks }) {
  return html`<ul class="preflight" data-testid="preflight">${checks.map((one) => html`<li key=${one.key} class=${one.level} data-level=${one.level}>
    <${Icon} name=${LEVEL_ICON[one.level]} size=${16} /><span>${words(one)}</span><span class="small">${t(`console.level.${one.level}`)}</span></li>`)}</ul>`;
}

function Offers({ desk, sale }) {
  return html`<table class="table"><tbody>${sale.skus.map((sku) => html`<tr key=${sku.sku_id}>
    <td>${desk.titleOf(sku)}</td><td class="end money">${money(sku.sale_cents, sku.currency)}<s>${money(sku.list_cents, sku.currency)}</s></td>
    <td class="end num">× ${desk.stock.value?.[sku.sku_id]?.left ?? sku.stock}</td></tr>`)}</tbody></table>`;
}

export function StartSale({ desk, sale, onClose }) {
  const [seconds, setSeconds] = useState(COUNTDOWN_S_DEFAULT);
  const [busy, setBusy] = useState(false);
  const [look, setLook] = useState(null); // the server's own look at the sale, and its token
  const lookAgain = async () => setLook(await desk.run("sale.preflight", { sale_id: sale.sale_id }));
  useEffect(() => { lookAgain(); }, [sale.sale_id]);
  const checks = [...serverChecks(look), ...preflight({
    sale, sales: desk.sales.value, cards: desk.cards.value, online: desk.status.value.status === "online",
  })];
  const blocked = !look?.token || checks.some((one) => one.level === "stop");
  const confirm = async () => {
    setBusy(true);
    await desk.showOffers(sale);
    const started = await desk.run("sale.start", { sale_id: sale.sale_id, countdown_s: seconds, preflight: look.token });
    setBusy(false);
    if (started) onClose();
    else await lookAgain();
  };
  return html`<${Sheet} title=${t("console.start_sale")} onClose=${onClose} testid="sale-start-dialog">
    <div class="stack">
      <${Offers} desk=${desk} sale=${sale} />
      <fieldset class="bare"><legend class="label">${t("console.countdown")}</legend>
        <div class="choices">${COUNTDOWNS_S.map((s) => html`<label key=${s}><input type="radio" name="countdown" value=${s} checked=${s === seconds} data-testid="countdown-${s}" onChange=${() => setSeconds(s)} /><span>${s ? t("console.seconds_n", { n: s }) : t("console.at_once")}</span></label>`)}</div>
      </fieldset>
      <${Checks} checks=${checks} />
      <${Window} desk=${desk} sale=${sale} seconds=${seconds} />
      <div class="form-foot">
        <button class="btn small ghost" onClick=${onClose}>${t("console.cancel")}</button>
        <button class="btn small primary" data-testid="sale-confirm" disabled=${blocked || busy} onClick=${confirm}>${seconds ? t("console.confirm_start_in", { n: seconds }) : t("console.confirm_start")}</button>
      </div>
    </div>
  <//>`;
}

function Window({ desk, sale, seconds }) {
  const from = useNow(() => desk.now(), 1_000) + seconds * 1_000;
  return html`<p class="quiet num">${t("console.window", { from: clock(from), to: clock(from + sale.duration_s * 1_000) })}</p>`;
}

export function StopSale({ desk, sale, onClose }) {
  const stop = async () => {
    if (await desk.run("sale.stop", { sale_id: sale.sale_id })) onClose();
  };
  return html`<${Confirm} title=${t("console.stop_sale")} text=${html`<${Offers} desk=${desk} sale=${sale} />${t("console.stop_sale_text")}`} action=${t("console.stop_sale")} testid="sale-confirm" onConfirm=${stop} onClose=${onClose} />`;
}

/** A plain "are you sure" with one dangerous button. */
export function Confirm({ title, text, action, testid, onConfirm, onClose }) {
  return html`<${Sheet} title=${title} onClose=${onClose}>
    <div>${text}</div>
    <div class="form-foot">
      <button class="btn small ghost" onClick=${onClose}>${t("console.cancel")}</button>
      <button class="btn small primary" data-testid=${testid} onClick=${onConfirm}>${action}</button>
    </div>
  <//>`;
}

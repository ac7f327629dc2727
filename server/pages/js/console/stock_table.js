// One sale's stock, SKU by SKU: left, held, sold as a bar and as numbers, how fast it goes and how long it lasts.

import { useState } from "preact/hooks";

import { money, whole } from "../format.js";
import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { AddOnDialog } from "./addon_dialog.js";
import { Thumb } from "./pictures.js";
import { channelName, StockDialog } from "./stock_dialogs.js";
import { auditRow, share, tally } from "./tally.js";

const LOW_PERCENT = 15;
const ACTS = ["restock", "write_off", "transfer"];

export function StockTable({ desk, sale }) {
  return html`<table class="table stock-table">
    <thead><tr>
      <th>${t("console.product")}</th><th class="end">${t("console.left")}</th>
      <th><span class="legend"><span class="key"><i class="sold"></i>${t("console.sold")}</span><span class="key"><i class="held"></i>${t("console.held")}</span><span class="key"><i></i>${t("console.left")}</span></span></th>
      <th class="end">${t("console.pace")}</th><th class="end">${t("console.lasts")}</th>
    </tr></thead>
    <tbody>${sale.skus.map((sku) => html`<${StockRow} key=${sku.sku_id} desk=${desk} sale=${sale} sku=${sku} />`)}</tbody>
  </table>`;
}

function StockRow({ desk, sale, sku }) {
  const account = auditRow(desk.audit.value, sale.sale_id, sku.sku_id);
  const { per_minute: pace, minutes_left: lasts } = desk.paceOf(sku.sku_id) ?? { per_minute: null, minutes_left: null };
  const units = tally(sku, desk.stock.value?.[sku.sku_id], account);
  const tone = units.left === 0 ? "none" : share(units.left, units.total) < LOW_PERCENT ? "low" : "";
  return html`<tr class="stock-row" data-sku=${sku.sku_id}>
    <td><div class="row"><${Thumb} item=${sku} /><div class="grow"><p>${desk.titleOf(sku)}</p><${Alert} desk=${desk} sku=${sku} left=${units.left} /><p class="money small">${money(sku.sale_cents, sku.currency)}<s>${money(sku.list_cents, sku.currency)}</s><span class="quiet"> · ${sku.per_user ? t("console.per_user_n", { n: sku.per_user }) : t("console.no_limit")}</span></p></div></div></td>
    <td class="end shrink">${units.left === 0 ? html`<span class="stamp" data-testid="sold-out-${sku.sku_id}">${t("console.sold_out")}</span> ` : ""}<span class="left-now ${tone}" data-testid="stock-left-${sku.sku_id}">${units.left}</span><span class="quiet">/${units.total}</span></td>
    <td><${Split} units=${units} name=${desk.titleOf(sku)} /><${Channels} account=${account} /><${StockActs} desk=${desk} sale=${sale} sku=${sku} account=${account} /></td>
    <td class="end shrink" data-label=${t("console.pace")} data-testid="pace-${sku.sku_id}">${pace === null ? "–" : t("console.per_minute", { n: pace < 10 ? pace.toFixed(1) : Math.round(pace) })}</td>
    <td class="end shrink" data-label=${t("console.lasts")}>${units.left && lasts !== null ? t("console.minutes_n", { n: lasts < 10 ? lasts.toFixed(1) : Math.round(lasts) }) : "–"}</td>
  </tr>`;
}

/** What the server warned of, as long as it still holds. */
function Alert({ desk, sku, left }) {
  const alert = desk.alerts.value[sku.sku_id];
  if (!alert || left === 0 || left > alert.left) return null;
  const minutes = desk.paceOf(sku.sku_id)?.minutes_left ?? alert.minutes_left;
  return html`<p><span class="chip amber" role="status" data-testid="alert-${sku.sku_id}"><${Icon} name="alert" size=${12} />${t("console.alert_lasts", { minutes: minutes < 10 ? minutes.toFixed(1) : Math.round(minutes) })}</span></p>`;
}

/** What the other channels have left; nothing to see while all of it is live. */
function Channels({ account }) {
  const others = Object.entries(account?.channels ?? {}).filter(([name]) => name !== "live");
  if (others.length === 0) return null;
  return html`<p class="small quiet num" data-testid="channels">${others.map(([name, cell]) => `${channelName(name)} ${whole(cell.available)}`).join(" · ")}</p>`;
}

function StockActs({ desk, sale, sku, account }) {
  const [act, setAct] = useState(null);
  if (sale.phase === "ended") return null;
  return html`<span class="acts stock-acts">${ACTS.map((one) => html`<button key=${one} class="btn tiny ghost" data-testid="stock-${one}-${sku.sku_id}" onClick=${() => setAct(one)}>${t(`console.stock_act.${one}`)}</button>`)}<button class="btn tiny ghost" data-testid="addon-${sku.sku_id}" onClick=${() => setAct("addon")}>${t("console.addon")}</button></span>
    ${act === "addon" && html`<${AddOnDialog} desk=${desk} sale=${sale} sku=${sku} onClose=${() => setAct(null)} />`}
    ${act && act !== "addon" && html`<${StockDialog} desk=${desk} sale=${sale} sku=${sku} act=${act} channels=${account?.channels ?? {}} onClose=${() => setAct(null)} />`}`;
}

function Split({ units, name }) {
  const width = (part) => ({ width: `${share(part, units.total)}%` });
  const words = t("console.units", { sold: whole(units.sold), held: whole(units.held), left: whole(units.left) });
  return html`<div><div class="split" role="img" aria-label="${name}: ${words}"><i class="sold" style=${width(units.sold)}></i><i class="held" style=${width(units.held)}></i></div>
    <p class="small quiet num">${words}</p></div>`;
}

// The sale on the desk: which one, its phase and clock, its controls and its stock. No stock decisions are made here.

import { useRef, useState } from "preact/hooks";

import { clock } from "../format.js";
import { t } from "../i18n.js";
import { Countdown } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { LinePanel } from "./line_panel.js";
import { SaleForm } from "./sale_form.js";
import { StartSale, StopSale } from "./sale_dialogs.js";
import { StockTable } from "./stock_table.js";

const PHASE_ORDER = ["live", "countdown", "sold_out", "preheat", "draft", "ended"];
const PHASE_CHIP = { live: "live", countdown: "amber", preheat: "gold", sold_out: "red", draft: "outline", ended: "outline" };
const STARTABLE = new Set(["draft", "preheat"]);
const RUNNING = new Set(["countdown", "live"]);
const STOPPABLE = new Set(["preheat", "countdown", "live", "sold_out"]);

/** Sales with the ones that need the host first; among equals the later start first. */
export function byUrgency(sales) {
  return Object.values(sales ?? {}).sort(
    (a, b) => PHASE_ORDER.indexOf(a.phase) - PHASE_ORDER.indexOf(b.phase) || (b.start_ms ?? 0) - (a.start_ms ?? 0),
  );
}

export function SalePanel({ desk }) {
  const [chosen, choose] = useState(null); // sale id, "new", or null for the most urgent
  const sales = byUrgency(desk.sales.value);
  const making = chosen === "new" || sales.length === 0;
  const current = useSteady(making ? null : desk.sales.value[chosen], sales);
  return html`<section class="pane area-sale" aria-label=${t("console.sale")}>
    <header>
      <h2>${t("console.sale")}</h2>
      <div class="sale-tabs scroll-x" role="tablist" aria-label=${t("console.sale")}>
        ${sales.map((sale, index) => html`<button key=${sale.sale_id} role="tab" data-testid="sale-tab-${sale.sale_id}" aria-selected=${!making && sale === current} onClick=${() => choose(sale.sale_id)}>
          ${shortName(desk, sale, index)}<span class="chip ${PHASE_CHIP[sale.phase]}">${t(`console.phase.${sale.phase}`)}</span></button>`)}
      </div>
      ${sales.length > 0 && html`<button class="btn tiny push ${making ? "on" : ""}" data-testid="sale-new" aria-pressed=${making} onClick=${() => choose(making ? null : "new")}><${Icon} name="plus" size=${14} />${t("console.sale_new")}</button>`}
    </header>
    ${making
      ? html`<div class="pane-body"><${SaleForm} desk=${desk} onMade=${choose} /></div>`
      : html`<${Current} key=${current.sale_id} desk=${desk} sale=${current} />`}
  </section>`;
}

/** The chosen sale, else the one shown before until it ends: a Stop button must not change its sale under the pointer. */
function useSteady(chosen, sales) {
  const before = useRef(null);
  const same = sales.find((sale) => sale.sale_id === before.current && sale.phase !== "ended");
  const current = chosen ?? same ?? sales[0] ?? null;
  before.current = current?.sale_id ?? null;
  return current;
}

function shortName(desk, sale, index) {
  const first = desk.titleOf(sale.skus[0] ?? { product_id: `#${index + 1}` });
  const name = first.length > 9 ? `${first.slice(0, 8)}…` : first;
  return sale.skus.length > 1 ? `${name} +${sale.skus.length - 1}` : name;
}

function Current({ desk, sale }) {
  const [dialog, setDialog] = useState(null);
  const close = () => setDialog(null);
  return html`
    <div class="sale-head">
      <span class="chip ${PHASE_CHIP[sale.phase]}"><span class="phase" data-testid="sale-phase" data-phase=${sale.phase}>${t(`console.phase.${sale.phase}`)}</span></span>
      ${sale.paused && html`<span class="chip amber" data-testid="sale-paused">${t("console.paused")}</span>`}
      <${SaleClock} desk=${desk} sale=${sale} /><${Who} sale=${sale} />
      <span class="acts">
        ${sale.phase === "draft" && html`<button class="btn small ghost" data-testid="sale-preheat" onClick=${() => preheat(desk, sale)}>${t("console.preheat")}</button>`}
        ${STARTABLE.has(sale.phase) && html`<button class="btn small primary" data-testid="sale-start" onClick=${() => setDialog("start")}><${Icon} name="bolt" size=${14} />${t("console.start_sale")}</button>`}
        ${RUNNING.has(sale.phase) && html`<button class="btn small ${sale.paused ? "primary" : "ghost"}" data-testid=${sale.paused ? "sale-resume" : "sale-pause"} onClick=${() => desk.run(sale.paused ? "sale.resume" : "sale.pause", { sale_id: sale.sale_id })}>${t(sale.paused ? "console.resume" : "console.pause")}</button>`}
        ${STOPPABLE.has(sale.phase) && html`<button class="btn small danger" data-testid="sale-stop" onClick=${() => setDialog("stop")}>${t("console.stop_sale")}</button>`}
      </span>
    </div>
    <div class="pane-body"><${LinePanel} desk=${desk} sale=${sale} /><${StockTable} desk=${desk} sale=${sale} /></div>
    ${dialog === "start" && html`<${StartSale} desk=${desk} sale=${sale} onClose=${close} />`}
    ${dialog === "stop" && html`<${StopSale} desk=${desk} sale=${sale} onClose=${close} />`}`;
}

/** For whom the sale is, when it is not for everybody. */
function Who({ sale }) {
  const { roles = [], tiers = [], bought_before: bought, follower } = sale.eligibility ?? {};
  const words = [...roles.map((role) => t(`console.role.${role}`)), ...tiers, bought && t("console.rules.bought_before"), follower && t("console.rules.follower")].filter(Boolean);
  return words.length > 0 && html`<span class="chip outline" data-testid="sale-who"><${Icon} name="users" size=${12} />${words.join(" · ")}</span>`;
}

async function preheat(desk, sale) {
  if (await desk.run("sale.preheat", { sale_id: sale.sale_id })) await desk.showOffers(sale);
}

function SaleClock({ desk, sale }) {
  const now = () => desk.now();
  if (sale.phase === "countdown") return html`<span class="row"><span class="quiet">${t("console.starts_in")}</span><b class="clock"><${Countdown} untilMs=${sale.start_ms} now=${now} /></b></span>`;
  if (sale.phase === "live" || sale.phase === "sold_out") return html`<span class="row"><span class="quiet">${t("console.ends_in")}</span><b class="clock"><${Countdown} untilMs=${sale.end_ms} now=${now} /></b></span>`;
  if (sale.phase === "ended") return html`<span class="quiet num">${t("console.ended_at", { time: sale.end_ms ? clock(sale.end_ms) : "–" })}</span>`;
  return html`<span class="quiet">${t("console.sale_terms", { minutes: Math.round(sale.duration_s / 6) / 10, hold: sale.hold_s })}</span>`;
}

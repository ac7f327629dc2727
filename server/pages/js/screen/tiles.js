// The tiles of numbers: money, audience, orders, funnel, ranking. Each takes the metrics and draws one thing.

import { count, money, percent, whole } from "../format.js";
import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { CountUp } from "./count_up.js";
import { Curve } from "./curve.js";
import { bars, grownLastMinute, lastMinute } from "./figures.js";

const RANKS_MAX = 5;
const POINTS_MIN = 3; // fewer make no curve
const SHORT_MONEY_CHARS = 10;
const LONG_MONEY_CHARS = 13;

const EMPTY = { gmv_cents: 0, paid_orders: 0, orders: 0, visitors: 0, series: [], funnel: [], top_products: [] };
export const numbers = (wall) => wall.metrics.value ?? EMPTY;

export function Empty({ word }) {
  return html`<div class="empty"><p>${t(word)}</p></div>`;
}

function moneySize(cents) {
  const length = money(cents).length;
  if (length <= SHORT_MONEY_CHARS) return "";
  return length <= LONG_MONEY_CHARS ? "long" : "longer";
}

export function Gmv({ wall }) {
  const m = numbers(wall);
  return html`<section class="tile gmv" aria-label=${t("screen.gmv")}>
    <div class="gmv-money"><h2>${t("screen.gmv")}</h2>
      <${CountUp} value=${m.gmv_cents} format=${(cents) => money(cents)} testid="gmv" class=${moneySize(m.gmv_cents)} />
      <p class="rate">${t("screen.last_minute")} <em>+${money(lastMinute(m.series, "gmv_cents", wall.now()))}</em></p></div>
    <div class="figures">
      <${Figure} value=${m.paid_orders} label=${t("screen.paid_orders")} testid="paid-orders" />
      <${Figure} value=${m.visitors} label=${t("screen.visitors")} testid="visitors" />
      <${Figure} value=${wall.likes.value ?? 0} label=${t("screen.likes")} testid="likes" />
      <${Figure} value=${grownLastMinute(m.series, "comments", wall.now())} label=${t("screen.comments_per_minute")} testid="comments-per-minute" />
    </div>
  </section>`;
}

function Figure({ value, label, testid }) {
  return html`<div class="figure"><${CountUp} value=${value} format=${count} testid=${testid} /><span>${label}</span></div>`;
}

export function Online({ wall }) {
  const { series } = numbers(wall);
  const online = wall.online.value ?? 0;
  return html`<section class="tile area-online" aria-label=${t("screen.online")}>
    <h2><span>${t("screen.online")} <small>${t("screen.peak", { n: count(Math.max(wall.peak.value ?? 0, online)) })}</small></span><${CountUp} value=${online} format=${whole} testid="online" /></h2>
    ${series.length < POINTS_MIN ? html`<${Empty} word="screen.curve_empty" />` : html`<${Curve} times=${series.map((one) => one.ts)} values=${series.map((one) => one.online)} colour="--blue" label=${t("screen.online_curve")} />`}
  </section>`;
}

export function Orders({ wall }) {
  const { series } = numbers(wall);
  const minute = lastMinute(series, "orders", wall.now());
  const { times, values } = bars(series, "orders");
  return html`<section class="tile area-orders" aria-label=${t("screen.orders")}>
    <h2><span>${t("screen.orders")} <small>${t("screen.per_second", { n: (minute / 60).toFixed(1) })}</small></span><${CountUp} value=${minute} format=${whole} testid="orders-per-minute" /></h2>
    ${times.length < POINTS_MIN ? html`<${Empty} word="screen.curve_empty" />` : html`<${Curve} times=${times} values=${values} colour="--green" bars fromZero label=${t("screen.orders_curve")} />`}
  </section>`;
}

function stepName(step) {
  const key = `screen.step.${step}`;
  const word = t(key);
  return word === key ? step : word;
}

export function Funnel({ wall }) {
  const { funnel } = numbers(wall);
  const most = Math.max(1, ...funnel.map((one) => one.count));
  const isEmpty = funnel.every((one) => one.count === 0);
  return html`<section class="tile area-funnel" aria-label=${t("screen.funnel")}><h2>${t("screen.funnel")}</h2>
    <div class="body">${isEmpty ? html`<${Empty} word="screen.funnel_empty" />` : html`<ol class="funnel">${funnel.map((one, i) => html`<li key=${one.step}>
      <span class="step">${stepName(one.step)}</span>
      <span class="track"><i style=${{ width: `${(100 * one.count) / most}%` }}></i></span>
      <span class="n">${count(one.count)} <small>${i && funnel[i - 1].count ? percent(Math.min(1, one.count / funnel[i - 1].count)) : ""}</small></span></li>`)}</ol>`}</div>
  </section>`;
}

export function Products({ wall }) {
  const list = numbers(wall).top_products.slice(0, RANKS_MAX);
  const most = Math.max(1, ...list.map((one) => one.gmv_cents));
  return html`<section class="tile area-products" aria-label=${t("screen.products")}><h2>${t("screen.products")}</h2>
    <div class="body">${list.length === 0 ? html`<${Empty} word="screen.products_empty" />` : html`<ol class="ranks">${list.map((one, i) => html`<li key=${one.product_id}>
      <span class="place">${i + 1}</span><span class="name">${wall.titleOf(one)}</span><span class="sum">${money(one.gmv_cents)} <small>${t("screen.pieces", { n: whole(one.qty) })}</small></span>
      <span class="bar gold"><i style=${{ width: `${(100 * one.gmv_cents) / most}%` }}></i></span></li>`)}</ol>`}</div>
  </section>`;
}

// A red-packet rain at the console: two steps to start one, for it spends money; what is left of it; and its proof.

import { useState } from "preact/hooks";

import { money, whole } from "../format.js";
import { t } from "../i18n.js";
import { Countdown } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { centsOf, wholeOf } from "./money_field.js";
import { Confirm } from "./sale_dialogs.js";

const COUNT_MAX = 10_000;
const SECONDS_MAX = 600;
const EACH_MAX = 100;
const COUNTDOWNS_S = [0, 5, 10, 30, 60];
const CHIPS = { soon: "amber", open: "gold", ended: "green", void: "outline" };

/** The command's parameters, or {fault: word key}. */
export function rainOf(form) {
  const total = centsOf(form.total.value);
  const count = wholeOf(form.count.value, 1, COUNT_MAX);
  const seconds = wholeOf(form.seconds.value, 1, SECONDS_MAX);
  if (count === null) return { fault: "console.fault.rain_count" };
  if (!total || total < count) return { fault: "console.fault.rain_total" };
  if (seconds === null) return { fault: "console.fault.rain_seconds" };
  const each = wholeOf(form.each.value, 1, Math.min(count, EACH_MAX));
  if (each === null) return { fault: "console.fault.rain_each" };
  return { params: { total_cents: total, count, seconds, per_user: each, starts_in_s: Number(form.countdown.value) } };
}

export function RainPanel({ desk }) {
  const rain = desk.rain.value;
  return html`<section class="rains" aria-label=${t("console.rain")}>
    ${rain && html`<${Rain} desk=${desk} rain=${rain} />`}
    ${rain?.state !== "open" && html`<${RainForm} desk=${desk} />`}
  </section>`;
}

function Rain({ desk, rain }) {
  const [asking, setAsking] = useState(false);
  void desk.tick.value; // the countdown passes without any event
  const phase = rain.state === "open" && desk.now() < rain.open_ms ? "soon" : rain.state;
  const stop = async () => {
    if (await desk.run("rain.stop", { rain_id: rain.rain_id })) setAsking(false);
  };
  return html`<article class="lottery" data-testid="rain-row" data-rain=${rain.rain_id}>
    <div class="row apart"><p class="prize num">${money(rain.total_cents)} <span class="quiet">× ${whole(rain.count)}</span></p>
      <span class="chip ${CHIPS[phase]}" data-testid="rain-state" data-state=${phase}>${t(`console.rain_state.${phase}`)}</span></div>
    ${rain.state === "open"
      ? html`<div class="row apart"><b class="num" data-testid="rain-remaining">${t("console.rain_left", { left: whole(rain.left), count: whole(rain.count) })}</b>
          <span class="row num"><b><${Countdown} untilMs=${phase === "soon" ? rain.open_ms : rain.close_ms} now=${() => desk.now()} /></b>
          <button class="btn small danger" data-testid="rain-stop" onClick=${() => setAsking(true)}>${t("console.rain_stop")}</button></span></div>`
      : html`<p class="row apart"><span class="quiet num" data-testid="rain-done">${t("console.rain_done", { claimed: whole(rain.claimed_count), sum: money(rain.claimed_cents), back: money(rain.returned_cents) })}</span>
          <a class="row" href="/v1/rains/${encodeURIComponent(rain.rain_id)}" target="_blank" rel="noopener"><${Icon} name="shield" size=${14} />${t("console.handout_verify")}</a></p>`}
    <p class="hash">${rain.amounts_hash}</p>
    ${asking && html`<${Confirm} title=${t("console.rain_stop")} text=${t("console.rain_stop_text", { n: whole(rain.left) })} action=${t("console.rain_stop")} testid="rain-stop-confirm" onConfirm=${stop} onClose=${() => setAsking(false)} />`}
  </article>`;
}

function RainForm({ desk }) {
  const [fault, setFault] = useState(null);
  const [asked, setAsked] = useState(null); // looked at once more before money is spent
  const look = (event) => {
    event.preventDefault();
    const rain = rainOf(event.currentTarget);
    setFault(rain.fault ?? null);
    setAsked(rain.params ?? null);
  };
  const start = async () => {
    if (await desk.run("rain.start", asked)) setAsked(null);
  };
  const sum = asked && money(asked.total_cents);
  return html`<form class="grid-form lottery-form" data-testid="rain-form" onSubmit=${look} noValidate>
    <label class="field w-3 half"><span>${t("console.rain_total")}</span><input class="input small num" name="total" inputmode="decimal" defaultValue="100" data-testid="rain-total" /></label>
    <label class="field w-3 half"><span>${t("console.rain_count")}</span><input class="input small num" name="count" inputmode="numeric" defaultValue="100" data-testid="rain-count" /></label>
    <label class="field w-3 half"><span>${t("console.rain_seconds")}</span><input class="input small num" name="seconds" inputmode="numeric" defaultValue="30" data-testid="rain-seconds" /></label>
    <label class="field w-3 half"><span>${t("console.rain_per_user")}</span><input class="input small num" name="each" inputmode="numeric" defaultValue="1" data-testid="rain-each" /></label>
    <label class="field w-6 half"><span>${t("console.rain_countdown")}</span><select class="select small" name="countdown" data-testid="rain-starts-in">${COUNTDOWNS_S.map((s) => html`<option value=${s} selected=${s === 10}>${s ? t("console.seconds_n", { n: s }) : t("console.at_once")}</option>`)}</select></label>
    <div class="w-6 half form-foot"><button class="btn small gold" data-testid="rain-next">${t("console.rain_next")}</button></div>
    ${fault && html`<p class="w-12 wrong" role="alert">${t(fault)}</p>`}
    ${asked && html`<${Confirm} title=${t("console.rain")} text=${t("console.rain_text", { sum, n: whole(asked.count), seconds: asked.seconds, each: asked.per_user })} action=${t("console.rain_confirm", { sum })} testid="rain-confirm" onConfirm=${start} onClose=${() => setAsked(null)} />`}
  </form>`;
}

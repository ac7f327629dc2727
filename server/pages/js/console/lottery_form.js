// Opening a draw: prize, winners, who may enter, and when it closes.

import { useState } from "preact/hooks";

import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { wholeOf } from "./money_field.js";

const WINNERS_MAX = 100;
const WATCH_S_MAX = 86_400;
const CLOSES_S = [30, 60, 180, 300, 600];
const PRIZE_CHARS_MAX = 80;
export const PHRASE_CHARS_MAX = 40;
export const TIERS_CHARS_MAX = 200;
export const TICKS = ["follow", "bought", "present"]; // conditions that are asked for or not
const HOUR_S = 3_600;
const CLAIMS_S = [HOUR_S, 24 * HOUR_S, 72 * HOUR_S, 168 * HOUR_S];
const within = (s) => (s < 24 * HOUR_S ? t("console.prize.hours_n", { n: s / HOUR_S }) : t("console.prize.days_n", { n: s / (24 * HOUR_S) }));

/** The names of member tiers in what was typed. */
export const tiersOf = (typed) => typed.split(/[,，、\s]+/).filter(Boolean);

/** The command's parameters, or {fault: word key}. */
export function drawOf(form) {
  const winners = wholeOf(form.winners.value, 1, WINNERS_MAX);
  const prize = form.prize.value.trim();
  const phrase = form.phrase.value.trim();
  const watch = form.watch.value.trim() === "" ? 0 : wholeOf(form.watch.value, 0, WATCH_S_MAX);
  if (!prize) return { fault: "console.fault.prize" };
  if (winners === null) return { fault: "console.fault.winners" };
  if (watch === null) return { fault: "console.fault.watch" };
  const tiers = tiersOf(form.tiers.value);
  const ticked = Object.fromEntries(TICKS.filter((name) => form[name].checked).map((name) => [name, true]));
  const conditions = { ...(phrase && { phrase }), ...(watch && { watch_s: watch }), ...(tiers.length && { tiers }), ...ticked };
  const claim = Number(form.claim.value) ? { claim_s: Number(form.claim.value) } : {};
  const kind = form.bag.checked ? "bag" : "lottery";
  const close = form.close.value === "manual" ? { manual: true } : { close_ms: Number(form.close.value) * 1_000 };
  return { params: { winners, prize, conditions, kind, ...close, ...claim } };
}

export function LotteryForm({ desk, onOpened }) {
  const [fault, setFault] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const draw = drawOf(form);
    setFault(draw.fault ?? null);
    if (draw.fault || !(await desk.run("lottery.open", draw.params))) return;
    form.reset();
    onOpened();
  };
  return html`<form class="grid-form lottery-form" data-testid="lottery-form" onSubmit=${submit} noValidate>
    <label class="field w-8 half"><span>${t("console.prize")}</span><input class="input small" name="prize" maxlength=${PRIZE_CHARS_MAX} placeholder=${t("console.prize_example")} data-testid="lottery-prize" /></label>
    <label class="field w-4 half"><span>${t("console.winners")}</span><input class="input small num" name="winners" inputmode="numeric" defaultValue="3" data-testid="lottery-winners" /></label>
    <label class="field w-8 half"><span>${t("console.phrase")}</span><input class="input small" name="phrase" maxlength=${PHRASE_CHARS_MAX} placeholder=${t("console.optional")} data-testid="lottery-phrase" /></label>
    <label class="field w-4 half"><span>${t("console.watch")}</span><input class="input small num" name="watch" inputmode="numeric" placeholder="0" data-testid="lottery-watch" /></label>
    <div class="w-12 checks">${TICKS.map((name) => html`<label key=${name}><input type="checkbox" name=${name} data-testid="lottery-${name}" />${t(`console.prize.${name}`)}</label>`)}
      <label><input type="checkbox" name="bag" data-testid="lottery-bag-kind" />${t("console.prize.bag")}</label></div>
    <label class="field w-6 half"><span>${t("console.prize.tiers")}</span><input class="input small" name="tiers" maxlength=${TIERS_CHARS_MAX} placeholder=${t("console.prize.tiers_example")} data-testid="lottery-tiers" /></label>
    <label class="field w-6 half"><span>${t("console.prize.claim")}</span><select class="select small" name="claim" data-testid="lottery-claim"><option value="0">${t("console.prize.no_claim")}</option>${CLAIMS_S.map((s) => html`<option value=${s}>${within(s)}</option>`)}</select></label>
    <label class="field w-6 half"><span>${t("console.closing")}</span><select class="select small" name="close" data-testid="lottery-close">
      <option value="manual">${t("console.by_hand")}</option>${CLOSES_S.map((s) => html`<option value=${s}>${s < 60 ? t("console.seconds_n", { n: s }) : t("console.minutes_n", { n: s / 60 })}</option>`)}</select></label>
    <div class="w-6 half form-foot"><button class="btn small gold" data-testid="lottery-open">${t("console.lottery_open")}</button></div>
    ${fault && html`<p class="w-12 wrong" role="alert">${t(fault)}</p>`}
  </form>`;
}

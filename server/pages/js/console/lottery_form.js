// Opening a draw: prize, winners, who may enter, and when it closes.

import { useState } from "preact/hooks";

import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { wholeOf } from "./money_field.js";

const WINNERS_MAX = 100;
const WATCH_S_MAX = 86_400;
const CLOSES_S = [30, 60, 180, 300, 600];
const PRIZE_CHARS_MAX = 80;
const PHRASE_CHARS_MAX = 40;

/** The command's parameters, or {fault: word key}. */
export function drawOf(form) {
  const winners = wholeOf(form.winners.value, 1, WINNERS_MAX);
  const prize = form.prize.value.trim();
  const phrase = form.phrase.value.trim();
  const watch = form.watch.value.trim() === "" ? 0 : wholeOf(form.watch.value, 0, WATCH_S_MAX);
  if (!prize) return { fault: "console.fault.prize" };
  if (winners === null) return { fault: "console.fault.winners" };
  if (watch === null) return { fault: "console.fault.watch" };
  const conditions = { ...(phrase && { phrase }), ...(watch && { watch_s: watch }) };
  const close = form.close.value === "manual" ? { manual: true } : { close_ms: Number(form.close.value) * 1_000 };
  return { params: { winners, prize, conditions, ...close } };
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
    <label class="field w-6 half"><span>${t("console.closing")}</span><select class="select small" name="close" data-testid="lottery-close">
      <option value="manual">${t("console.by_hand")}</option>${CLOSES_S.map((s) => html`<option value=${s}>${s < 60 ? t("console.seconds_n", { n: s }) : t("console.minutes_n", { n: s / 60 })}</option>`)}</select></label>
    <div class="w-6 half form-foot"><button class="btn small gold" data-testid="lottery-open">${t("console.lottery_open")}</button></div>
    ${fault && html`<p class="w-12 wrong" role="alert">${t(fault)}</p>`}
  </form>`;
}

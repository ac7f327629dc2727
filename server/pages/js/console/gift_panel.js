// Gifts at the console: offering one to the first who watched long enough, and how many are left.

import { useState } from "preact/hooks";

import { whole } from "../format.js";
import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { PHRASE_CHARS_MAX, TICKS, TIERS_CHARS_MAX, tiersOf } from "./lottery_form.js";
import { wholeOf } from "./money_field.js";
import { Confirm } from "./sale_dialogs.js";

const QUOTA_MAX = 100_000;
const WATCH_S_MAX = 86_400;
const TITLE_CHARS_MAX = 80;
const CHIPS = { open: "gold", ended: "green", void: "outline" };

/** The command's parameters, or {fault: word key}. */
export function giftOf(form) {
  const title = form.title.value.trim();
  const quota = wholeOf(form.quota.value, 1, QUOTA_MAX);
  const watch = form.watch.value.trim() === "" ? 0 : wholeOf(form.watch.value, 0, WATCH_S_MAX);
  if (!title) return { fault: "console.fault.gift_title" };
  if (quota === null) return { fault: "console.fault.gift_quota" };
  if (watch === null) return { fault: "console.fault.watch" };
  const [phrase, tiers] = [form.phrase.value.trim(), tiersOf(form.tiers.value)];
  const ticked = Object.fromEntries(TICKS.filter((name) => form[name].checked).map((name) => [name, true]));
  const conditions = { ...(phrase && { phrase }), ...(watch && { watch_s: watch }), ...(tiers.length && { tiers }), ...ticked };
  return { params: { title, quota, conditions } };
}

export function GiftPanel({ desk }) {
  const list = Object.values(desk.gifts.value ?? {}).sort((a, b) => b.open_ms - a.open_ms);
  return html`<section class="gifts" aria-label=${t("console.gifts")}>
    ${list.map((one) => html`<${Gift} key=${one.gift_id} desk=${desk} gift=${one} />`)}
    <${GiftForm} desk=${desk} />
  </section>`;
}

function Gift({ desk, gift }) {
  const [asking, setAsking] = useState(false);
  const close = async () => {
    if (await desk.run("gift.close", { gift_id: gift.gift_id })) setAsking(false);
  };
  return html`<article class="lottery" data-testid="gift-row" data-gift=${gift.gift_id}>
    <div class="row apart"><p class="prize clip">${gift.title}</p><span class="chip ${CHIPS[gift.state]}" data-state=${gift.state}>${t(`console.gift_state.${gift.state}`)}</span></div>
    <div class="row apart"><b class="num" data-testid="gift-remaining">${t("console.gift_left", { left: whole(gift.left), quota: whole(gift.quota) })}</b>
      ${gift.state === "open"
        ? html`<button class="btn small ghost" data-testid="gift-close" onClick=${() => setAsking(true)}>${t("console.gift_close")}</button>`
        : html`<a class="row" href="/v1/gifts/${encodeURIComponent(gift.gift_id)}" target="_blank" rel="noopener"><${Icon} name="shield" size=${14} />${t("console.handout_verify")}</a>`}</div>
    ${asking && html`<${Confirm} title=${t("console.gift_close")} text=${t("console.gift_close_text", { n: whole(gift.left) })} action=${t("console.gift_close")} testid="gift-close-confirm" onConfirm=${close} onClose=${() => setAsking(false)} />`}
  </article>`;
}

function GiftForm({ desk }) {
  const [fault, setFault] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const gift = giftOf(form);
    setFault(gift.fault ?? null);
    if (!gift.fault && (await desk.run("gift.open", gift.params))) form.reset();
  };
  return html`<form class="grid-form lottery-form" data-testid="gift-form" onSubmit=${submit} noValidate>
    <label class="field w-12"><span>${t("console.gift_title")}</span><input class="input small" name="title" maxlength=${TITLE_CHARS_MAX} data-testid="gift-title" /></label>
    <label class="field w-6 half"><span>${t("console.gift_quota")}</span><input class="input small num" name="quota" inputmode="numeric" defaultValue="50" data-testid="gift-quota" /></label>
    <label class="field w-6 half"><span>${t("console.gift_watch")}</span><input class="input small num" name="watch" inputmode="numeric" placeholder="0" data-testid="gift-watch" /></label>
    <label class="field w-6 half"><span>${t("console.phrase")}</span><input class="input small" name="phrase" maxlength=${PHRASE_CHARS_MAX} placeholder=${t("console.optional")} data-testid="gift-phrase" /></label>
    <label class="field w-6 half"><span>${t("console.prize.tiers")}</span><input class="input small" name="tiers" maxlength=${TIERS_CHARS_MAX} placeholder=${t("console.prize.tiers_example")} data-testid="gift-tiers" /></label>
    <div class="w-12 checks">${TICKS.map((name) => html`<label key=${name}><input type="checkbox" name=${name} data-testid="gift-${name}" />${t(`console.prize.${name === "present" ? "here" : name}`)}</label>`)}</div>
    <div class="w-12 form-foot"><button class="btn small gold" data-testid="gift-open">${t("console.gift_open")}</button></div>
    ${fault && html`<p class="w-12 wrong" role="alert">${t(fault)}</p>`}
  </form>`;
}

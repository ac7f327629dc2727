// What a viewer does for a draw and after it: the checklist of conditions, the claim of a prize, and the list of wins.

import { useEffect, useState } from "preact/hooks";

import { errorText, t } from "../i18n.js";
import { Countdown } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { follow, following } from "./follow.js";
import { client, now, person } from "./live.js";
import { claim, prizes, progress, receiptOf, refreshPrizes, refreshProgress, sheetFor } from "./luck.js";

const LOOK_MS = 3_000; // while the sheet is open, for watch time grows by itself
const VALUE_CHARS_MAX = 200;
const KNOWN_FIELDS = new Set(["name", "phone", "address"]);

/** A field of the form in the viewer's language; one the host made up is shown as it is. */
export const fieldName = (field) => (KNOWN_FIELDS.has(field) ? t(`prize.field.${field}`) : field);

const words = (conditions) => ({ phrase: conditions.phrase, need: conditions.watch_s, tiers: (conditions.tiers ?? []).join(" / ") });

function Todo({ name, conditions, known }) {
  const met = Boolean(known?.met);
  return html`<li class=${`todo ${met ? "met" : ""}`} data-condition=${name} data-met=${met}><${Icon} name=${met ? "check" : "clock"} size=${18} /><span>${t(`prize.${name}`, words(conditions))}</span>
    <span class="sr-only">${t(met ? "prize.met" : "prize.todo")}</span><span class="grow"></span>
    ${known?.need_s && !met && html`<span class="have num">${t("prize.watched", { have: known.have_s, need: known.need_s })}</span>`}
    ${name === "follow" && !met && html`<button class="btn small ghost" type="button" onClick=${() => follow()} data-testid="condition-follow">${t("prize.doFollow")}</button>`}</li>`;
}

/** Every condition with how far this viewer is; read again while it is looked at. */
export function Checklist({ lottery }) {
  const { lottery_id: id, conditions } = lottery;
  const asked = Object.keys(conditions ?? {});
  const joined = receiptOf(id);
  useEffect(() => {
    refreshProgress(lottery);
    const timer = setInterval(() => !receiptOf(id) && refreshProgress(lottery), LOOK_MS);
    return () => clearInterval(timer);
  }, [id, lottery.state, following.value, person.value?.id]);
  const known = progress.value[id] ?? [];
  return html`<div><h3 class="label">${t("lottery.conditions")}</h3><ul class="stack conditions" data-testid="conditions">
    ${asked.map((name) => html`<${Todo} key=${name} name=${name} conditions=${conditions} known=${joined && name !== "present" ? { met: true } : known.find((one) => one.condition === name)} />`)}
    ${asked.length === 0 && html`<li class="row"><${Icon} name="users" size=${18} /><span>${t("lottery.everyone")}</span></li>`}
  </ul></div>`;
}

/** The form of a prize with its countdown; afterwards what was sent, which may be corrected in time. */
export function Claim({ lotteryId, fields }) {
  const [state, setState] = useState({ busy: false, error: null, editing: false });
  useEffect(() => void refreshPrizes().catch(() => {}), [lotteryId]);
  const win = prizes.value[lotteryId];
  const standing = win?.claim;
  if (!standing || standing.state === "won") return null;
  if (standing.state === "unclaimed" || standing.state === "disqualified") return html`<p class="notice amber" data-testid="claim-over">${t(standing.state === "unclaimed" ? "prize.expired" : "prize.disqualified")}</p>`;
  const submit = async (event) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    setState({ ...state, busy: true, error: null });
    try {
      await claim(lotteryId, Object.fromEntries(fields.map((field) => [field, String(given.get(field) ?? "")])));
      setState({ busy: false, error: null, editing: false });
    } catch (error) {
      setState({ busy: false, error, editing: true });
    }
  };
  const done = standing.state === "claimed" && !state.editing;
  return html`<section class="claim-box" data-testid="claim" data-state=${standing.state}>
    <p class="row apart"><strong>${t("prize.claim")}</strong><${Countdown} class="pay-left" untilMs=${standing.claim_by_ms} now=${now} /></p>
    ${done
      ? html`<p class="notice green" role="status"><${Icon} name="check" size=${18} /><span>${t("prize.claimed")}</span></p>
          <dl class="small">${fields.map((field) => html`<div class="row" key=${field}><dt class="quiet">${fieldName(field)}</dt><dd class="grow break">${standing.form[field]}</dd></div>`)}</dl>
          <button class="btn ghost small" type="button" onClick=${() => setState({ ...state, editing: true })}>${t("prize.update")}</button>`
      : html`<form class="stack" onSubmit=${submit}><p class="small quiet">${t("prize.claimBy")}</p>
          ${fields.map((field) => html`<label class="field" key=${field}><span>${fieldName(field)}</span><input class="input" name=${field} required maxlength=${VALUE_CHARS_MAX} defaultValue=${standing.form[field] ?? ""} data-testid="claim-field" /></label>`)}
          <p class="small quiet row"><${Icon} name="shield" size=${14} />${t("prize.private")}</p>
          ${state.error && html`<p class="notice red" role="alert">${errorText(state.error)}</p>`}
          <button class="btn gold wide" type="submit" disabled=${state.busy} data-testid="claim-submit">${state.busy && html`<span class="spinner"></span>`}${t("prize.submit")}</button></form>`}
  </section>`;
}

const CHIPS = { waiting: "amber", claimed: "green", won: "gold" };

export function WinsList() {
  useEffect(() => void refreshPrizes().catch(() => {}), []);
  const mine = Object.values(prizes.value);
  if (!mine.length) return html`<div class="empty"><${Icon} name="gift" size=${34} /><p>${t("wins.empty")}</p></div>`;
  return html`<ul class="order-list">${mine.map((win) => html`<li key=${win.lottery_id}><button class="order-row" type="button" onClick=${() => (sheetFor.value = win.lottery_id)} data-testid="win-row">
    <${Icon} name="gift" /><strong class="grow clip">${win.prize}</strong>${win.claim && html`<span class=${`chip ${CHIPS[win.claim.state] ?? "outline"}`}>${t(`prize.state.${win.claim.state}`)}</span>`}<span class="badge rank">${win.rank}</span></button></li>`)}</ul>`;
}

client.on("won", () => refreshPrizes().catch(() => {}));
client.on("hello", () => refreshPrizes().catch(() => {}));
client.on("lottery.redrawn", () => refreshPrizes().catch(() => {}));

// The lucky bag on the picture and its sheet: conditions, joining, receipt, result, and the proof of the draw.

import confetti from "canvas-confetti";
import { useEffect, useState } from "preact/hooks";

import { canVerify } from "../fairness.js";
import { count } from "../format.js";
import { errorText, t } from "../i18n.js";
import { Countdown } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Sheet } from "../ui/sheet.js";
import { now, person, stillness } from "./live.js";
import { Checklist, Claim } from "./prize_view.js";
import { current, join, lotteries, rankOf, receiptOf, sheetFor, verify, waits } from "./luck.js";
import { Tile } from "./tile.js";

const COLOURS = ["#ffc53d", "#ff2d55", "#ffffff", "#2bd576"];

function celebrate() {
  if (stillness.matches) return;
  const burst = (angle, x) => confetti({ angle, origin: { x, y: 0.7 }, particleCount: 70, spread: 70, startVelocity: 52, colors: COLOURS, zIndex: 90, disableForReducedMotion: true });
  burst(60, 0);
  burst(120, 1);
}

export function LuckyBag() {
  const lottery = current.value;
  if (!lottery) return null;
  const { state, close_ms: closeMs } = lottery;
  const joined = receiptOf(lottery.lottery_id);
  const label = state === "open" ? (closeMs ? html`<${Countdown} untilMs=${closeMs} now=${now} />` : t("lottery.short")) : state === "frozen" ? "…" : t(waits(lottery) ? "prize.claimShort" : "lottery.winnersList");
  return html`<${Tile} kind="bag" icon="gift" name=${`${t("lottery")}: ${lottery.prize}`} label=${label} done=${joined && state !== "drawn"} calm=${state === "drawn" && !waits(lottery)}
    onClick=${() => (sheetFor.value = lottery.lottery_id)} data-testid="lottery-bag" data-state=${state} data-lottery=${lottery.lottery_id} />`;
}

function Receipt({ receipt }) {
  return html`<div class="notice green" data-testid="lottery-receipt" data-index=${receipt.index}><${Icon} name="ticket" />
    <div class="grow"><strong>${t("lottery.joined")} · ${t("lottery.index", { n: receipt.index + 1 })}</strong>
      <p class="small">${t("lottery.receipt")}</p><p class="mono break">${receipt.running_hash}</p></div></div>`;
}

function Joining({ lottery }) {
  const [busy, setBusy] = useState(false);
  const receipt = receiptOf(lottery.lottery_id);
  if (lottery.state === "frozen") return html`<p class="row quiet centred"><span class="spinner"></span>${t("lottery.frozen")}</p>`;
  const enter = async () => {
    setBusy(true);
    await join(lottery);
    setBusy(false);
  };
  return html`<div class="stack">
    <p class="row apart"><span class="quiet">${lottery.close_ms ? t("lottery.drawsIn", { time: "" }) : t("lottery.manual")}</span>
      ${lottery.close_ms && html`<${Countdown} class="pay-left" untilMs=${lottery.close_ms} now=${now} />`}</p>
    ${receipt
      ? html`<${Receipt} receipt=${receipt} />`
      : html`<button class="btn gold wide" type="button" disabled=${busy} onClick=${enter} data-testid="lottery-join">${busy && html`<span class="spinner"></span>`}${t(lottery.conditions?.phrase ? "lottery.joinPhrase" : "lottery.join")}</button>`}
  </div>`;
}

function Check({ check }) {
  return html`<li class=${`row check ${check.ok ? "ok" : "bad"}`} data-check=${check.name} data-ok=${check.ok}><${Icon} name=${check.ok ? "check" : "alert"} size=${16} /><span>${t(`verify.${check.name}`, { n: check.count ?? 0 })}</span></li>`;
}

function Proof({ lottery }) {
  const [proof, setProof] = useState({ busy: false, checks: null, error: null });
  const run = async () => {
    setProof({ busy: true, checks: null, error: null });
    try {
      setProof({ busy: false, checks: await verify(lottery), error: null });
    } catch (error) {
      setProof({ busy: false, checks: null, error });
    }
  };
  if (!canVerify()) return html`<p class="notice">${t("verify.unavailable")}</p>`;
  const good = proof.checks?.every((one) => one.ok);
  return html`<div class="stack">
    <button class="btn ghost wide" type="button" disabled=${proof.busy} onClick=${run} data-testid="verify-draw">
      ${proof.busy ? html`<span class="spinner"></span>${t("lottery.verifying")}` : html`<${Icon} name="shield" size=${18} />${t("lottery.verify")}`}</button>
    ${proof.error && html`<p class="notice red" role="alert" data-testid="verify-result" data-ok="false">${proof.error.code ? errorText(proof.error) : t("verify.bad")}</p>`}
    ${proof.checks && html`<div class=${`notice ${good ? "green" : "red"}`} role="status" data-testid="verify-result" data-ok=${good}>
      <div class="stack"><strong>${t(good ? "verify.ok" : "verify.bad")}</strong><ul>${proof.checks.map((check) => html`<${Check} check=${check} key=${check.name} />`)}</ul></div></div>`}
  </div>`;
}

function Winners({ lottery }) {
  if (!lottery.winners?.length) return html`<p class="small quiet">${t("lottery.noWinners")}</p>`;
  return html`<div><h3 class="label">${t("lottery.winnersList")}</h3><ol class="winners">
    ${lottery.winners.map((one) => html`<li class="row" key=${one.user_id}><span class="badge rank">${one.rank}</span><span class="grow clip">${one.name}</span>
      ${one.user_id === person.value?.id && html`<span class="chip gold">${t("lottery.you")}</span>`}</li>`)}</ol></div>`;
}

function Result({ lottery }) {
  const rank = rankOf(lottery);
  const outcome = rank ? "won" : receiptOf(lottery.lottery_id) ? "lost" : "notJoined";
  useEffect(() => {
    if (rank) celebrate();
  }, [lottery.lottery_id, rank]);
  return html`<div class="stack" data-testid="lottery-result" data-outcome=${outcome}>
    <div class=${`result ${outcome}`} role="status"><${Icon} name=${rank ? "star" : "gift"} size=${34} /><strong>${t(`lottery.${outcome}`)}</strong>
      ${outcome !== "notJoined" && html`<p class="quiet">${t(`lottery.${outcome}Text`, { prize: lottery.prize })}</p>`}</div>
    ${rank && lottery.claim_s > 0 && html`<${Claim} lotteryId=${lottery.lottery_id} fields=${lottery.form} />`}
    <${Winners} lottery=${lottery} />
    ${lottery.removals > 0 && html`<p class="small quiet">${t("prize.replaced", { n: lottery.removals })}</p>`}
    <${Proof} lottery=${lottery} />
  </div>`;
}

export function LuckSheet() {
  const lottery = lotteries.value?.[sheetFor.value];
  if (!lottery) return null;
  return html`<${Sheet} title=${t("lottery.title")} onClose=${() => (sheetFor.value = null)} testid="lottery-sheet" class="luck">
    <div class="stack">
      <div class="prize"><${Icon} name="gift" size=${40} /><div class="grow"><p class="quiet small">${t("lottery.prize")}</p><h3>${lottery.prize}</h3>
        <p class="small quiet"><span>${t("lottery.winners", { n: lottery.winners_count })}</span> · <span data-testid="lottery-entries">${t("lottery.entries", { n: count(lottery.entries_count ?? 0) })}</span></p></div></div>
      ${["open", "frozen"].includes(lottery.state) && html`<${Checklist} lottery=${lottery} /><${Joining} lottery=${lottery} />`}
      ${lottery.state === "drawn" && html`<${Result} lottery=${lottery} />`}
      ${lottery.state === "void" && html`<p class="notice amber">${t("lottery.void")}</p>`}
      <details class="commitment"><summary>${t("lottery.commitment")}</summary><p class="mono break">seed_hash ${lottery.seed_hash}</p><p class="mono break">rules_hash ${lottery.rules_hash}</p></details>
    </div></${Sheet}>`;
}


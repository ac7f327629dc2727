// Draws: opening one, watching it fill, drawing it, and where anybody can verify it.

import { useState } from "preact/hooks";

import { whole } from "../format.js";
import { t } from "../i18n.js";
import { Countdown } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Claims } from "./claims.js";
import { LotteryForm } from "./lottery_form.js";
import { Confirm } from "./sale_dialogs.js";

const STATE_CHIP = { open: "gold", frozen: "amber", drawn: "green", void: "outline" };
const SHOWN_MAX = 12;

/** Open ones first, then the latest. */
export function byRecency(lotteries) {
  const open = (one) => (one.state === "open" || one.state === "frozen" ? 1 : 0);
  return Object.values(lotteries ?? {}).sort((a, b) => open(b) - open(a) || b.open_ms - a.open_ms).slice(0, SHOWN_MAX);
}

export function LotteryPanel({ desk }) {
  const [making, setMaking] = useState(false);
  const list = byRecency(desk.lotteries.value);
  const form = making || list.length === 0;
  return html`${list.length > 0 && html`<p class="play-acts"><button class="btn tiny ${making ? "on" : ""}" data-testid="lottery-new" aria-pressed=${making} onClick=${() => setMaking(!making)}><${Icon} name="plus" size=${14} />${t("console.lottery_new")}</button></p>`}
    ${form && html`<${LotteryForm} desk=${desk} onOpened=${() => setMaking(false)} />`}
    ${list.map((one, index) => html`<${Lottery} key=${one.lottery_id} desk=${desk} lottery=${one} first=${index === 0} />`)}`;
}

function Lottery({ desk, lottery, first }) {
  const [asking, setAsking] = useState(false);
  const draw = async () => {
    if (await desk.run("lottery.draw", { lottery_id: lottery.lottery_id })) setAsking(false);
  };
  const waiting = lottery.state === "open" || lottery.state === "frozen";
  return html`<article class="lottery" data-lottery=${lottery.lottery_id}>
    <div class="row apart"><p class="prize">${lottery.prize} <span class="quiet">× ${lottery.winners_count}</span></p>
      <span class="chip ${STATE_CHIP[lottery.state]}" data-testid=${first ? "lottery-state" : undefined} data-state=${lottery.state}>${t(`console.lottery_state.${lottery.state}`)}</span></div>
    <${Conditions} conditions=${lottery.conditions} />
    ${waiting && html`<div class="row apart">
      <span><b class="entries" data-testid="lottery-entries">${whole(lottery.entries_count)}</b> <span class="quiet">${t("console.entries", { n: lottery.entries_count })}</span></span>
      <span class="row num">${lottery.close_ms && lottery.state === "open" ? html`<span class="quiet">${t("console.closes_in")}</span><b><${Countdown} untilMs=${lottery.close_ms} now=${() => desk.now()} /></b>` : html`<span class="quiet">${t("console.by_hand")}</span>`}
        <button class="btn small gold" data-testid="lottery-draw" onClick=${() => setAsking(true)}>${t("console.draw")}</button></span>
    </div>`}
    ${lottery.state === "drawn" && html`<${Winners} lottery=${lottery} /><${Claims} desk=${desk} lottery=${lottery} />`}
    <p class="hash" title=${t("console.seed_hint")}>${t("console.seed")} <span data-testid="seed-hash">${lottery.seed_hash}</span></p>
    ${asking && html`<${Confirm} title=${t("console.draw")} text=${t("console.draw_text", { n: whole(lottery.entries_count), winners: Math.min(lottery.winners_count, lottery.entries_count) })} action=${t("console.draw_now")} testid="lottery-confirm" onConfirm=${draw} onClose=${() => setAsking(false)} />`}
  </article>`;
}

function Conditions({ conditions }) {
  const { phrase, watch_s: watchS, tiers, ...ticked } = conditions ?? {};
  const parts = [
    phrase && t("console.needs_phrase", { phrase }),
    watchS && t("console.needs_watch", { n: watchS }),
    tiers && `${t("console.prize.tiers")} ${tiers.join("/")}`,
    ...Object.keys(ticked).map((name) => t(`console.prize.${name}`)),
  ].filter(Boolean);
  return html`<p class="quiet">${parts.length ? parts.join(" · ") : t("console.everyone")}</p>`;
}

function Winners({ lottery }) {
  return html`<div class="winners" data-testid="winners">${lottery.winners.map((one) => html`<span key=${one.user_id} class="chip gold">${one.rank}. ${one.name}</span>`)}
      ${lottery.winners.length === 0 && html`<span class="quiet">${t("console.nobody")}</span>`}</div>
    <p class="row apart"><span class="quiet num">${t("console.entries_n", { n: whole(lottery.entries_count) })}</span>
      <a class="row" href="/v1/draws/${encodeURIComponent(lottery.lottery_id)}" target="_blank" rel="noopener" data-testid="lottery-verify"><${Icon} name="shield" size=${14} />${t("console.verify")}</a></p>`;
}

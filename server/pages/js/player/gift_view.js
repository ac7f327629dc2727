// Gifts for the first who watched long enough: chip on the picture, progress, claiming, place and proof.

import { useState } from "preact/hooks";

import { count, countdown, whole } from "../format.js";
import { t } from "../i18n.js";
import { Countdown, useNow } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Sheet } from "../ui/sheet.js";
import { checkGift, claim, gifts, giftSheet, phaseOf, receiptOf, watching } from "./handouts.js";
import { now } from "./live.js";
import { ProofButton } from "./proof_view.js";
import { Tile } from "./tile.js";

export function GiftChip({ gift }) {
  const progress = watching(gift, useNow(now, 1_000));
  const mine = receiptOf(gift.gift_id);
  const open = gift.state === "open" && gift.left > 0;
  const label = !open ? t("gift.overShort") : progress.done || mine ? t("gift.leftShort", { n: count(gift.left) }) : countdown(progress.leftMs);
  return html`<${Tile} kind="present" icon="star" name=${`${t("gift")}: ${gift.title}`} label=${label} done=${mine} calm onClick=${() => (giftSheet.value = gift.gift_id)} data-testid="gift-chip" data-gift=${gift.gift_id} data-state=${gift.state} />`;
}

function Terms({ gift }) {
  const { phrase, watch_s: watchS, follow, bought, tiers, present } = gift.conditions ?? {};
  const terms = [
    watchS > 0 && ["eye", t("gift.watch", { n: watchS })],
    phrase && ["chat", t("gift.phrase", { phrase })],
    follow && ["plus", t("gift.follow")],
    bought && ["bag", t("gift.bought")],
    tiers?.length && ["star", t("gift.tiers", { tiers: tiers.join(" / ") })],
    present && ["users", t("gift.present")],
  ].filter(Boolean);
  if (!terms.length) terms.push(["users", t("gift.everyone")]);
  return html`<ul class="stack conditions">${terms.map(([icon, text]) => html`<li class="row" key=${icon}><${Icon} name=${icon} size=${18} /><span>${text}</span></li>`)}</ul>`;
}

function Claiming({ gift }) {
  const [busy, setBusy] = useState(false);
  const progress = watching(gift, useNow(now, 500));
  if (phaseOf(gift) !== "open" || gift.left <= 0) return html`<p class="notice amber" role="status" data-testid="gift-gone">${t(gift.state === "void" ? "gift.void" : gift.left <= 0 ? "gift.none" : "gift.over")}</p>`;
  const take = async () => {
    setBusy(true);
    await claim(gift);
    setBusy(false);
  };
  return html`<div class="stack">
    ${gift.conditions?.watch_s > 0 && html`<div><p class="row apart small num" data-testid="gift-progress" data-done=${progress.done}><span>${progress.done ? t("gift.ready") : t("gift.watching", { time: countdown(progress.leftMs) })}</span><span>${Math.floor(100 * progress.share)}%</span></p>
      <span class="gift-bar" aria-hidden="true"><i style=${{ width: `${100 * progress.share}%` }}></i></span></div>`}
    <button class="btn gold wide" type="button" disabled=${busy || !progress.done} onClick=${take} data-testid="gift-claim">${busy && html`<span class="spinner"></span>`}${t("gift.claim")}</button></div>`;
}

function Claimed({ receipt }) {
  return html`<div class="notice green" role="status" data-testid="gift-receipt" data-position=${receipt.position}><${Icon} name="ticket" />
    <div class="grow"><strong>${t("gift.claimed")} · ${t("gift.position", { n: whole(receipt.position) })}</strong>
      <p class="small">${t("gift.receipt")}</p><p class="mono break">${receipt.running_hash}</p></div></div>`;
}

export function GiftSheet() {
  const gift = gifts.value?.[giftSheet.value];
  if (!gift) return null;
  const receipt = receiptOf(gift.gift_id);
  return html`<${Sheet} title=${t("gift")} onClose=${() => (giftSheet.value = null)} testid="gift-sheet" class="luck">
    <div class="stack">
      <div class="prize"><${Icon} name="gift" size=${40} /><div class="grow"><h3>${gift.title}</h3>
        <p class="small quiet num"><span>${t("gift.first", { n: whole(gift.quota) })}</span> · <span data-testid="gift-left">${t("gift.left", { n: whole(gift.left) })}</span>${gift.close_ms && gift.state === "open" && html` · <${Countdown} untilMs=${gift.close_ms} now=${now} />`}</p></div></div>
      <${Terms} gift=${gift} />
      ${receipt ? html`<${Claimed} receipt=${receipt} />` : html`<${Claiming} gift=${gift} />`}
      ${gift.state !== "open" && html`<${ProofButton} label=${t("gift.verify")} check=${() => checkGift(gift)} testid="verify-gift" />`}
      <details class="commitment"><summary>${t("rain.commitment")}</summary><p class="mono break">rules_hash ${gift.rules_hash}</p></details>
    </div></${Sheet}>`;
}

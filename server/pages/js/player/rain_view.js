// The red-packet rain: countdown, falling packets (or one that stays, for whom motion is too much), result and proof.

import { useEffect, useMemo, useState } from "preact/hooks";

import { money, whole } from "../format.js";
import { t } from "../i18n.js";
import { Countdown, useNow } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Sheet } from "../ui/sheet.js";
import { checkRain, currentRain, empty, got, gotCents, grab, phaseOf, proofOf, put, rain, rainSheet } from "./handouts.js";
import { now, person, stillness } from "./live.js";
import { ProofButton } from "./proof_view.js";
import { Tile } from "./tile.js";

const PACKETS_SHOWN = 14;
const BIG_COUNTDOWN_MS = 60_000; // before that it stays a chip
const BEST_SHOWN = 20;

/** Back to the falling packets, or to what came of them. */
export function openRain(one) {
  const phase = phaseOf(one);
  if (phase === "open" || phase === "soon") put.value = new Set([...put.value].filter((id) => id !== one.rain_id));
  else rainSheet.value = true;
}

export function RainChip() {
  useNow(now, 500);
  const one = currentRain.value;
  if (!one) return null;
  const phase = phaseOf(one);
  const words = { soon: html`<${Countdown} untilMs=${one.open_ms} now=${now} />`, open: one.close_ms && html`<${Countdown} untilMs=${one.close_ms} now=${now} />` }[phase];
  return html`<${Tile} kind="packet" mark="¥" name=${t("rain")} label=${words ?? t("rain.list")} calm=${!words} onClick=${() => openRain(one)} data-testid="rain-chip" data-state=${phase} data-rain=${one.rain_id} />`;
}

/** Where each packet falls: by golden-ratio steps, so that they spread without drawing lots. */
function paths() {
  return Array.from({ length: PACKETS_SHOWN }, (_, nth) => {
    const spread = (nth * 0.618034) % 1;
    return { left: `${4 + spread * 80}%`, animationDuration: `${2.6 + ((nth * 7) % 5) * 0.35}s`, animationDelay: `${-((nth * 0.83) % 3.4)}s` };
  });
}

function Falling({ onGrab }) {
  const falls = useMemo(paths, []);
  return html`<div class="rainfall" aria-hidden="true">${falls.map((style, nth) => html`<span class="drop" key=${nth} style=${style} onPointerDown=${onGrab}><i class="seal">¥</i></span>`)}</div>`;
}

function Amount({ one }) {
  const held = got(one.rain_id);
  if (!held.length) return null;
  return html`<div class="rain-amount" role="status" data-testid="rain-amount" data-cents=${gotCents(one.rain_id)}>
    <span class="small">${t("rain.got")}</span><strong class="num">${money(gotCents(one.rain_id))}</strong></div>`;
}

/** Over the picture while it falls, and for the last seconds before. */
export function RainStage() {
  const at = useNow(now, 250);
  const [busy, setBusy] = useState(false);
  const one = rain.value;
  if (!one || put.value.has(one.rain_id)) return null;
  const phase = phaseOf(one, at);
  const counting = phase === "soon" && one.open_ms - at <= BIG_COUNTDOWN_MS;
  if (!counting && phase !== "open") return null;
  const full = got(one.rain_id).length >= one.per_user || empty.value.has(one.rain_id);
  const take = async (event) => {
    event?.stopPropagation();
    if (busy || full || phase !== "open") return;
    setBusy(true);
    await grab(one);
    setBusy(false);
  };
  const close = () => (put.value = new Set([...put.value, one.rain_id]));
  return html`<section class="rain-stage" aria-label=${t("rain")} data-testid="rain-stage" data-phase=${phase}>
    ${phase === "open" && !full && !stillness.matches && html`<${Falling} onGrab=${take} />`}
    <div class="rain-centre">
      <p class="rain-title">${t(counting ? "rain.soon" : "rain")}</p>
      <p class="rain-sum num">${t("rain.total", { sum: money(one.total_cents), n: whole(one.count) })}</p>
      ${counting && html`<p class="rain-countdown num" data-testid="rain-countdown"><${Countdown} untilMs=${one.open_ms} now=${now} /></p><p class="small">${t("rain.wait")}</p>`}
      <${Amount} one=${one} />
      ${phase === "open" && empty.value.has(one.rain_id) && !got(one.rain_id).length && html`<p class="rain-amount none" role="status" data-testid="rain-nothing">${t("rain.nothing")}</p>`}
      ${phase === "open" && !full && html`<button class="btn rain-btn" type="button" disabled=${busy} onClick=${take} data-testid="rain-grab">${t(got(one.rain_id).length ? "rain.again" : "rain.grab")}</button>`}
      ${phase === "open" && html`<p class="small num" data-testid="rain-left">${t("rain.left", { n: whole(one.left) })} · <${Countdown} untilMs=${one.close_ms} now=${now} /></p>`}
      <button class="btn small ghost rain-away" type="button" onClick=${close}>${t("rain.close")}</button>
    </div></section>`;
}

function List({ one }) {
  const [claims, setClaims] = useState(null);
  useEffect(() => {
    let here = true;
    proofOf("rains", one.rain_id).then((proof) => here && setClaims(proof.claims ?? []), () => here && setClaims([]));
    return () => (here = false);
  }, [one.rain_id, one.state]);
  if (!claims) return html`<p class="row centred"><span class="spinner"></span></p>`;
  const best = [...claims].sort((a, b) => b.amount_cents - a.amount_cents).slice(0, BEST_SHOWN);
  return html`<div><h3 class="label">${t("rain.list")}</h3><ol class="winners" data-testid="rain-claims">${best.map((each, at) => html`<li class="row" key=${each.index}>
    <span class="badge rank">${at + 1}</span><span class="grow clip">${each.name}</span>
    ${at === 0 && html`<span class="chip gold">${t("rain.best")}</span>`}${each.user_id === person.value?.id && html`<span class="chip outline">${t("lottery.you")}</span>`}
    <b class="num gold-text">${money(each.amount_cents)}</b></li>`)}</ol></div>`;
}

/** Opens by itself at the end for whoever grabbed something, and by the chip for everybody. */
export function RainSheet() {
  const one = rain.value;
  const over = one && (one.state === "ended" || one.state === "void");
  const held = over ? gotCents(one.rain_id) : 0;
  useEffect(() => {
    if (over && held && !put.value.has(`${one.rain_id}.seen`)) {
      put.value = new Set([...put.value, `${one.rain_id}.seen`]);
      rainSheet.value = true;
    }
  }, [one?.rain_id, over, held]);
  if (!over || !rainSheet.value) return null;
  return html`<${Sheet} title=${t("rain")} onClose=${() => (rainSheet.value = false)} testid="rain-sheet" class="luck">
    <div class="stack">
      <div class=${`result ${held ? "won" : "lost"}`} role="status" data-testid="rain-result" data-cents=${held}>
        ${held ? html`<strong class="rain-total num">${money(held)}</strong><p class="quiet">${t("rain.gotSum", { sum: money(held) })}</p>` : html`<${Icon} name="gift" size=${34} /><strong>${t("rain.over")}</strong><p class="quiet">${t("rain.missed")}</p>`}</div>
      ${one.state === "void" && html`<p class="notice amber">${t("rain.void")}</p>`}
      <p class="quiet small num">${t("rain.result", { claimed: whole(one.claimed_count), count: whole(one.count), sum: money(one.claimed_cents) })}${one.returned_cents > 0 && ` · ${t("rain.returned", { sum: money(one.returned_cents) })}`}</p>
      <${ProofButton} label=${t("rain.verify")} check=${() => checkRain(one)} testid="verify-rain" />
      <${List} one=${one} />
      <details class="commitment"><summary>${t("rain.commitment")}</summary><p class="mono break">amounts_hash ${one.amounts_hash}</p></details>
    </div></${Sheet}>`;
}

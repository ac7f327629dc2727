// The auction on the picture and its sheet: who leads, how long it lasts, and what to bid next.

import { useState } from "preact/hooks";

import { money, whole } from "../format.js";
import { lang, t } from "../i18n.js";
import { Countdown } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Sheet } from "../ui/sheet.js";
import { auctionFor, auctions, bid, current, isMine, offers, orderOf } from "./auction.js";
import { now } from "./live.js";
import { Tile } from "./tile.js";
import { Status } from "./orders_view.js";
import { isUnpaid, opened, payBy } from "./shop.js";

const sumOf = (auction) => money(auction.bids ? auction.amount_cents : auction.start_cents, auction.currency);

export function AuctionChip() {
  const auction = current.value;
  if (!auction) return null;
  const open = auction.state === "open";
  const label = open ? html`<${Countdown} untilMs=${auction.close_ms} now=${now} />` : t("auction.result");
  return html`<${Tile} kind="hammer" icon="gavel" name=${`${t("auction.title")}: ${auction.title} ${sumOf(auction)}`} label=${label} done=${isMine(auction)} calm data-testid="auction-chip" data-state=${auction.state} onClick=${() => (auctionFor.value = auction.auction_id)} />`;
}

function Bidding({ auction }) {
  const [busy, setBusy] = useState(false);
  const place = async (cents) => {
    setBusy(true);
    await bid(auction, cents);
    setBusy(false);
  };
  if (isMine(auction)) return html`<p class="notice green" role="status" data-testid="auction-leading"><${Icon} name="check" />${t("auction.youLead")}</p>`;
  const word = (cents) => t(cents === auction.max_cents ? "auction.cap" : "auction.bid", { sum: money(cents, auction.currency) });
  return html`<div class="bids">${offers(auction).map((cents, index) => html`<button key=${index} class=${`btn wide ${index ? "ghost" : "primary"}`} type="button" disabled=${busy} onClick=${() => place(cents)} data-testid=${`bid-${index}`}>${word(cents)}</button>`)}</div>`;
}

function Terms({ auction }) {
  const ending = auction.sudden_death || !auction.extend_s ? t("auction.sudden") : t("auction.extends", { n: auction.extend_s });
  return html`<p class="small quiet">${t("auction.step", { sum: money(auction.step_cents, auction.currency) })} · ${ending}</p>`;
}

function Result({ auction }) {
  const sum = money(auction.amount_cents, auction.currency);
  const mine = isMine(auction);
  const said = auction.reason === "sold" ? t(mine ? "auction.won" : "auction.wonBy", { sum, name: auction.leader.name }) : t(auction.reason === "void" ? "auction.void" : "auction.unsold");
  return html`<div class=${`result ${mine ? "won" : ""}`} role="status" data-testid="auction-result" data-reason=${auction.reason} data-mine=${mine}><${Icon} name=${mine ? "star" : "gavel"} size=${34} /><strong>${said}</strong></div>
    ${mine && html`<${PayFor} order=${orderOf(auction.auction_id)} />`}`;
}

/** What was won is to be paid in time; the order follows the hammer within a second or two. */
function PayFor({ order }) {
  if (!order) return html`<p class="row quiet centred" role="status"><span class="spinner"></span>${t("order.preparing")}</p>`;
  if (!isUnpaid(order) || payBy(order) <= now()) return html`<div class="row centred"><${Status} order=${order} /></div>`;
  return html`<button class="btn primary wide" type="button" onClick=${() => { auctionFor.value = null; opened.value = order; }} data-testid="auction-pay">${t("auction.pay")} <${Countdown} untilMs=${payBy(order)} now=${now} /></button>`;
}

export function AuctionSheet() {
  const auction = auctions.value?.[auctionFor.value];
  if (!auction) return null;
  const open = auction.state === "open";
  const title = (lang.value === "en" && auction.title_en) || auction.title;
  return html`<${Sheet} title=${t("auction.title")} onClose=${() => (auctionFor.value = null)} testid="auction-sheet" class="auction-sheet">
    <div class="stack">
      <div class="row auction-piece">${auction.image && html`<img src=${auction.image} alt="" width="72" height="72" />`}<div class="grow"><h3>${title}</h3><p class="small quiet">${t("auction.bids", { n: whole(auction.bids) })}</p></div></div>
      ${open && html`<div class="row apart auction-lead"><div><p class="small quiet">${t(auction.bids ? "auction.lead" : "auction.start")}</p><b class="num" data-testid="auction-lead" data-cents=${auction.amount_cents}>${sumOf(auction)}</b>
          <p class="small">${auction.leader ? t("auction.led", { name: auction.leader.name }) : t("auction.nobody")}</p></div>
        <${Countdown} class="pay-left" untilMs=${auction.close_ms} now=${now} /></div>
      <${Bidding} auction=${auction} /><${Terms} auction=${auction} />`}
      ${!open && html`<${Result} auction=${auction} />`}
    </div></${Sheet}>`;
}

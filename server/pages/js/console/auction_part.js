// Auctions at the desk: offering a piece, watching it rise, the hammer.

import { useState } from "preact/hooks";

import { money, whole } from "../format.js";
import { t } from "../i18n.js";
import { Countdown } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { toast } from "../ui/toast.js";
import { centsOf } from "./money_field.js";
import { Confirm } from "./sale_dialogs.js";

const SECONDS = [30, 60, 120, 300, 600];
const EXTENDS_S = [10, 5, 20, 30, 0]; // 0: sudden death
const SHOWN_MAX = 8;

const LAPSED = new Set(["expired", "cancelled"]);

/** The newest order that a won piece was sold in: its winner's, or that of whom it was offered to after. */
export function lastOrder(orders, auctionId) {
  const name = new RegExp(`^auction-([0-9]+-)?${auctionId}$`);
  return (orders ?? []).filter((order) => name.test(order.sale_id)).sort((a, b) => b.created_ms - a.created_ms)[0];
}

/** The command's parameters, or null when something is not an amount. */
export function auctionOf({ product, start, step, max, seconds, extend }) {
  const [startCents, stepCents] = [centsOf(start), centsOf(step)];
  const maxCents = max.trim() === "" ? null : centsOf(max);
  if (!startCents || !stepCents || (max.trim() !== "" && !(maxCents >= startCents))) return null;
  const terms = { product_id: product, start_cents: startCents, step_cents: stepCents, seconds: Number(seconds), extend_s: Number(extend) };
  return { ...terms, sudden_death: Number(extend) === 0, ...(maxCents !== null && { max_cents: maxCents }) };
}

export function AuctionPart({ desk }) {
  const list = Object.values(desk.auctions.value ?? {}).sort((a, b) => b.open_ms - a.open_ms);
  const row = (one) => html`<${Auction} key=${one.auction_id} desk=${desk} auction=${one} />`;
  const open = list.filter((one) => one.state === "open");
  const closed = list.filter((one) => one.state !== "open").slice(0, SHOWN_MAX);
  return html`${open.map(row)}<${AuctionForm} desk=${desk} />${closed.map(row)}`;
}

function Auction({ desk, auction }) {
  const [asking, setAsking] = useState(false);
  const open = auction.state === "open";
  const unpaid = !open && LAPSED.has(lastOrder(desk.orders.value, auction.auction_id)?.status);
  const passOn = async () => {
    const next = await desk.run("auction.offer_next", { auction_id: auction.auction_id });
    if (next) toast(t("console.auction_passed", { sum: money(next.amount_cents, next.currency) }), { kind: "good" });
  };
  const sum = money(auction.bids ? auction.amount_cents : auction.start_cents, auction.currency);
  const close = async (more = {}) => {
    if (await desk.run("auction.close", { auction_id: auction.auction_id, ...more })) setAsking(false);
  };
  const end = { sold: t("auction.wonBy", { name: auction.leader?.name ?? "", sum }), no_bids: t("auction.unsold"), void: t("auction.void") }[auction.reason];
  const text = auction.leader ? t("console.auction_hammer_text", { name: auction.leader.name, sum }) : t("console.auction_nobody_text");
  return html`<article class="part-item" data-testid="auction-item" data-state=${auction.state}>
    <div class="row apart"><h3>${desk.titleOf(auction)}</h3><b class="money gold-text" data-testid="auction-sum">${sum}</b></div>
    <div class="row apart"><span class="quiet num">${open ? (auction.leader ? t("auction.led", { name: auction.leader.name }) : t("auction.nobody")) : end} · ${t("auction.bids", { n: whole(auction.bids) })}</span>
      ${open && html`<span class="row num"><b><${Countdown} untilMs=${auction.close_ms} now=${() => desk.now()} /></b>
        <button class="btn tiny" data-testid="auction-void" onClick=${() => close({ void: true })}>${t("console.auction_void")}</button>
        <button class="btn tiny gold" data-testid="auction-hammer" onClick=${() => setAsking(true)}>${t("console.auction_hammer")}</button></span>`}</div>
    ${unpaid && html`<div class="row apart"><span class="chip amber" data-testid="auction-unpaid">${t("console.auction_not_paid")}</span><button class="btn tiny" data-testid="auction-next" onClick=${passOn}>${t("console.auction_next")}</button></div>`}
    ${asking && open && html`<${Confirm} title=${t("console.auction_hammer")} text=${text} action=${t("console.auction_hammer")} testid="auction-confirm" onConfirm=${() => close()} onClose=${() => setAsking(false)} />`}
  </article>`;
}

function AuctionForm({ desk }) {
  const [fault, setFault] = useState(false);
  const cards = desk.cards.value ?? [];
  const submit = async (event) => {
    event.preventDefault();
    const { product, start, step, max, seconds, extend } = event.currentTarget;
    const auction = auctionOf({ product: product.value, start: start.value, step: step.value, max: max.value, seconds: seconds.value, extend: extend.value });
    setFault(!auction);
    const form = event.currentTarget;
    if (auction && (await desk.run("auction.open", auction))) form.reset();
  };
  if (!cards.length) return html`<p class="part-form quiet">${t("console.auction_needs")}</p>`;
  return html`<form class="grid-form part-form" data-testid="auction-form" onSubmit=${submit} noValidate>
    <label class="field w-6"><span>${t("console.auction_product")}</span><select class="select small" name="product" data-testid="auction-product">${cards.map((card) => html`<option key=${card.product_id} value=${card.product_id}>${desk.titleOf(card)}</option>`)}</select></label>
    <label class="field w-3 half"><span>${t("console.auction_seconds")}</span><select class="select small" name="seconds">${SECONDS.map((s) => html`<option value=${s} selected=${s === 60}>${t("console.seconds_n", { n: s })}</option>`)}</select></label>
    <label class="field w-3 half"><span>${t("console.auction_extend")}</span><select class="select small" name="extend">${EXTENDS_S.map((s) => html`<option value=${s}>${s ? t("console.seconds_n", { n: s }) : t("auction.sudden")}</option>`)}</select></label>
    <label class="field w-3 half"><span>${t("console.auction_start")}</span><input class="input small num" name="start" inputmode="decimal" data-testid="auction-start" /></label>
    <label class="field w-3 half"><span>${t("console.auction_step")}</span><input class="input small num" name="step" inputmode="decimal" data-testid="auction-step" /></label>
    <label class="field w-3 half"><span>${t("console.auction_max")}</span><input class="input small num" name="max" inputmode="decimal" placeholder=${t("console.optional")} data-testid="auction-max" /></label>
    <div class="w-3 form-foot"><button class="btn small gold" data-testid="auction-open">${t("console.auction_open")}</button></div>
    ${fault && html`<p class="w-12 wrong" role="alert">${t("console.fault.auction")}</p>`}
  </form>`;
}

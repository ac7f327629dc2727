// What this viewer got from red-packet rains, gifts and auctions, in any room, under "wins".

import { useEffect, useState } from "preact/hooks";

import * as api from "../api.js";
import { dateTime, money, whole } from "../format.js";
import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { orderOf } from "./auction.js";
import { prizes } from "./luck.js";
import { Status } from "./orders_view.js";
import { WinsList } from "./prize_view.js";
import { opened } from "./shop.js";

function Packet({ win }) {
  return html`<li class="order-row" data-testid="my-packet" data-cents=${win.amount_cents}><i class="seal" aria-hidden="true">¥</i>
    <span class="grow"><strong class="clip">${t("rain")}</strong> <span class="quiet small">${dateTime(win.won_ms)}</span></span><b class="num gold-text">${money(win.amount_cents)}</b></li>`;
}

function Present({ win }) {
  return html`<li class="order-row" data-testid="my-gift"><${Icon} name="star" />
    <span class="grow"><strong class="clip">${win.title}</strong> <span class="quiet small">${dateTime(win.won_ms)}</span></span><span class="chip gold num">${t("gift.position", { n: whole(win.position) })}</span></li>`;
}

function Bought({ win }) {
  const order = orderOf(win.auction_id) ?? win.order;
  const row = html`<${Icon} name="gavel" />
    <span class="grow"><strong class="clip">${win.title}</strong> <span class="quiet small">${t("auction.title")} · ${dateTime(win.won_ms)}</span></span>
    <span class="order-end"><b class="num">${money(win.amount_cents, win.currency)}</b>${order && html`<${Status} order=${order} />`}</span>`;
  if (!order) return html`<li class="order-row" data-testid="my-auction" data-cents=${win.amount_cents}>${row}</li>`;
  return html`<li><button class="order-row" type="button" onClick=${() => (opened.value = order)} data-testid="my-auction" data-cents=${win.amount_cents}>${row}</button></li>`;
}

function Row({ win }) {
  if (win.rain_id) return html`<${Packet} win=${win} />`;
  return win.auction_id ? html`<${Bought} win=${win} />` : html`<${Present} win=${win} />`;
}

export function Wins() {
  const [got, setGot] = useState([]);
  useEffect(() => {
    let here = true;
    const show = ({ rains, gifts, auctions }) => here && setGot([...rains, ...gifts, ...auctions].sort((a, b) => b.won_ms - a.won_ms));
    api.get("/v1/me/wins").then(show, () => {});
    return () => (here = false);
  }, []);
  return html`${got.length > 0 && html`<ul class="order-list">${got.map((win) => html`<${Row} win=${win} key=${win.gift_id ?? win.auction_id ?? `${win.rain_id}.${win.won_ms}.${win.amount_cents}`} />`)}</ul>`}
    ${(got.length === 0 || Object.keys(prizes.value).length > 0) && html`<${WinsList} />`}`;
}

// The player: puts the parts of a room together, and turns double taps on the picture into hearts.

import { useRef } from "preact/hooks";

import { t } from "../i18n.js";
import "../i18n/handouts.js";
import "../i18n/interact.js";
import "../i18n/prizes.js";
import "../i18n/shop.js";
import { html, mount } from "../ui/html.js";
import { Toasts } from "../ui/toast.js";
import { LiveVideo } from "../ui/video.js";
import { AuctionSheet } from "./auction_view.js";
import { Announcement, BottomBar, FlyingButton, Menu, MenuButton, SoundButton, TopBar, muted } from "./bars.js";
import { CartBar, CartSheet } from "./cart_view.js";
import { CommentField, Talk } from "./chat_view.js";
import { CouponChoice, CouponDrop } from "./coupons_view.js";
import { Danmaku } from "./danmaku.js";
import { Doings } from "./doings.js";
import { GiftSheet } from "./gift_view.js";
import { Hearts, like } from "./hearts.js";
import { client, room, view, wide } from "./live.js";
import { LoginSheet } from "./login.js";
import { LuckSheet } from "./luck_view.js";
import { MySheet } from "./my_view.js";
import { OrderSheet } from "./order_sheet.js";
import { PayReminder } from "./orders_view.js";
import { BagSheet, CardPopup, Shelf } from "./shop_view.js";
import { PollSheet } from "./polls_view.js";
import { AskSheet } from "./questions_view.js";
import { RainSheet, RainStage } from "./rain_view.js";
import { ReconnectBanner, Standing } from "./standing.js";

const DOUBLE_TAP_MS = 320;
const cards = view.part("cards");

function Picture() {
  const last = useRef(-Infinity);
  const tap = (event) => {
    const quick = event.timeStamp - last.current < DOUBLE_TAP_MS;
    last.current = event.timeStamp;
    if (quick) like({ x: event.clientX, y: event.clientY });
  };
  const known = view.status.value.status !== "idle" && room.value?.room_id;
  return html`<div class="picture" onPointerUp=${tap} data-testid="picture">
    ${known || client.epoch ? html`<${LiveVideo} src=${room.value?.stream_url} muted=${muted.value} onMutedChange=${(value) => (muted.value = value)} />` : html`<div class="live-video loading"></div>`}
    <div class="scrim"></div></div>`;
}

function Stage() {
  return html`<section class="stage">
    <${Picture} /><${Danmaku} />
    <div class="upper"><${TopBar} /><${ReconnectBanner} /><${Announcement} /><div class="row side-row"><${Doings} /><div class="side-tools"><${SoundButton} /><${FlyingButton} /><${MenuButton} /></div></div><${CouponDrop} /><${PayReminder} /></div>
    <div class="lower">
      <div class="lower-row">${!wide.value && html`<${Talk} />`}<${CardPopup} /></div>
      <${BottomBar} />
    </div>
    <${RainStage} /><${Hearts} /><${Standing} />
  </section>`;
}

function Room() {
  document.title = `${room.value?.title || t("app.name")} · ${t("app.name")}`;
  return html`<main class=${`room ${wide.value ? "wide" : "narrow"}`}>
    ${wide.value && html`<aside class="shelf side" aria-label=${t("bag")}><header class="row apart"><h2>${t("bag")}</h2><span class="badge">${cards.value?.length ?? 0}</span></header><div class="side-body"><${Shelf} /></div><${CartBar} /></aside>`}
    <${Stage} />
    ${wide.value && html`<aside class="talk-side side"><header><h2>${t("comment.list")}</h2></header><${Talk} /><${CommentField} /></aside>`}
    <${BagSheet} /><${CartSheet} /><${CouponChoice} /><${MySheet} /><${OrderSheet} /><${Menu} /><${LuckSheet} /><${RainSheet} /><${GiftSheet} /><${PollSheet} /><${AuctionSheet} /><${AskSheet} /><${LoginSheet} /><${Toasts} />
  </main>`;
}

mount(html`<${Room} />`);
client.start();

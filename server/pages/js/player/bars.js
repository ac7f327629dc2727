// What frames the picture: who is on air and how many watch, above; the acts, below; and the sheet behind "more".

import { signal } from "@preact/signals-core";

import { shareLink } from "../entry.js";
import { count } from "../format.js";
import { lang, setLang, t } from "../i18n.js";
import * as session from "../session.js";
import { Avatar } from "../ui/avatar.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Sheet } from "../ui/sheet.js";
import { toast } from "../ui/toast.js";
import { CommentField } from "./chat_view.js";
import { flying, toggleFlying } from "./danmaku.js";
import { FollowButton, FollowerCount } from "./follow.js";
import { announced } from "./held.js";
import { like } from "./hearts.js";
import { client, ended, entry, person, room, roomId, view, wide } from "./live.js";
import { needPerson } from "./login.js";
import { cartOpen, pieces } from "./cart.js";
import { did } from "./coupons.js";
import { beyond } from "./doings.js";
import { myTab } from "./my.js";
import { openAsk } from "./questions.js";
import { BagButton } from "./shop_view.js";

const online = view.part("online");
const likes = view.part("likes");
export const muted = signal(true);
const menuOpen = signal(false);

export function TopBar() {
  const { host, title } = room.value ?? {};
  return html`<header class="top-bar">
    <div class="host-chip"><span class="host-face"><${Avatar} user=${host} />${!ended.value && html`<span class="chip live on-air">${t("live")}</span>`}</span><div class="host-words"><h1 class="clip">${title || t("app.name")}</h1>
      <p class="clip"><span class="clip">${host?.name ?? ""}</span><${FollowerCount} /></p></div>
      <${FollowButton} /></div>
    <span class="grow"></span>
    <p class="count-chip" title=${t("online.label")}><${Icon} name="users" size=${16} /><span class="num" data-testid="online" data-value=${online.value}>${count(online.value ?? 0)}</span><span class="sr-only">${t("online.label")}</span></p>
    <a class="icon-btn on-picture" href="/" aria-label=${t("home")}><${Icon} name="close" /></a>
  </header>`;
}

export function Announcement() {
  const said = announced.value;
  return said && html`<p class="announcement" role="status" data-testid="announcement"><${Icon} name="megaphone" size=${16} /><span class="sr-only">${t("announcement")}</span><span>${said.text}</span></p>`;
}

async function share() {
  const link = shareLink(location.origin, roomId, { user: person.value, entry });
  try {
    if (navigator.share) await navigator.share({ title: room.value?.title, url: link });
    else await navigator.clipboard.writeText(link).then(() => toast(t("share.copied"), { kind: "good" }));
    if (client.status === "online") client.send("share.made", { channel: navigator.share ? "system" : "copy" }).then(() => did("share"), () => {});
  } catch (error) {
    if (error.name !== "AbortError") toast(link, { ms: 8_000 }); // closing the system's sheet is no failure
  }
}

function LikeButton() {
  return html`<button class="icon-btn like-btn" type="button" onClick=${() => like()} data-testid="like"><${Icon} name="heartFull" size=${24} /><span class="sr-only">${t("like")} </span>
    <span class="like-count num" data-testid="likes" data-value=${likes.value}>${count(likes.value ?? 0)}</span></button>`;
}

export function BottomBar() {
  return html`<footer class="bottom-bar">
    ${!wide.value && html`<${CommentField} />`}
    ${wide.value && html`<span class="grow"></span>`}
    <${BagButton} />
    <button class="icon-btn on-picture share-btn" type="button" aria-label=${t("share")} onClick=${share}><${Icon} name="share" /></button>
    <${LikeButton} />
  </footer>`;
}

export function SoundButton() {
  return html`<button class="icon-btn on-picture sound-btn" type="button" aria-label=${t(muted.value ? "video.unmute" : "video.mute")} aria-pressed=${!muted.value} onClick=${() => (muted.value = !muted.value)} data-testid="sound"><${Icon} name=${muted.value ? "volumeOff" : "volume"} /></button>`;
}

/** Flying comments on and off, on the picture itself. */
export function FlyingButton() {
  return html`<button class="icon-btn on-picture" type="button" aria-label=${t("danmaku.toggle")} aria-pressed=${flying.value} onClick=${toggleFlying} data-testid="danmaku-switch"><${Icon} name=${flying.value ? "chat" : "chatOff"} /></button>`;
}

export function MenuButton() {
  return html`<button class="icon-btn on-picture" type="button" aria-label=${t("more")} onClick=${() => (menuOpen.value = true)} data-testid="menu"><${Icon} name="more" /></button>`;
}

function Item({ icon, text, onClick, testid, pressed }) {
  return html`<button class="menu-item" type="button" onClick=${onClick} data-testid=${testid} aria-pressed=${pressed}><${Icon} name=${icon} /><span class="grow">${text}</span><${Icon} name="arrowRight" size=${16} /></button>`;
}

function leave(open) {
  menuOpen.value = false;
  open();
}

function Account() {
  const signOut = () => {
    session.logout();
    client.reconnect();
  };
  return html`<div class="account row"><${Avatar} user=${person.value ?? { name: "?" }} large /><strong class="grow clip" data-testid="me">${person.value?.name ?? t("menu.guest")}</strong>
    ${person.value
      ? html`<button class="btn ghost small" type="button" onClick=${() => leave(signOut)} data-testid="logout">${t("menu.logout")}</button>`
      : html`<button class="btn primary small" type="button" onClick=${() => leave(needPerson)} data-testid="login">${t("menu.login")}</button>`}</div>`;
}

export function Menu() {
  return html`${menuOpen.value && html`<${Sheet} title=${t("menu.title")} onClose=${() => (menuOpen.value = false)} testid="menu-sheet">
      <${Account} />
      ${beyond.value.map(({ key, icon, name, open }) => html`<${Item} key=${key} icon=${icon} text=${name} testid="doing" onClick=${() => leave(open)} />`)}
      <${Item} icon="ticket" text=${t("menu.orders")} testid="my-orders" onClick=${() => leave(() => (myTab.value = "orders"))} />
      <${Item} icon="tag" text=${t("menu.coupons")} testid="my-coupons" onClick=${() => leave(() => (myTab.value = "coupons"))} />
      <${Item} icon="gift" text=${t("menu.wins")} testid="my-wins" onClick=${() => leave(() => (myTab.value = "wins"))} />
      <${Item} icon="bag" text=${pieces.value ? t("menu.cart", { n: pieces.value }) : t("cart.title")} testid="my-cart" onClick=${() => leave(() => (cartOpen.value = true))} />
      <${Item} icon="question" text=${t("question.title")} testid="ask-host" onClick=${() => leave(openAsk)} />
      <${Item} icon=${flying.value ? "chat" : "chatOff"} text=${t(flying.value ? "danmaku.on" : "danmaku.off")} testid="danmaku-toggle" pressed=${flying.value} onClick=${toggleFlying} />
      <${Item} icon="globe" text=${t("menu.lang")} testid="lang" onClick=${() => setLang(lang.value === "zh" ? "en" : "zh")} />
    </${Sheet}>`}`;
}

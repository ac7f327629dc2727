// Everything the console knows about the room and the one way it acts on it: signals fed by the room's
// socket and by two-second polls, and `run` for commands. Components read it and draw; nothing is drawn here.

import { computed, signal } from "@preact/signals";

import { get } from "../api.js";
import { money } from "../format.js";
import { errorText, lang, t } from "../i18n.js";
import { isStaff } from "../session.js";
import { observe } from "../signals.js";
import { toast } from "../ui/toast.js";
import { Catalogue } from "./catalogue.js";
import { HeldQueue } from "./held.js";
import { Poll } from "./poll.js";

const COMMENTS_MAX = 300; // rows kept in memory; older ones are gone from the console
const NUMBERS_MS = 1_000; // the server's answer is at most 0.9 s old: together no number is older than 2 s
const POLL_MS = 1_900;
const MUTE_S = 600;
const ALERT_SHOWN_MS = 10_000; // long enough to be read by somebody who is talking

export class Desk {
  comments = signal([]); // {id, user, text, ts, reply_to?, deleted?}, oldest first
  muted = signal({}); // user_id → until_ms
  banned = signal({}); // user_id → true
  metrics = signal(null);
  audit = signal(null); // null until the first answer and after a failed one
  orders = signal(null);
  risk = signal(null); // per sale: its line, its waitlists and what each rule refused
  alerts = signal({}); // sku → the server's newest warning that it will not last
  asked = signal([]); // refunds that buyers ask for and nobody has answered
  replyTo = signal(null); // the comment the host is answering
  tick = signal(0); // once a second: clocks and rates are redrawn on it

  constructor({ roomId, client }) {
    this.roomId = roomId;
    this.client = client;
    this.catalogue = new Catalogue();
    const seen = observe(client);
    for (const part of ["online", "peak", "likes", "room", "cards", "sales", "stock", "lotteries", "rain", "gifts", "coupons", "auctions", "questions"]) this[part] = seen.part(part);
    this.pollsOpen = seen.part("polls"); // `polls` are what is asked every two seconds
    this.status = seen.status;
    this.me = seen.user;
    this.held = new HeldQueue(client);
    this.helpers = computed(() => this.room.value?.assistants ?? []);
    const path = `/v1/rooms/${encodeURIComponent(roomId)}`;
    this.polls = [
      new Poll(NUMBERS_MS, async () => { this.metrics.value = await get(`${path}/metrics`); }),
      new Poll(POLL_MS, async () => { this.audit.value = await get(`${path}/audit`); }, () => { this.audit.value = null; }),
      new Poll(POLL_MS, async () => { this.risk.value = (await get(`${path}/risk`)).sales; }),
      new Poll(POLL_MS, async () => { this.orders.value = (await get(`${path}/orders`)).orders; }),
    ];
  }

  start() {
    this.#listen();
    this.client.start();
    setInterval(() => { this.tick.value = this.now(); }, 1_000);
  }

  /** Server time in Unix milliseconds. */
  now() {
    return this.client.serverNow();
  }

  /** Sends a command; true-ish answer when it worked, null after telling the host what did not. */
  async run(op, params = {}) {
    try {
      return await this.client.send(op, params);
    } catch (error) {
      toast(errorText(error), { kind: "bad" });
      return null;
    }
  }

  /** Shows a product on the shelf, tied to its running or coming sale. */
  show(productId, mode = "listed") {
    const offer = this.offerOf(productId);
    return this.run("card.show", { product_id: productId, mode, ...offer });
  }

  /** The sale and SKU a product is in now, as command parameters; {} when it is in none. */
  offerOf(productId) {
    for (const sale of Object.values(this.sales.value ?? {})) {
      const sku = sale.phase !== "ended" && sale.skus.find((one) => one.product_id === productId);
      if (sku) return { sale_id: sale.sale_id, sku_id: sku.sku_id };
    }
    return {};
  }

  /** Ties the shelf's cards to a sale, so that viewers find its buy button; a card being explained stays so. */
  async showOffers(sale) {
    for (const sku of sale.skus) {
      const card = this.cards.value.find((one) => one.product_id === sku.product_id);
      const offer = { sale_id: sale.sale_id, sku_id: sku.sku_id };
      const tied = card?.sale_id === sale.sale_id && card.sku_id === sku.sku_id;
      if (!tied) await this.run("card.show", { product_id: sku.product_id, mode: card?.mode ?? "listed", ...offer });
    }
  }

  /** Saves a product; its id, or null when refused. */
  async putProduct(product) {
    const answer = await this.run("product.put", product);
    if (!answer) return null;
    this.catalogue.learn([product]);
    return product.product_id;
  }

  /** The product's title in the host's language. */
  titleOf(product) {
    const english = product.title_en ?? this.catalogue.get(product.product_id)?.title_en;
    return (lang.value === "en" && english) || product.title || product.product_id;
  }

  mute(user, seconds = MUTE_S) {
    return this.run("user.mute", { user_id: user.id, seconds });
  }

  isMuted(userId) {
    return (this.muted.value[userId] ?? 0) > this.now();
  }

  #listen() {
    const on = (type, fn) => this.client.on(type, fn);
    on("hello", ({ recent, recovered }) => this.#addMissed(recent, recovered ? this.comments.value : []));
    on("hello", ({ user }) => isStaff(user) && this.#begin());
    on("comment", (d, event) => this.#addComment({ ...d, ts: event.ts }));
    on("comment.repeated", (d) => this.#count(d));
    on("comment.deleted", (d) => this.#markDeleted(d.comment_id));
    on("user.muted", (d) => { this.muted.value = { ...this.muted.value, [d.user_id]: d.until_ms }; });
    on("user.banned", (d) => { this.banned.value = { ...this.banned.value, [d.user_id]: !d.lifted }; });
    on("stock.alert", (d) => this.#warn(d));
    on("refund.requested", ({ request }) => this.#askedBack(request));
    on("refund.decided", () => this.readAsked());
    on("auction.unpaid", ({ order }) => this.#warnOfUnpaid(order));
    on("refund.failed", ({ refund }) => this.#warnOfRefund(refund));
    on("product.changed", (d) => this.catalogue.learn([d.product]));
    on("state", (state, keys) => this.#note(state, keys));
  }

  /** What only staff may ask, from the first greeting on that says one is. */
  #begin() {
    this.#fillCatalogue();
    this.readAsked();
    for (const poll of this.polls) poll.start();
  }

  /** A failed answer costs only what is off the shelf, until the next connection. */
  async #fillCatalogue() {
    try {
      this.catalogue.learn((await get(`/v1/rooms/${encodeURIComponent(this.roomId)}/products`)).products);
    } catch (error) {
      toast(errorText(error), { kind: "bad" });
    }
  }

  /** How fast the server sees a SKU sell, null until it can say. */
  paceOf(skuId) {
    return this.metrics.value?.stock_pace?.find((one) => one.sku_id === skuId) ?? null;
  }

  #warn(alert) {
    const { sale_id: saleId, sku_id: skuId, left, minutes_left: minutes } = alert;
    this.alerts.value = { ...this.alerts.value, [skuId]: alert };
    const sku = this.sales.value?.[saleId]?.skus.find((one) => one.sku_id === skuId);
    const title = sku ? this.titleOf(sku) : skuId;
    toast(t("console.stock_alert", { title, n: left, minutes: minutes.toFixed(1) }), { kind: "gold", ms: ALERT_SHOWN_MS });
  }

  #askedBack({ amount_cents: cents, currency }) {
    toast(t("console.refund_requested", { sum: money(cents, currency) }), { kind: "gold", ms: ALERT_SHOWN_MS });
    this.readAsked();
  }

  /** A failed answer leaves what was known: the next request or answer asks again. */
  async readAsked() {
    try {
      this.asked.value = (await get(`/v1/rooms/${encodeURIComponent(this.roomId)}/refunds/requested`)).requests;
    } catch (error) {
      toast(errorText(error), { kind: "bad" });
    }
  }

  #warnOfUnpaid({ amount_cents: cents, currency, lines }) {
    toast(t("console.auction_unpaid", { title: lines[0].title, sum: money(cents, currency) }), { kind: "bad", ms: ALERT_SHOWN_MS });
  }

  #warnOfRefund({ order_id: orderId, amount_cents: cents, currency }) {
    toast(t("console.refund_failed", { order: orderId, sum: money(cents, currency) }), { kind: "bad", ms: ALERT_SHOWN_MS });
  }

  #note(state, keys) {
    if (keys.includes("cards")) this.catalogue.learn(state.cards);
  }

  /** What was said while the line was down; comments are not replayed as critical events are. */
  #addMissed(events, before) {
    const known = new Set(before.map((one) => one.id));
    const missed = events.filter((event) => event.t === "comment" && !known.has(event.d.id)).map((event) => ({ ...event.d, ts: event.ts }));
    this.comments.value = [...before, ...missed].sort((a, b) => a.ts - b.ts).slice(-COMMENTS_MAX);
  }

  #addComment(comment) {
    const list = this.comments.value;
    if (list.slice(-50).some((one) => one.id === comment.id)) return;
    this.comments.value = [...list, comment].slice(-COMMENTS_MAX);
  }

  /** So many people have said the same by now. */
  #count({ id, n }) {
    this.comments.value = this.comments.value.map((one) => (one.id === id ? { ...one, n } : one));
  }

  #markDeleted(id) {
    this.comments.value = this.comments.value.map((one) => (one.id === id ? { ...one, deleted: true } : one));
  }
}

// Everything the console knows about the room and the one way it acts on it: signals fed by the room's
// socket and by two-second polls, and `run` for commands. Components read it and draw; nothing is drawn here.

import { signal } from "@preact/signals";

import { get } from "../api.js";
import { errorText, lang, t } from "../i18n.js";
import { observe } from "../signals.js";
import { toast } from "../ui/toast.js";
import { Catalogue } from "./catalogue.js";
import { Poll } from "./poll.js";

const COMMENTS_MAX = 300; // rows kept in memory; older ones are gone from the console
const POLL_MS = 1_900; // asked a little more often than the 2 s a number may be old
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
  replyTo = signal(null); // the comment the host is answering
  tick = signal(0); // once a second: clocks and rates are redrawn on it

  constructor({ roomId, client }) {
    this.roomId = roomId;
    this.client = client;
    this.catalogue = new Catalogue();
    const seen = observe(client);
    for (const part of ["online", "peak", "likes", "room", "cards", "sales", "stock", "lotteries", "coupons"]) this[part] = seen.part(part);
    this.status = seen.status;
    const path = `/v1/rooms/${encodeURIComponent(roomId)}`;
    this.polls = [
      new Poll(POLL_MS, async () => { this.metrics.value = await get(`${path}/metrics`); }),
      new Poll(POLL_MS, async () => { this.audit.value = await get(`${path}/audit`); }, () => { this.audit.value = null; }),
      new Poll(POLL_MS, async () => { this.risk.value = (await get(`${path}/risk`)).sales; }),
      new Poll(POLL_MS, async () => { this.orders.value = (await get(`${path}/orders`)).orders; }),
    ];
  }

  start() {
    this.#listen();
    this.client.start();
    for (const poll of this.polls) poll.start();
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
    on("hello", () => this.#fillCatalogue());
    on("comment", (d, event) => this.#addComment({ ...d, ts: event.ts }));
    on("comment.deleted", (d) => this.#markDeleted(d.comment_id));
    on("user.muted", (d) => { this.muted.value = { ...this.muted.value, [d.user_id]: d.until_ms }; });
    on("user.banned", (d) => { this.banned.value = { ...this.banned.value, [d.user_id]: !d.lifted }; });
    on("stock.alert", (d) => this.#warn(d));
    on("product.changed", (d) => this.catalogue.learn([d.product]));
    on("state", (state, keys) => this.#note(state, keys));
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

  #warn({ sale_id: saleId, sku_id: skuId, left, minutes_left: minutes }) {
    const sku = this.sales.value?.[saleId]?.skus.find((one) => one.sku_id === skuId);
    const title = sku ? this.titleOf(sku) : skuId;
    toast(t("console.stock_alert", { title, n: left, minutes: minutes.toFixed(1) }), { kind: "gold", ms: ALERT_SHOWN_MS });
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

  #markDeleted(id) {
    this.comments.value = this.comments.value.map((one) => (one.id === id ? { ...one, deleted: true } : one));
  }
}

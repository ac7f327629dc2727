// A room without a WebSocket: its public lanes as ticks over plain HTTP, commands as requests, what is one's own asked
// for at a slow pace. Decides nothing about the room: what it hears goes to the client, as from a socket.

import { CLOSE_BAD_TOKEN, CLOSE_BANNED, CLOSE_ROOM_ENDED, CLOSE_TOKEN_EXPIRED, LiveroomError } from "./errors.js";
import { mergeStock } from "./store.js";

const TICK_MS = 35_000; // the server answers within 25 s
const ANSWER_MS = 10_000;
const AGAIN_MS = 1_000; // after an answer that is no tick, with jitter on top
const BEAT_MS_DEFAULT = 15_000;
const OWN_EVERY_MS = 5_000; // own orders and wins, the line before a sale
const OWN_SOON_MS = 700; // after a command that may have changed them
const FAILURES_MAX = 3; // in a row, before the line counts as lost
const HISTORY_PAGES_MAX = 20;
const STEPS_MAX = 10; // ticks folded into a start object that is older than what is known

/** Refusals of the beat after which there is no way to carry on, as the socket would be closed. */
const FINAL = { banned: CLOSE_BANNED, room_ended: CLOSE_ROOM_ENDED, unauthorized: CLOSE_BAD_TOKEN };
const QUIET_OPS = new Set(["like.add", "card.seen", "card.click", "presence.beat", "queue.status", "waitlist.status"]);

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class HttpLine {
  up = false;

  #origin;
  #room;
  #device;
  #client;
  #stopped = new AbortController();
  #timers = [];
  #known = null; // what was one's own, once it was read
  #next = 0;
  #failures = 0;

  /**
   * `client`: `{place() → {epoch, seq}, token({refresh}), entry, greeted(ok, sent), tick(frame), lost(), ended(closeCode), tell(event), refresh()}`.
   */
  constructor({ origin, roomId, device, client }) {
    this.#origin = origin;
    this.#room = `/v1/rooms/${encodeURIComponent(roomId)}`;
    this.#device = device;
    this.#client = client;
  }

  /** Runs until `stop()`; never rejects. */
  async run() {
    while (!this.#over) {
      try {
        if (this.up) await this.#step();
        else await this.#begin();
        this.#failures = 0;
      } catch (error) {
        await this.#failed(error);
      }
    }
  }

  stop() {
    this.#stopped.abort();
    this.#timers.splice(0).forEach(clearInterval);
    this.up = false;
  }

  /** One command; resolves with the reply as the socket brings it. */
  async post(command) {
    try {
      return await this.#reply(command);
    } catch (error) {
      return { id: command.id, err: { code: error.code === "timeout" ? "timeout" : "connection_lost" } };
    }
  }

  get #over() {
    return this.#stopped.signal.aborted;
  }

  // Reading ---------------------------------------------------------------------------------------------------

  async #begin() {
    const sent = performance.now();
    const { user, again_ms: againMs } = await this.#beat(this.#client.place().epoch === null ? this.#client.entry ?? {} : undefined);
    const serverMs = this.#serverMs;
    const received = performance.now();
    const start = await this.#startFrom(this.#client.place());
    if (this.#over) return;
    const missed = await this.#missed(start);
    if (this.#over) return;
    this.#next = start.next;
    this.up = true;
    this.#client.greeted({ ...start, user, recovered: missed !== null, events: missed ?? [], server_ms: serverMs }, sent, received);
    this.#keepPresent(againMs ?? BEAT_MS_DEFAULT);
  }

  /** A start object, with the ticks folded in that lead up to what is known already. */
  async #startFrom({ epoch, seq }) {
    const start = await this.#get(`${this.#room}/ticks`, ANSWER_MS);
    for (let n = 0; n < STEPS_MAX && start.epoch === epoch && start.seq < seq; n += 1) {
      const tick = await this.#get(`${this.#room}/ticks/${start.next}`, TICK_MS);
      if (!tick) continue;
      start.state = { ...start.state, ...tick.st, stock: mergeStock(start.state.stock, tick.st?.stock) };
      start.recent = [...start.recent, ...(tick.ev ?? []).filter((event) => event.t === "comment")];
      Object.assign(start, { seq: tick.seq, epoch: tick.epoch, next: tick.n + 1 });
    }
    return start;
  }

  /** The critical events between what is known and the start object; null when they cannot be had. */
  async #missed(start) {
    const { epoch, seq } = this.#client.place();
    if (epoch === null || epoch !== start.epoch) return null;
    return this.#history(epoch, seq, start.seq);
  }

  async #history(epoch, seq, upTo) {
    const events = [];
    for (let page = 0; page < HISTORY_PAGES_MAX && seq < upTo; page += 1) {
      const found = await this.#get(`${this.#room}/history/${epoch}/${seq}`, ANSWER_MS).catch((error) => {
        if (error.code === "history_gone") return null;
        throw error;
      });
      if (!found) return null;
      if (found.seq === seq) await pause(AGAIN_MS); // that worker has yet to hear of them
      events.push(...found.ev);
      seq = found.seq;
    }
    return seq < upTo ? null : events.filter((event) => event.seq <= upTo);
  }

  async #step() {
    const tick = await this.#get(`${this.#room}/ticks/${this.#next}`, TICK_MS);
    if (this.#over || !tick) return;
    const { epoch, seq } = this.#client.place();
    if (tick.epoch === epoch && gapBefore(tick, seq)) {
      const missed = await this.#history(epoch, seq, firstOf(tick, seq) - 1);
      if (this.#over) return;
      if (missed === null) return void (this.up = false); // begins again with a start object
      this.#client.tick({ ev: missed });
    } else if (tick.epoch !== epoch) {
      if (!tick.full) return void (this.up = false);
    }
    this.#next += 1;
    this.#client.tick(tick);
  }

  async #failed(error) {
    if (this.#over) return;
    if (error.code in FINAL) return this.#client.ended(FINAL[error.code]);
    if (["tick_expired", "tick_unknown"].includes(error.code)) {
      this.up = false;
      return;
    }
    this.#failures += 1;
    if (this.#failures >= FAILURES_MAX) {
      this.up = false;
      this.#client.lost();
    }
    await pause(AGAIN_MS * (1 + Math.random() * Math.min(this.#failures, 10)));
  }

  // Being here, and what is one's own ---------------------------------------------------------------------------

  #serverMs = 0;

  async #beat(entry) {
    const { ok, err } = await this.#reply({ id: 0, op: "presence.beat", ...(entry && { entry }) });
    if (err) throw LiveroomError.fromWire(err);
    this.#serverMs = ok.server_ms;
    return ok;
  }

  #keepPresent(everyMs) {
    this.#timers.splice(0).forEach(clearInterval);
    const beat = () => this.#beat().catch((error) => !this.#over && error.code in FINAL && this.#client.ended(FINAL[error.code]));
    this.#timers.push(setInterval(beat, everyMs), setInterval(() => this.#own(), OWN_EVERY_MS));
    this.#own();
  }

  /** What changed of one's own, told as the socket would have; other parts are asked to look for themselves. */
  async #own() {
    if (this.#over || !(await this.#client.token({}))) return;
    try {
      const own = await this.#get(`${this.#room}/me`, ANSWER_MS, true);
      if (this.#over) return;
      if (this.#known) for (const [t, d] of newsOf(this.#known, own)) this.#tell(t, d);
      this.#known = own;
      this.#client.refresh();
    } catch {
      // the next round asks again
    }
  }

  #tell(t, d) {
    this.#client.tell({ t, ts: this.#serverMs, d });
  }

  // Requests --------------------------------------------------------------------------------------------------

  async #reply(command) {
    const { id = 0 } = command;
    const { status, body } = await this.#fetch(`${this.#room}/commands`, { method: "POST", body: JSON.stringify({ ...command, id }), signed: true, timeoutMs: ANSWER_MS });
    if (!QUIET_OPS.has(command.op) && status === 200) setTimeout(() => this.#own(), OWN_SOON_MS);
    // What was refused before it became a command has no id.
    return body?.err || body?.ok ? { ...body, id } : { id, err: { code: status < 500 ? "bad_request" : "unavailable" } };
  }

  /** The body of a good answer, null of one without (204); rejects with the server's code. */
  async #get(path, timeoutMs, signed = false) {
    const { status, body } = await this.#fetch(path, { signed, timeoutMs });
    if (status === 204) return null;
    if (status === 200 && body) return body;
    throw LiveroomError.fromWire(body?.err ?? { code: "unavailable" }, status);
  }

  async #fetch(path, options) {
    const answer = await this.#once(path, options, await this.#client.token({}));
    if (answer.body?.err?.code !== "token_expired" && !(options.signed && answer.status === 401 && answer.body?.err?.code === "unauthorized")) return answer;
    const token = await this.#client.token({ refresh: true });
    if (!token) this.#client.ended(CLOSE_TOKEN_EXPIRED);
    return token ? this.#once(path, options, token) : answer;
  }

  async #once(path, { method = "GET", body, signed = false, timeoutMs }, token) {
    const headers = { Accept: "application/json" };
    if (signed && token) headers.Authorization = `Bearer ${token}`;
    if (signed && this.#device) headers["Device-Id"] = this.#device;
    if (body) headers["Content-Type"] = "application/json";
    const limit = new AbortController();
    const stop = () => limit.abort();
    const timer = setTimeout(stop, timeoutMs);
    if (method === "GET") this.#stopped.signal.addEventListener("abort", stop); // a command is not given up for another line
    try {
      const response = await fetch(new URL(path, this.#origin), { method, headers, body, signal: limit.signal });
      return { status: response.status, body: response.status === 204 ? null : await response.json().catch(() => null) };
    } catch (error) {
      throw new LiveroomError(error.name === "AbortError" ? "timeout" : "offline", error.message);
    } finally {
      clearTimeout(timer);
      this.#stopped.signal.removeEventListener("abort", stop);
    }
  }
}

/** The first critical event a tick brings that is not known, or the one after its last when it brings none. */
function firstOf(tick, seq) {
  const fresh = (tick.ev ?? []).find((event) => event.seq > seq);
  return fresh ? fresh.seq : tick.seq + 1;
}

/** Whether critical events are missing between `seq` and what the tick brings. */
function gapBefore(tick, seq) {
  return firstOf(tick, seq) > seq + 1 && tick.seq > seq;
}

/** What a socket would have told between two answers of what is one's own: [type, data]. */
export function newsOf(before, own) {
  const news = [];
  const status = new Map(before.orders.map((order) => [order.order_id, order.status]));
  for (const order of own.orders) if (status.get(order.order_id) !== order.status) news.push(["order.changed", { order }]);
  const won = new Set(before.wins.map((win) => win.lottery_id));
  for (const win of own.wins) if (!won.has(win.lottery_id)) news.push(["won", { lottery_id: win.lottery_id, prize: win.prize, rank: win.rank, ...(win.claim && { claim_by_ms: win.claim.claim_by_ms, form: win.fields ?? [] }) }]);
  const hammered = new Set(before.auctions.map((win) => win.auction_id));
  for (const { order, ...win } of own.auctions) if (!hammered.has(win.auction_id)) news.push(["auction.won", win]);
  const coupons = new Set(before.coupons.map(couponName));
  for (const coupon of own.coupons) if (coupon.order_id && !coupons.has(couponName(coupon))) news.push(["coupon.granted", { coupon }]);
  const asked = new Map(before.refund_requests.map((one) => [one.request_id, one.status]));
  for (const request of own.refund_requests) if (asked.get(request.request_id) === "open" && request.status !== "open") news.push(["refund.decided", { request }]);
  if (own.following !== before.following) news.push(["host.followed", { following: own.following }]);
  if (own.muted_until_ms !== before.muted_until_ms) news.push(["muted", { until_ms: own.muted_until_ms }]);
  return [...news, ...turnsOf(before, own, status)];
}

const couponName = (coupon) => `${coupon.coupon_id}#${coupon.number}`;

/** Who no longer waits was offered a hold, which is a new order of the sale, or may not have it any more. */
function* turnsOf(before, own, status) {
  const still = new Set(own.waiting.map((one) => `${one.sale_id}:${one.sku_id}`));
  for (const { sale_id: saleId, sku_id: skuId, qty } of before.waiting) {
    if (still.has(`${saleId}:${skuId}`)) continue;
    const about = { sale_id: saleId, sku_id: skuId, qty };
    const order = own.orders.find((one) => one.sale_id === saleId && !status.has(one.order_id) && one.status === "placed" && one.lines.some((line) => line.sku_id === skuId));
    yield order ? ["waitlist.offered", { ...about, order }] : ["waitlist.left", { ...about, reason: "limit_reached" }];
  }
}

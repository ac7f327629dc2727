// Client library for a live room: connect, resume, state, typed events, commands. Plain ES module, no dependencies,
// no page code; it needs WebSocket, fetch, performance and timers only. How the pages use it: see each page's main file.
// Where no WebSocket is let through it carries on over plain HTTP by itself, and goes back when one is.
//
//   const client = new LiveroomClient({ roomId: "demo", token: () => myToken });
//   client.on("comment", (d) => …); client.on("state", (state, keys) => …);
//   client.start();
//   await client.send("comment.send", { text: "hi" });

import { Backoff } from "./liveroom/backoff.js";
import { ServerClock } from "./liveroom/clock.js";
import { Emitter } from "./liveroom/emitter.js";
import { CLOSE_RESYNC, CLOSE_TOKEN_EXPIRED, LiveroomError, mayReconnect } from "./liveroom/errors.js";
import { HttpLine } from "./liveroom/http_line.js";
import { buy, join } from "./liveroom/purchase.js";
import { Requests } from "./liveroom/requests.js";
import { RoomStore } from "./liveroom/store.js";

export { CLOSE_BAD_TOKEN, CLOSE_BANNED, CLOSE_KICKED, CLOSE_ROOM_ENDED, CLOSE_TOKEN_EXPIRED, LiveroomError, mayReconnect } from "./liveroom/errors.js";
export { purchaseKey } from "./liveroom/purchase.js";

const OPEN = 1; // WebSocket.OPEN
const SUBPROTOCOL = "liveroom.v1.json";
const HELLO_MS = 8_000;
const PING_MS_DEFAULT = 25_000;
const PING_ANSWER_MS = 8_000;
const DOUBT_ANSWER_MS = 2_500; // where the browser itself says that the line may be gone
const EARLY_PINGS_MS = [200, 1_200]; // two more clock samples soon after hello
const FALLBACK_AFTER = 3; // sockets in a row that did not open, before the room is read over plain HTTP
const SOCKET_AGAIN_MS = 10_000; // how often, meanwhile, a socket is tried
const GAPS_MAX = 3; // resumes in a row that end in another gap, before a fresh snapshot is taken

const NETWORK_CODES = new Set(["offline", "timeout", "unavailable"]);

function socketUrl(roomId, origin) {
  const url = new URL(`/v1/rooms/${encodeURIComponent(roomId)}/ws`, origin);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

/**
 * One viewer's line to one room.
 *
 * `status`: `idle` → `connecting` → `online`; `waiting` between attempts; `closed` when there will be none
 * (`closeCode` says why). `via` is `socket` or `http`. Events: every wire event by its name as `(d, event)`, all of them as
 * `event`, and `hello {user, recovered, recent, first}` · `state (state, keys)` · `drop (now, totals)` ·
 * `status ({status, via, closeCode, retryMs, attempt})` · `refresh ()`: over plain HTTP, time to ask for what is one's own.
 */
export class LiveroomClient extends Emitter {
  status = "idle";
  via = "socket";
  closeCode = null;
  user = null;
  epoch = null;
  seq = null;
  limits = {};
  tickMs = null;
  dropped = {};

  #url;
  #origin;
  #token;
  #device;
  #entry;
  #Socket;
  #backoff;
  #clock = new ServerClock();
  #store = new RoomStore();
  #requests = new Requests((command) => this.#write(command));
  #socket = null;
  #timer = null;
  #pinger = null;
  #earlyPings = [];
  #connectedAt = 0;
  #refresh = false;
  #gaps = 0;
  #refused = 0;
  #http = null;
  #generation = 0;

  /**
   * `token({refresh})` returns a JWT or null (guest), possibly as a promise; `refresh` is true after the server said
   * that the last one expired. `entry` is `{src, channel, bucket, inviter}`, where the
   * visitor came from. `origin`, `WebSocket` and `random` are for tests and for other hosts.
   */
  constructor({ roomId, token = () => null, device, entry, origin = globalThis.location?.origin, WebSocket = globalThis.WebSocket, random = Math.random }) {
    super();
    this.roomId = roomId;
    this.#url = socketUrl(roomId, origin);
    this.#origin = origin;
    this.#token = token;
    this.#device = device;
    this.#entry = entry;
    this.#Socket = WebSocket;
    this.#backoff = new Backoff(random);
  }

  get state() {
    return this.#store.state;
  }

  /** Unix milliseconds by the server's clock; use it for every countdown. */
  serverNow() {
    return this.#clock.now();
  }

  get roundTripMs() {
    return this.#clock.roundTripMs;
  }

  start() {
    if (this.status !== "idle" && this.status !== "closed") return;
    globalThis.addEventListener?.("online", this.#wake);
    globalThis.addEventListener?.("offline", this.#doubt);
    globalThis.document?.addEventListener("visibilitychange", this.#wake);
    this.#connect();
  }

  /** Closes for good; `start()` may be called again. */
  stop() {
    this.#end("idle", 1000);
  }

  /** Reconnects at once with what `token()` gives now, e.g. after a login; nothing is missed in between. */
  reconnect() {
    this.#drop(1000);
    if (this.#http) this.#fallBack();
    if (this.status === "idle" || this.status === "closed") this.start();
    else this.#connect();
  }

  /**
   * Sends one command; resolves with its `ok`, rejects with a LiveroomError.
   * Without a connection only repeatable commands wait; others reject with code `offline`.
   * `sale.buy` gets a `key` when it has none and is asked again with it until its outcome is known (at most 20 s).
   */
  send(op, params = {}, { timeoutMs } = {}) {
    const ask = (more) => this.#ask(op, more, timeoutMs);
    if (op === "sale.buy") return buy(ask, params);
    return op === "queue.join" ? join(ask, params, () => this.status === "closed") : ask(params);
  }

  #ask(op, params, timeoutMs) {
    if (this.status === "online") return this.#requests.send(op, params, timeoutMs);
    if (this.status === "closed") return Promise.reject(new LiveroomError("closed"));
    return this.#requests.keep(op, params, timeoutMs);
  }

  // Connection ------------------------------------------------------------------------------------------------

  #wake = () => {
    const resting = this.status === "waiting" || (this.via === "http" && this.#socket === null);
    if (resting && globalThis.document?.visibilityState !== "hidden") this.#connect();
    else this.#doubt();
  };

  /** "Offline" is a hint only: this machine's own server, or another network, may still be reached. */
  #doubt = () => {
    if (this.status === "online" && this.via === "socket") this.#ping(DOUBT_ANSWER_MS);
  };

  #setStatus(status, extra = {}) {
    this.status = status;
    this.emit("status", { status, via: this.via, closeCode: this.closeCode, retryMs: 0, attempt: this.#backoff.attempt, ...extra });
  }

  async #connect() {
    clearTimeout(this.#timer);
    const generation = ++this.#generation;
    if (this.via === "socket") this.#setStatus("connecting");
    const refresh = this.#refresh;
    const { token, unreachable } = await this.#currentToken(refresh);
    if (generation !== this.#generation) return;
    if (unreachable) return this.#later();
    if (refresh && !token) return this.#end("closed", CLOSE_TOKEN_EXPIRED);
    this.#refresh = false;
    const socket = new this.#Socket(this.#url, SUBPROTOCOL);
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lost(socket, 1006, FALLBACK_AFTER), HELLO_MS); // swallowed once is blocked enough
    socket.onopen = () => this.#hello(socket, token);
    socket.onmessage = (message) => this.#receive(socket, message.data);
    socket.onclose = (close) => this.#lost(socket, close.code);
  }

  /** A token that cannot be had for lack of a network is no reason to give up; one that is refused is. */
  async #currentToken(refresh) {
    try {
      return { token: await this.#token({ refresh }) };
    } catch (error) {
      return { token: null, unreachable: NETWORK_CODES.has(error.code) };
    }
  }

  #later() {
    const retryMs = this.via === "http" ? SOCKET_AGAIN_MS * (0.5 + Math.random()) : this.#backoff.next();
    this.#timer = setTimeout(() => this.#connect(), retryMs);
    if (this.via === "socket") this.#setStatus("waiting", { retryMs });
  }

  async #hello(socket, token) {
    const resume = this.epoch === null || this.#gaps >= GAPS_MAX ? undefined : { epoch: this.epoch, seq: this.seq };
    const sent = performance.now();
    try {
      const ok = await this.#requests.send("hello", { token: token ?? null, ...(resume && { resume }), ...(this.#device && { device: this.#device }), ...(this.#entry && { entry: this.#entry }) }, HELLO_MS);
      if (socket === this.#socket) this.#welcome(ok, sent);
    } catch (error) {
      // A refused hello is followed by the close that says what it means for coming back.
      if (error.code === "timeout") this.#lost(socket, 1006);
    }
  }

  #welcome(ok, sent, received = performance.now(), via = "socket") {
    if (via === "socket") {
      clearTimeout(this.#timer); // over plain HTTP it is the next attempt at a socket
      this.#leaveHttp();
    }
    this.via = via;
    this.#clock.sample(sent, received, ok.server_ms);
    const first = this.epoch === null;
    const recovered = Boolean(ok.recovered) && ok.epoch === this.epoch;
    const missed = recovered ? (ok.events ?? []).filter((event) => event.seq > this.seq) : [];
    const keys = this.#store.replace(ok.state ?? {}, { sameEpoch: ok.epoch === this.epoch });
    Object.assign(this, { user: ok.user, epoch: ok.epoch, limits: ok.limits ?? this.limits, tickMs: ok.tick_ms ?? null, closeCode: null });
    this.seq = recovered ? Math.max(this.seq, ok.seq) : ok.seq;
    this.#gaps = recovered ? this.#gaps : 0;
    this.#connectedAt = performance.now();
    this.#setStatus("online");
    this.emit("state", this.state, keys);
    this.emit("hello", { user: ok.user, recovered, first, recent: (ok.recent ?? []).map(asEvent) });
    for (const event of missed) this.#announce(event);
    this.#requests.resume();
    if (via === "socket") this.#keepAlive((ok.ping_s ?? 0) * 1000 || PING_MS_DEFAULT);
  }

  #keepAlive(everyMs) {
    clearInterval(this.#pinger);
    this.#pinger = setInterval(() => this.#ping(), everyMs);
    this.#earlyPings = EARLY_PINGS_MS.map((ms) => setTimeout(() => this.#ping(), ms));
  }

  async #ping(answerMs = PING_ANSWER_MS) {
    const socket = this.#socket;
    const sent = performance.now();
    try {
      const { server_ms: serverMs } = await this.#requests.send("ping", {}, answerMs);
      this.#clock.sample(sent, performance.now(), serverMs);
    } catch (error) {
      if (error.code === "timeout") this.#lost(socket, 1006);
    }
  }

  /** Lets go of the socket without waiting for its close: a dead line may take minutes to say so. */
  #drop(code) {
    const socket = this.#socket;
    this.#socket = null;
    clearInterval(this.#pinger);
    clearTimeout(this.#timer);
    this.#earlyPings.splice(0).forEach(clearTimeout);
    if (this.status === "online" && this.via === "socket") this.#backoff.heldFor(performance.now() - this.#connectedAt);
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (socket.readyState <= 1) socket.close(code === 1006 ? 1000 : code);
    this.#requests.lost(this.via === "http" ? "hello" : undefined);
  }

  #lost(socket, code, refusals = 1) {
    if (socket !== this.#socket) return;
    const opened = (this.status === "online" && this.via === "socket") || code >= 4000;
    this.#refused = opened ? 0 : this.#refused + refusals;
    this.#drop(code === CLOSE_RESYNC ? CLOSE_RESYNC : 1000);
    this.closeCode = code;
    if (!mayReconnect(code)) return this.#end("closed", code);
    this.#refresh = code === CLOSE_TOKEN_EXPIRED;
    if (this.#refused >= FALLBACK_AFTER && !this.#http) this.#fallBack();
    this.#later();
  }

  #end(status, code) {
    this.#generation += 1;
    this.#drop(1000);
    this.#leaveHttp();
    this.#requests.abandon("closed");
    globalThis.removeEventListener?.("online", this.#wake);
    globalThis.removeEventListener?.("offline", this.#doubt);
    globalThis.document?.removeEventListener("visibilitychange", this.#wake);
    this.closeCode = code;
    this.#setStatus(status);
  }

  /** On a socket that is already closing nothing is sent: `lost` decides about it when the close is told. */
  #write(command) {
    if (this.via === "http" && command.op !== "hello") this.#http.post(command).then((reply) => this.#requests.settle([reply]));
    else if (this.#socket.readyState === OPEN) this.#socket.send(JSON.stringify(command));
  }

  // Without a socket ------------------------------------------------------------------------------------------

  /** Begins to read over plain HTTP (anew, with another token, when it was doing so), until a socket opens again. */
  #fallBack() {
    this.#leaveHttp();
    this.#http = new HttpLine({
      origin: this.#origin,
      roomId: this.roomId,
      device: this.#device,
      client: {
        place: () => ({ epoch: this.epoch, seq: this.seq }),
        token: this.#token,
        entry: this.#entry,
        greeted: (ok, sent, received) => this.#welcome(ok, sent, received, "http"),
        tick: (frame) => this.#apply(frame),
        tell: (event) => this.#announce(event),
        refresh: () => this.emit("refresh"),
        lost: () => this.#httpLost(),
        ended: (code) => this.#end("closed", code),
      },
    });
    this.#http.run();
  }

  #leaveHttp() {
    this.#http?.stop();
    this.#http = null;
    this.#refused = 0;
    this.via = "socket";
  }

  #httpLost() {
    if (this.via !== "http") return;
    this.via = "socket";
    this.#requests.lost();
    this.#setStatus("waiting");
  }

  // Frames ----------------------------------------------------------------------------------------------------

  #receive(socket, text) {
    if (socket !== this.#socket) return;
    const frame = JSON.parse(text);
    if (frame.re) this.#requests.settle(frame.re);
    // After the replies' own reactions, so that hello is done before the events that came with it.
    queueMicrotask(() => this.#take(socket, frame));
  }

  #take(socket, frame) {
    if (socket === this.#socket && this.status === "online" && !this.#apply(frame)) this.#resync(socket);
  }

  /** False when a critical event is missing. */
  #apply(frame) {
    const keys = new Set();
    const heard = [];
    const whole = (frame.ev ?? []).every((event) => this.#accept(event, heard, keys));
    if (frame.st) this.#store.apply(frame.st).forEach((key) => keys.add(key));
    if (frame.st?.tick_ms) this.tickMs = frame.st.tick_ms;
    if (keys.size) this.emit("state", this.state, [...keys]);
    for (const event of heard) this.#announce(event);
    if (frame.drop) this.#countDrops(frame.drop);
    return whole && (frame.seq ?? 0) <= this.seq;
  }

  /** False when a critical event is missing before this one; an event seen before is passed over. */
  #accept(event, heard, keys) {
    if (event.seq === undefined) {
      heard.push(event);
      return true;
    }
    if (event.seq <= this.seq) return true;
    if (event.seq > this.seq + 1) return false;
    this.seq = event.seq;
    this.#gaps = 0;
    this.#store.fold(event).forEach((key) => keys.add(key));
    heard.push(event);
    return true;
  }

  #resync(socket) {
    this.#gaps += 1;
    this.#lost(socket, CLOSE_RESYNC);
  }

  #announce(event) {
    this.emit("event", event);
    this.emit(event.t, event.d, event);
  }

  #countDrops(drop) {
    for (const [kind, count] of Object.entries(drop)) this.dropped = { ...this.dropped, [kind]: (this.dropped[kind] ?? 0) + count };
    this.emit("drop", drop, this.dropped);
  }
}

/** `recent` may hold whole events or bare comments. */
function asEvent(item) {
  return item.t === undefined ? { t: "comment", ts: item.ts ?? 0, d: item } : item;
}

// Commands on their way: numbered, answered by `re`, timed out, and (only the repeatable ones) kept for the next connection.

import { LiveroomError, isRepeatable } from "./errors.js";

const WAITING_MAX = 64; // repeatable commands kept while there is no connection
const ANSWER_MS = 10_000;

export class Requests {
  #pending = new Map();
  #waiting = [];
  #lastId = 0;
  #write;

  /** `write(command)` puts one command on the socket. */
  constructor(write) {
    this.#write = write;
  }

  /** Sends now. Rejects with code `timeout` when no answer came in `timeoutMs`. */
  send(op, params, timeoutMs = ANSWER_MS) {
    return new Promise((resolve, reject) => this.#dispatch({ op, params, timeoutMs, resolve, reject }));
  }

  /** Keeps a repeatable command for the next connection; refuses others with code `offline`. */
  keep(op, params, timeoutMs = ANSWER_MS) {
    if (!isRepeatable(op) || this.#waiting.length >= WAITING_MAX) return Promise.reject(new LiveroomError("offline"));
    return new Promise((resolve, reject) => this.#hold({ op, params, timeoutMs, resolve, reject }));
  }

  /** Takes the `re` list of one frame. */
  settle(replies) {
    for (const { id, ok, err } of replies) {
      const request = this.#pending.get(id);
      if (!request) continue;
      this.#forget(id, request);
      if (err) request.reject(LiveroomError.fromWire(err));
      else request.resolve(ok ?? {});
    }
  }

  /** The connection is gone: repeatable commands wait for the next one, the others fail. With `op`, only those. */
  lost(op) {
    for (const [id, request] of [...this.#pending]) {
      if (op && request.op !== op) continue;
      this.#forget(id, request);
      if (isRepeatable(request.op) && this.#waiting.length < WAITING_MAX) this.#hold(request);
      else request.reject(new LiveroomError("connection_lost"));
    }
  }

  /** A connection is up: whatever waited goes out. */
  resume() {
    for (const request of this.#waiting.splice(0)) {
      clearTimeout(request.timer);
      this.#dispatch(request);
    }
  }

  /** There will be no further connection. */
  abandon(code) {
    this.lost();
    for (const request of this.#waiting.splice(0)) {
      clearTimeout(request.timer);
      request.reject(new LiveroomError(code));
    }
  }

  #dispatch(request) {
    const id = ++this.#lastId;
    request.timer = setTimeout(() => {
      this.#pending.delete(id);
      request.reject(new LiveroomError("timeout"));
    }, request.timeoutMs);
    this.#pending.set(id, request);
    this.#write({ id, op: request.op, ...request.params });
  }

  #hold(request) {
    this.#waiting.push(request);
    request.timer = setTimeout(() => {
      this.#waiting = this.#waiting.filter((one) => one !== request);
      request.reject(new LiveroomError("offline"));
    }, request.timeoutMs);
  }

  #forget(id, request) {
    clearTimeout(request.timer);
    this.#pending.delete(id);
  }
}

// Reconnect delays with full jitter: a uniformly random share of an exponentially growing ceiling,
// so that a crowd cut off at the same instant does not come back at the same instant.

const FIRST_CEILING_MS = 500;
const CEILING_MS_MAX = 20_000;
const STABLE_MS = 10_000; // a connection that held this long was a good one

export class Backoff {
  #attempt = 0;
  #random;

  constructor(random = Math.random) {
    this.#random = random;
  }

  get attempt() {
    return this.#attempt;
  }

  /** Milliseconds to wait before the next attempt. */
  next() {
    const ceiling = Math.min(CEILING_MS_MAX, FIRST_CEILING_MS * 2 ** this.#attempt);
    this.#attempt = Math.min(this.#attempt + 1, 30);
    return Math.round(this.#random() * ceiling);
  }

  /** Tells how long the connection held that has just ended. */
  heldFor(ms) {
    if (ms >= STABLE_MS) this.#attempt = 0;
  }
}

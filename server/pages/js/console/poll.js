// Asks the same question again and again, one at a time: the next question waits for the last answer,
// so a slow server is never asked faster than it replies. Rests while the page is hidden.

const PAUSE_MS_MIN = 250;

export class Poll {
  #everyMs;
  #ask;
  #failed;
  #timer = 0;
  #running = false;

  /** `ask` is an async function; `failed(error)` hears what it throws. */
  constructor(everyMs, ask, failed = () => {}) {
    this.#everyMs = everyMs;
    this.#ask = ask;
    this.#failed = failed;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#step();
  }

  stop() {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  async #step() {
    const began = performance.now();
    try {
      if (!document.hidden) await this.#ask();
    } catch (error) {
      this.#failed(error);
    }
    if (!this.#running) return;
    const spent = performance.now() - began;
    this.#timer = setTimeout(() => this.#step(), Math.max(PAUSE_MS_MIN, this.#everyMs - spent));
  }
}

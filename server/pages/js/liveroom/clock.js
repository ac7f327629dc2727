// The server's clock as seen from here. Built on performance.now(), so a device whose clock is wrong,
// or is set while the page is open, changes nothing. The offset comes from the exchange with the shortest round trip.

const SAMPLES_MAX = 8;

export class ServerClock {
  #samples = [];
  #offset = null;

  /** Records one exchange: local times (performance.now) around it and the server's time inside it. */
  sample(sentMs, receivedMs, serverMs) {
    const rtt = receivedMs - sentMs;
    this.#samples.push({ rtt, offset: serverMs - (sentMs + rtt / 2) });
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
    this.#offset = this.#samples.reduce((best, one) => (one.rtt < best.rtt ? one : best)).offset;
  }

  /** Server time in Unix milliseconds; the device's own until the first exchange. */
  now() {
    return this.#offset === null ? Date.now() : performance.now() + this.#offset;
  }

  get roundTripMs() {
    return this.#samples.length ? Math.min(...this.#samples.map((one) => one.rtt)) : null;
  }
}

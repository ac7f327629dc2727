// Proof of work: finds a nonce whose SHA-256 together with the server's challenge begins with enough zero bits.
// Works in slices between frames, so no worker is needed and the page stays alive; works without HTTPS too.

const SLICE_MS = 8; // one slice of work; then everybody else gets a turn
const K = new Uint32Array(64);
const START = new Uint32Array(8);

/** The constants of FIPS 180-4: fractions of the roots of the first primes. */
(function fill() {
  const fraction = (x) => ((x - Math.floor(x)) * 2 ** 32) | 0;
  for (let found = 0, n = 2; found < 64; n += 1) {
    let prime = true;
    for (let d = 2; d * d <= n; d += 1) if (n % d === 0) prime = false;
    if (!prime) continue;
    if (found < 8) START[found] = fraction(Math.sqrt(n));
    K[found] = fraction(Math.cbrt(n));
    found += 1;
  }
})();

const W = new Uint32Array(64);
const turn = (x, n) => (x >>> n) | (x << (32 - n));

function mix(h, block, at) {
  for (let i = 0; i < 16; i += 1) W[i] = (block[at + 4 * i] << 24) | (block[at + 4 * i + 1] << 16) | (block[at + 4 * i + 2] << 8) | block[at + 4 * i + 3];
  for (let i = 16; i < 64; i += 1) {
    const a = W[i - 15];
    const b = W[i - 2];
    W[i] = W[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + W[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10));
  }
  let [a, b, c, d, e, f, g, k] = h;
  for (let i = 0; i < 64; i += 1) {
    const one = (k + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
    const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [k, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
  }
  [a, b, c, d, e, f, g, k].forEach((part, i) => (h[i] += part));
}

/** SHA-256 of bytes, as eight 32-bit numbers. */
export function sha256(bytes) {
  const length = ((bytes.length + 8) >> 6) * 64 + 64;
  const padded = new Uint8Array(length);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  new DataView(padded.buffer).setUint32(length - 4, bytes.length * 8);
  const h = START.slice();
  for (let at = 0; at < length; at += 64) mix(h, padded, at);
  return h;
}

export function zeroBits(h) {
  let bits = 0;
  for (const part of h) {
    bits += Math.clz32(part);
    if (part !== 0) break;
  }
  return bits;
}

/** Resolves with `{challenge, nonce}`; takes 2^bits tries on average. `stop()` true gives up with null. */
export async function solve({ challenge, bits }, stop = () => false) {
  const encoder = new TextEncoder();
  for (let n = 0; ; ) {
    const until = performance.now() + SLICE_MS;
    while (performance.now() < until) {
      if (zeroBits(sha256(encoder.encode(`${challenge}:${n}`))) >= bits) return { challenge, nonce: String(n) };
      n += 1;
    }
    if (stop()) return null;
    await new Promise((resolve) => setTimeout(resolve));
  }
}

// Commands that are asked more than once: a purchase until its outcome is known, and a line whose door wants work first.
// `ask(params)` sends the command; no transport in here.

import { solve } from "./proof.js";

const BUY_MS_MAX = 20_000; // how long a purchase without a known outcome is asked again
const BUY_PAUSE_MS = 400;
const UNKNOWN = new Set(["unknown_outcome", "timeout", "connection_lost", "offline"]);

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A key for one purchase: the same key asked again gives the same answer, never a second purchase. */
export function purchaseKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export async function buy(ask, params) {
  const order = { key: purchaseKey(), ...params };
  const until = performance.now() + BUY_MS_MAX;
  for (;;) {
    try {
      return await ask(order);
    } catch (error) {
      const wait = Math.max(error.retryMs ?? 0, BUY_PAUSE_MS);
      if (!UNKNOWN.has(error.code) || performance.now() + wait > until) throw error;
      await pause(wait);
    }
  }
}

/** Joining a line may take work first: the puzzle that comes with the refusal is solved and sent along. */
export async function join(ask, params, stopped) {
  try {
    return await ask(params);
  } catch (error) {
    if (error.code !== "proof_required" || params.proof) throw error;
    const proof = await solve(error.details, stopped);
    if (!proof) throw error;
    return ask({ ...params, proof });
  }
}

// Verifies a draw in this browser, from its public proof alone. The arithmetic is the one in room/fairness.py:
//   r0 = sha256(lottery_id), r = sha256(previous r ":" user_id), root = the last r
//   score = HMAC-SHA256(seed bytes, lottery_id ":" root ":" user_id); the lowest scores win

export const utf8 = new TextEncoder();

export const hexOf = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
export const bytesOf = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
export const sha256 = async (bytes) => hexOf(await crypto.subtle.digest("SHA-256", bytes));

/** True where the browser offers the arithmetic (HTTPS or localhost). */
export const canVerify = () => Boolean(globalThis.crypto?.subtle);

/** Every running hash, from the one before the first entry to the root. */
export async function chain(lotteryId, entries) {
  const hashes = [await sha256(utf8.encode(lotteryId))];
  for (const userId of entries) hashes.push(await sha256(utf8.encode(`${hashes.at(-1)}:${userId}`)));
  return hashes;
}

async function ranked(proof) {
  const key = await crypto.subtle.importKey("raw", bytesOf(proof.server_seed), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const excluded = new Set(proof.excluded ?? []);
  const scored = [];
  for (const userId of new Set(proof.entries)) {
    if (excluded.has(userId)) continue;
    const message = utf8.encode(`${proof.lottery_id}:${proof.entries_root}:${userId}`);
    scored.push([hexOf(await crypto.subtle.sign("HMAC", key, message)), userId]);
  }
  return scored.sort(([a, one], [b, other]) => (a === b ? (one < other ? -1 : 1) : a < b ? -1 : 1));
}

function sameWinners(proof, best) {
  const named = proof.winners.map((one) => `${one.rank} ${one.user_id} ${one.score}`);
  const wanted = best.map(([score, userId], at) => `${at + 1} ${userId} ${score}`);
  return named.length === wanted.length && named.every((one, at) => one === wanted[at]);
}

/** Each replacement is for somebody who was winning, and is the next rank that has not won. */
function sameRedraws(proof, order, winnersCount) {
  const places = order.map(([score, userId], at) => ({ userId, is: `${at + 1} ${userId} ${score}` }));
  const winning = new Set(places.slice(0, winnersCount).map((one) => one.userId));
  return proof.redraws.every((redraw, at) => {
    const wanted = places[winnersCount + at];
    const came = redraw.winner && `${redraw.winner.rank} ${redraw.winner.user_id} ${redraw.winner.score}`;
    const right = redraw.removal === at + 1 && winning.delete(redraw.out) && came === (wanted?.is ?? null);
    if (wanted) winning.add(wanted.userId);
    return right;
  });
}

/**
 * Recomputes a drawn lottery. `seedHash` and `rulesHash` are what this page saw when the lottery was opened;
 * `receipt` is what this viewer was given at joining (or null). Resolves to checks `[{name, ok, count?}]`, in the order they bind.
 */
export async function verifyDraw(proof, { seedHash = proof.seed_hash, rulesHash = proof.rules_hash, receipt = null, userId = null } = {}) {
  const checks = [];
  const check = (name, ok, more = {}) => checks.push({ name, ok: Boolean(ok), ...more });
  const rules = JSON.parse(proof.rules);
  const seed = bytesOf(proof.server_seed);
  check("seed", seed.length === 32 && (await sha256(seed)) === proof.seed_hash && proof.seed_hash === seedHash);
  const rulesHold = (await sha256(utf8.encode(proof.rules))) === proof.rules_hash && proof.rules_hash === rulesHash;
  check("rules", rulesHold && rules.lottery_id === proof.lottery_id);
  const hashes = await chain(proof.lottery_id, proof.entries);
  const distinct = new Set(proof.entries).size === proof.entries.length;
  const whole = distinct && proof.entries.length === proof.entries_count;
  check("chain", whole && hashes.at(-1) === proof.entries_root, { count: proof.entries.length });
  if (receipt) check("receipt", proof.entries[receipt.index] === userId && hashes[receipt.index + 1] === receipt.running_hash);
  check("ranks", sameWinners(proof, (await ranked(proof)).slice(0, rules.winners_count)));
  if (proof.redraws?.length) check("redraws", sameRedraws(proof, await ranked(proof), rules.winners_count));
  return checks;
}

// Verifies a red-packet rain or a gift in this browser, from its public proof alone. The arithmetic of a rain is the one
// in room/packets.py: numbers are the first 6 bytes of HMAC-SHA256(seed, "<rain_id>:<n>"), so they fit a Number exactly.

import { bytesOf, chain, sha256, utf8 } from "./fairness.js";

const SPAN = 2 ** 48;

/** A function that draws evenly from 0 to bound - 1, as the seed orders it. */
async function drawing(seed, rainId) {
  const key = await crypto.subtle.importKey("raw", bytesOf(seed), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  let nth = 0;
  return async (bound) => {
    const end = SPAN - (SPAN % bound);
    for (;;) {
      const mac = new DataView(await crypto.subtle.sign("HMAC", key, utf8.encode(`${rainId}:${nth}`)));
      nth += 1;
      const number = mac.getUint32(0) * 65_536 + mac.getUint16(4);
      if (number < end) return number % bound;
    }
  };
}

/** The amounts that follow from the seed, in the order in which they were handed out. */
export async function amountsOf({ seed, rain_id: rainId, total_cents: total, count }) {
  const below = await drawing(seed, rainId);
  const shares = [];
  let left = total;
  for (let packets = count; packets > 1; packets -= 1) {
    const share = 1 + (await below(Math.min(Math.floor((2 * left) / packets), left - packets + 1)));
    shares.push(share);
    left -= share;
  }
  shares.push(left);
  for (let at = count - 1; at > 0; at -= 1) {
    const other = await below(at + 1);
    [shares[at], shares[other]] = [shares[other], shares[at]];
  }
  return shares;
}

const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);

function most(claims) {
  const each = new Map();
  for (const { user_id: id } of claims) each.set(id, (each.get(id) ?? 0) + 1);
  return Math.max(0, ...each.values());
}

/** `amountsHash` is what this page saw when the rain was announced; `mine` what this viewer was given, [{index, amount_cents}]. */
export async function verifyRain(proof, { amountsHash = proof.amounts_hash, mine = [] } = {}) {
  const { amounts, claims } = proof;
  const checks = [];
  const check = (name, ok, more = {}) => checks.push({ name, ok: Boolean(ok), ...more });
  const hashed = await sha256(utf8.encode(`${proof.rain_id}:${proof.seed}:${amounts.join(",")}`));
  check("rainHash", hashed === proof.amounts_hash && proof.amounts_hash === amountsHash);
  check("rainSplit", String(await amountsOf(proof)) === String(amounts));
  check("rainSum", amounts.length === proof.count && sum(amounts) === proof.total_cents && Math.min(...amounts) >= 1, { count: amounts.length });
  const places = claims.map((one) => one.index);
  const ordered = places.every((place, at) => (proof.state === "ended" ? place === at : at === 0 || place > places[at - 1]));
  check("rainOrder", ordered && claims.every((one) => amounts[one.index] === one.amount_cents), { count: claims.length });
  check("rainLimit", most(claims) <= proof.per_user, { count: proof.per_user });
  const claimed = sum(claims.map((one) => one.amount_cents));
  check("rainRest", claimed === proof.claimed_cents && claimed + proof.returned_cents === proof.total_cents);
  if (mine.length) check("rainMine", mine.every((one) => amounts[one.index] === one.amount_cents && places.includes(one.index)));
  return checks;
}

/** `rulesHash` is what this page saw at the opening; `receipt` what this viewer was given at claiming (or null). */
export async function verifyGift(proof, { rulesHash = proof.rules_hash, receipt = null, userId = null } = {}) {
  const checks = [];
  const check = (name, ok, more = {}) => checks.push({ name, ok: Boolean(ok), ...more });
  check("giftRules", (await sha256(utf8.encode(proof.rules))) === proof.rules_hash && proof.rules_hash === rulesHash);
  const users = proof.claims.map((one) => one.user_id);
  const hashes = await chain(proof.gift_id, users);
  const placed = proof.claims.every((one, at) => one.position === at + 1 && one.running_hash === hashes[at + 1]);
  check("giftChain", placed && new Set(users).size === users.length && hashes.at(-1) === proof.entries_root, { count: users.length });
  check("giftQuota", users.length <= proof.quota, { count: proof.quota });
  if (receipt) check("receipt", users[receipt.index] === userId && hashes[receipt.index + 1] === receipt.running_hash);
  return checks;
}

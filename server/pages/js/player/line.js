// The line before a sale and the list behind it, as data: where this viewer stands, and what they wait for.

import { signal } from "@preact/signals-core";

import { errorText, t } from "../i18n.js";
import { toast } from "../ui/toast.js";
import { client, now, person, view } from "./live.js";
import { needPerson } from "./login.js";

export const standings = signal({}); // sale → what the server last said of this viewer's place
export const joining = signal({}); // sale → true while a place is asked for, puzzle included
export const waiting = signal({}); // sku → {ahead} of what this viewer waits for

const sales = view.part("sales");
const EXPIRED_MS = 1_000; // an admission this close to its end is not used any more

export const hasLine = (sale) => Boolean(sale.door && (sale.door.rate_per_s || sale.door.pow_bits));

const note = (standing) => (standings.value = { ...standings.value, [standing.sale_id]: standing });

/** `{state, standing}` of a sale that has a line: closed, open (to be joined), asking, queueing, admitted. */
export function place(sale, at = now()) {
  const standing = standings.value[sale.sale_id];
  if (joining.value[sale.sale_id]) return { state: "asking", standing };
  if (standing?.admitted && standing.until_ms - EXPIRED_MS > at) return { state: "admitted", standing };
  if (standing?.waiting) return { state: "queueing", standing };
  return { state: at >= sale.start_ms - sale.door.opens_before_s * 1000 ? "open" : "closed", standing };
}

export const admissionOf = (saleId) => standings.value[saleId]?.admission ?? undefined;

export async function joinLine(saleId) {
  if (joining.value[saleId] || !(await needPerson())) return;
  joining.value = { ...joining.value, [saleId]: true };
  try {
    note(await client.send("queue.join", { sale_id: saleId }));
  } catch (error) {
    toast(errorText(error), { kind: "bad" });
  } finally {
    const { [saleId]: _done, ...others } = joining.value;
    joining.value = others;
  }
}

export async function leaveLine(saleId) {
  const { [saleId]: _gone, ...others } = standings.value;
  standings.value = others;
  await client.send("queue.leave", { sale_id: saleId }).catch(() => {});
}

/** An admission that was refused is no longer one: the line says where this viewer stands now. */
export async function refreshPlace(saleId) {
  await client.send("queue.status", { sale_id: saleId }).then(note, () => {});
}

function moved(standing) {
  const before = standings.value[standing.sale_id];
  note(standing);
  if (standing.admitted && !before?.admitted) toast(t("line.yourTurn"), { kind: "gold" });
  else if (standing.sells_out_before_you && !before?.sells_out_before_you) toast(t("line.mayNotReach"), { kind: "bad" });
}

client.on("queue.moved", moved);

/** Over plain HTTP nobody tells of a move. */
client.on("refresh", () => {
  for (const { sale_id: saleId, waiting: queued } of Object.values(standings.value)) if (queued) client.send("queue.status", { sale_id: saleId }).then(moved, () => {});
});

// -- the list -------------------------------------------------------------------------------------------------

const put = (skuId, entry) => (waiting.value = { ...waiting.value, [skuId]: entry });

function drop(skuId) {
  const { [skuId]: _gone, ...others } = waiting.value;
  waiting.value = others;
}

export async function waitFor(saleId, skuId) {
  if (!(await needPerson())) return;
  try {
    put(skuId, await client.send("waitlist.join", { sale_id: saleId, sku_id: skuId }));
    toast(t("waitlist.joined"), { kind: "good" });
  } catch (error) {
    toast(errorText(error), { kind: "bad" });
  }
}

export async function stopWaiting(saleId, skuId) {
  drop(skuId);
  await client.send("waitlist.leave", { sale_id: saleId, sku_id: skuId }).catch(() => {});
}

client.on("waitlist.offered", ({ sku_id: skuId }) => drop(skuId));
client.on("waitlist.left", ({ sku_id: skuId }) => drop(skuId));

/** After a reload or a lost line the server is asked once about each sale that may know this viewer. */
client.on("hello", async () => {
  if (!person.value) return;
  for (const sale of Object.values(sales.value ?? {})) {
    if (["draft", "ended"].includes(sale.phase)) continue;
    if (hasLine(sale)) refreshPlace(sale.sale_id);
    if (sale.skus.some((sku) => sku.sold_out)) {
      const known = await client.send("waitlist.status", { sale_id: sale.sale_id }).catch(() => null);
      for (const entry of known?.waiting ?? []) put(entry.sku_id, entry);
    }
  }
});

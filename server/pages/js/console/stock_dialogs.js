// Moving stock by hand: add, take out, from one channel to another. Each is asked for once more before it is done,
// under one key a dialog, so that pressing twice moves once.

import { useRef, useState } from "preact/hooks";

import { whole } from "../format.js";
import { t } from "../i18n.js";
import { purchaseKey } from "../liveroom.js";
import { html } from "../ui/html.js";
import { Sheet } from "../ui/sheet.js";
import { wholeOf } from "./money_field.js";

const QTY_MAX = 1_000_000;
const CHANNEL = /^[A-Za-z0-9_-]{1,64}$/;
const USUAL = ["live", "shop", "distributor"];

/** A channel's name in the host's language; ids of their own are shown as they are. */
export function channelName(channel) {
  return USUAL.includes(channel) ? t(`console.channel.${channel}`) : channel;
}

/** What the form asks for as a command, or {fault: word key}. `act`: restock, write_off or transfer. */
export function stockActOf(act, { qty, from, to }) {
  const count = wholeOf(qty, 1, QTY_MAX);
  if (count === null) return { fault: "console.fault.qty" };
  if (!CHANNEL.test(from) || (act === "transfer" && !CHANNEL.test(to))) return { fault: "console.fault.channel" };
  if (act === "transfer" && from === to) return { fault: "console.fault.same_channel" };
  const where = act === "transfer" ? { from, to } : { channel: from };
  return { op: `stock.${act}`, params: { qty: count, ...where } };
}

function ChannelField({ name, label, known, first }) {
  return html`<label class="field w-6 half"><span>${label}</span><input class="input small" name=${name} list="channels-${name}" defaultValue=${first} data-testid="stock-${name}" />
    <datalist id="channels-${name}">${known.map((channel) => html`<option value=${channel}>${channelName(channel)}</option>`)}</datalist></label>`;
}

export function StockDialog({ desk, sale, sku, act, channels, onClose }) {
  const key = useRef(purchaseKey());
  const [fault, setFault] = useState(null);
  const [asked, setAsked] = useState(null); // the command, waiting to be confirmed
  const known = [...new Set([...Object.keys(channels), ...USUAL])];
  const ask = (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const wish = stockActOf(act, { qty: form.qty.value, from: form.from.value.trim(), to: form.to?.value.trim() });
    setFault(wish.fault ?? null);
    setAsked(wish.fault ? null : wish);
  };
  const confirm = async () => {
    const done = await desk.run(asked.op, { sale_id: sale.sale_id, sku_id: sku.sku_id, key: key.current, ...asked.params });
    if (done) onClose();
    else setAsked(null);
  };
  return html`<${Sheet} title="${t(`console.stock_act.${act}`)} · ${desk.titleOf(sku)}" onClose=${onClose} testid="stock-dialog">
    <div class="stack"><form class="grid-form" onSubmit=${ask} noValidate>
      <label class="field w-6 half"><span>${t("console.pieces")}</span><input class="input small num" name="qty" inputmode="numeric" data-autofocus data-testid="stock-qty" /></label>
      <${ChannelField} name="from" label=${t(act === "transfer" ? "console.from_channel" : "console.channel")} known=${known} first="live" />
      ${act === "transfer" && html`<${ChannelField} name="to" label=${t("console.to_channel")} known=${known} first="shop" />`}
      ${fault && html`<p class="w-12 wrong" role="alert">${t(fault)}</p>`}
      ${!asked && html`<div class="w-12 form-foot"><button class="btn small" data-testid="stock-ask">${t("console.next")}</button></div>`}
    </form>
    ${asked && html`<${Asked} act=${act} asked=${asked} onBack=${() => setAsked(null)} onConfirm=${confirm} />`}</div>
  <//>`;
}

function Asked({ act, asked, onBack, onConfirm }) {
  const { qty, channel, from, to } = asked.params;
  const names = { n: whole(qty), channel: channelName(channel ?? from), to: to ? channelName(to) : "" };
  return html`<p class="notice amber" role="status">${t(`console.stock_ask.${act}`, names)}</p>
    <div class="form-foot"><button class="btn small ghost" onClick=${onBack}>${t("console.cancel")}</button>
      <button class="btn small primary" data-testid="stock-confirm" onClick=${onConfirm}>${t("console.confirm")}</button></div>`;
}

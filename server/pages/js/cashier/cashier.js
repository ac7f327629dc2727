// Paying one payment: amount, what for, time left, pay or decline, and what came of it.
// The same piece serves /cashier/{payment_id} and the sheet in the room. It shows what the server says about the payment,
// asked again until it is settled; the press of a button alone changes nothing here.

import { useEffect, useRef, useState } from "preact/hooks";

import * as api from "../api.js";
import { money } from "../format.js";
import { errorText, t } from "../i18n.js";
import * as session from "../session.js";
import { Countdown } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { QrCode } from "../ui/qr.js";

const ASK_MS = 1_500;
const ASK_SOON_MS = 350; // after a button was pressed
const ASK_LATE_MS = 5_000; // after it was closed or declined: money may still turn out to be on its way
const KEPT = new Set(["paid", "partially_refunded"]);

/**
 * What came of a payment, by the server's word about it and about its order: pending, settling (the money is in, its order
 * follows), succeeded, refunded, failed or closed. Money that went through is never called failed.
 */
export function standingOf({ status, order_status: order }) {
  if (status === "succeeded") return KEPT.has(order) ? "succeeded" : order === "refunded" ? "refunded" : "settling";
  return KEPT.has(order) && status !== "refunded" ? "succeeded" : status; // another payment of the order may have been faster
}

function pauseFor(standing, working) {
  if (working || standing === "settling") return ASK_SOON_MS;
  return standing === "pending" ? ASK_MS : ASK_LATE_MS;
}

/** The payment as the server tells it, `working` while a press is being settled, and the acts. */
function usePayment(paymentId, onSettled, orderStatus) {
  const [payment, setPayment] = useState(null);
  const [error, setError] = useState(null);
  const [working, setWorking] = useState(false);
  const clock = useRef(0); // server time minus performance.now()
  const settled = useRef(null);
  const path = `/v1/payments/${encodeURIComponent(paymentId)}`;

  const ask = async () => {
    const next = await api.get(path);
    clock.current = next.server_ms - performance.now();
    const standing = standingOf(next);
    setPayment({ ...next, standing });
    setError(null);
    if (["pending", "settling"].includes(standing) || settled.current === standing) return;
    settled.current = standing;
    setWorking(false);
    onSettled?.(next);
  };

  const standing = payment?.standing ?? "pending";
  const over = ["succeeded", "refunded"].includes(standing);
  useEffect(() => {
    if (over || error?.status === 404) return undefined;
    const again = () => ask().catch(setError);
    if (!payment || orderStatus !== payment.order_status) again();
    const timer = setInterval(again, pauseFor(standing, working));
    return () => clearInterval(timer);
  }, [paymentId, standing, working, error?.status, orderStatus]);

  const press = async (outcome) => {
    setWorking(true);
    try {
      await api.post(`${path}/sandbox`, { outcome });
      await ask();
    } catch (failure) {
      setWorking(false);
      setError(failure);
    }
  };
  return { payment, error, working, press, now: () => performance.now() + clock.current };
}

/** One row a product, however many orders its pieces came from. */
export function piecesBySku(lines) {
  const rows = new Map();
  for (const line of lines ?? []) {
    const row = rows.get(line.sku_id) ?? { ...line, qty: 0, cents: 0 };
    rows.set(line.sku_id, { ...row, qty: row.qty + line.qty, cents: row.cents + line.unit_cents * line.qty });
  }
  return [...rows.values()];
}

/** What an order or a payment is for: products, what took cents off, and the order's number. */
export function Lines({ of }) {
  return html`<ul class="stack pay-lines">
    ${piecesBySku(of.lines).map((line) => html`<li class="row apart" key=${line.sku_id}>
      <span class="grow">${line.title} <span class="quiet">${t("order.qty", { n: line.qty })}</span></span>
      <span class="num">${money(line.cents, of.currency)}</span></li>`)}
    ${(of.discounts ?? []).map((one) => html`<li class="row apart off" key=${one.kind + one.id} data-testid="order-discount" data-kind=${one.kind}>
      <span class="grow">${one.title || t(`discount.${one.kind}`)}</span><span class="num">−${money(one.off_cents, of.currency)}</span></li>`)}
    <li class="row apart quiet small"><span>${t("cashier.order")}</span><span class="mono clip">${of.order_id}</span></li>
  </ul>`;
}

function Asking({ payment, cashierUrl, working, press, now }) {
  const [over, setOver] = useState(now() >= payment.pay_by_ms);
  return html`<div class="stack">
    <p class="row apart"><span class="quiet">${t("cashier.timeLeft")}</span>
      <${Countdown} class="pay-left" untilMs=${payment.pay_by_ms} now=${now} onEnd=${() => setOver(true)} /></p>
    ${payment.provider === "sandbox"
      ? html`<${PlayMoney} payment=${payment} working=${working} over=${over} press=${press} />`
      : html`<${Elsewhere} payment=${payment} url=${cashierUrl} over=${over} />`}
  </div>`;
}

function PlayMoney({ payment, working, over, press }) {
  return html`<button class="btn primary wide" type="button" disabled=${working || over} onClick=${() => press("succeeded")} data-testid="pay-button">
      ${working ? html`<span class="spinner"></span>${t("cashier.working")}` : t("cashier.pay", { amount: money(payment.amount_cents, payment.currency) })}</button>
    <button class="btn ghost wide" type="button" disabled=${working || over} onClick=${() => press("failed")} data-testid="decline-button">${t("cashier.decline")}</button>
    <p class="row small quiet centred"><${Icon} name="shield" size=${16} />${t("cashier.sandbox")}</p>`;
}

/** Paid at the provider's own page or app: the way there, and a word that this page hears of it by itself. */
function Elsewhere({ payment, url, over }) {
  const name = t(`pay.${payment.provider}`);
  const code = url?.startsWith("weixin://");
  return html`${code && !over && html`<div class="pay-code"><${QrCode} text=${url} label=${t("pay.scan", { name })} size=${196} /><p class="small quiet">${t("pay.scan", { name })}</p></div>`}
    ${!over && /^(https?|weixin):/.test(url ?? "") && html`<a class="btn ${code ? "ghost" : "primary"} wide" href=${url} target=${code ? undefined : "_blank"} rel="noopener" data-testid="pay-link">${t(code ? "pay.openApp" : "pay.open", { name })}<${Icon} name="external" size=${16} /></a>`}
    <p class="row small quiet centred" role="status"><span class="spinner"></span>${t("pay.waiting", { name })}</p>`;
}

const RESULTS = { succeeded: ["check", "green"], settling: ["clock", "amber"], refunded: ["refresh", "amber"], failed: ["alert", "amber"], closed: ["clock", "amber"] };

function Result({ standing, onAgain, back }) {
  const [icon, colour] = RESULTS[standing] ?? RESULTS.closed;
  return html`<div class="stack">
    <div class=${`notice ${colour}`} role="status"><${Icon} name=${icon} />
      <div><strong>${t(`cashier.${standing}`)}</strong><p>${t(`cashier.${standing}Text`)}</p></div></div>
    ${onAgain && html`<button class="btn primary wide" type="button" onClick=${onAgain} data-testid="pay-again">${t("cashier.again")}</button>`}
    ${back}
  </div>`;
}

/**
 * `onSettled(payment)` is called when what came of it is known, again if that changes; `back` is what leads back to the
 * room; `onAgain` starts another payment of the order after a declined one (absent: not offered). `cashierUrl` is where a
 * real provider takes the money; `orderStatus`, where the page hears of it, has the server asked again at once.
 */
export function Cashier({ paymentId, cashierUrl, orderStatus, onSettled, onAgain, back }) {
  const { payment, error, working, press, now } = usePayment(paymentId, onSettled, orderStatus);
  if (!payment) {
    return error
      ? html`<div class="stack"><p class="notice red" role="alert">${error.status === 404 ? t("cashier.missing") : errorText(error)}</p>${back}</div>`
      : html`<p class="row quiet centred"><span class="spinner"></span>${t("loading")}</p>`;
  }
  const { standing } = payment;
  const unpaid = standing === "failed" || (standing === "refunded" && payment.order_status === "placed"); // another sum was paid
  const again = unpaid && now() < payment.pay_by_ms && session.token() ? onAgain : null;
  return html`<div class="stack cashier" data-testid="cashier" data-status=${standing}>
    <p class="amount num" data-testid="pay-amount">${money(payment.amount_cents, payment.currency)}</p>
    <${Lines} of=${payment} />
    ${error && html`<p class="notice red" role="alert">${errorText(error)}</p>`}
    ${standing === "pending"
      ? html`<${Asking} payment=${payment} cashierUrl=${cashierUrl} working=${working} press=${press} now=${now} />`
      : html`<${Result} standing=${standing} onAgain=${again} back=${back} />`}
  </div>`;
}

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

const ASK_MS = 1_500;
const ASK_SOON_MS = 350; // after a button was pressed

/** The payment as the server tells it, `working` while a press is being settled, and the acts. */
function usePayment(paymentId, onSettled) {
  const [payment, setPayment] = useState(null);
  const [error, setError] = useState(null);
  const [working, setWorking] = useState(false);
  const clock = useRef(0); // server time minus performance.now()
  const settled = useRef(null);
  const path = `/v1/payments/${encodeURIComponent(paymentId)}`;

  const ask = async () => {
    const next = await api.get(path);
    clock.current = next.server_ms - performance.now();
    setPayment(next);
    setError(null);
    if (next.status === "pending" || settled.current === next.status) return;
    settled.current = next.status;
    setWorking(false);
    onSettled?.(next);
  };

  const pending = !payment || payment.status === "pending";
  useEffect(() => {
    if (!pending || error?.status === 404) return undefined;
    const again = () => ask().catch(setError);
    if (!payment) again();
    const timer = setInterval(again, working ? ASK_SOON_MS : ASK_MS);
    return () => clearInterval(timer);
  }, [paymentId, pending, working, error?.status]);

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

function Lines({ payment }) {
  return html`<ul class="stack pay-lines">
    ${(payment.lines ?? []).map((line) => html`<li class="row apart" key=${line.sku_id}>
      <span class="grow">${line.title} <span class="quiet">${t("order.qty", { n: line.qty })}</span></span>
      <span class="num">${money(line.unit_cents * line.qty, payment.currency)}</span></li>`)}
    <li class="row apart quiet small"><span>${t("cashier.order")}</span><span class="mono clip">${payment.order_id}</span></li>
  </ul>`;
}

function Asking({ payment, working, press, now }) {
  const [over, setOver] = useState(now() >= payment.pay_by_ms);
  return html`<div class="stack">
    <p class="row apart"><span class="quiet">${t("cashier.timeLeft")}</span>
      <${Countdown} class="pay-left" untilMs=${payment.pay_by_ms} now=${now} onEnd=${() => setOver(true)} /></p>
    <button class="btn primary wide" type="button" disabled=${working || over} onClick=${() => press("succeeded")} data-testid="pay-button">
      ${working ? html`<span class="spinner"></span>${t("cashier.working")}` : t("cashier.pay", { amount: money(payment.amount_cents, payment.currency) })}</button>
    <button class="btn ghost wide" type="button" disabled=${working || over} onClick=${() => press("failed")} data-testid="decline-button">${t("cashier.decline")}</button>
    <p class="row small quiet centred"><${Icon} name="shield" size=${16} />${t("cashier.sandbox")}</p>
  </div>`;
}

const RESULTS = { succeeded: ["check", "green"], failed: ["alert", "amber"], closed: ["clock", "amber"] };

function Result({ payment, onAgain, back }) {
  const [icon, colour] = RESULTS[payment.status] ?? RESULTS.closed;
  return html`<div class="stack">
    <div class=${`notice ${colour}`} role="status"><${Icon} name=${icon} />
      <div><strong>${t(`cashier.${payment.status}`)}</strong><p>${t(`cashier.${payment.status}Text`)}</p></div></div>
    ${onAgain && html`<button class="btn primary wide" type="button" onClick=${onAgain} data-testid="pay-again">${t("cashier.again")}</button>`}
    ${back}
  </div>`;
}

/**
 * `onSettled(payment)` is called once the payment is no longer pending; `back` is what leads back to the room;
 * `onAgain` starts another payment of the order after a declined one (absent: not offered).
 */
export function Cashier({ paymentId, onSettled, onAgain, back }) {
  const { payment, error, working, press, now } = usePayment(paymentId, onSettled);
  if (!payment) {
    return error
      ? html`<div class="stack"><p class="notice red" role="alert">${error.status === 404 ? t("cashier.missing") : errorText(error)}</p>${back}</div>`
      : html`<p class="row quiet centred"><span class="spinner"></span>${t("loading")}</p>`;
  }
  const inTime = now() < payment.pay_by_ms;
  return html`<div class="stack cashier" data-testid="cashier" data-status=${payment.status}>
    <p class="amount num" data-testid="pay-amount">${money(payment.amount_cents, payment.currency)}</p>
    <${Lines} payment=${payment} />
    ${error && html`<p class="notice red" role="alert">${errorText(error)}</p>`}
    ${payment.status === "pending"
      ? html`<${Asking} payment=${payment} working=${working} press=${press} now=${now} />`
      : html`<${Result} payment=${payment} onAgain=${payment.status === "failed" && inTime && session.token() ? onAgain : null} back=${back} />`}
  </div>`;
}

// The cashier as a page of its own: for a link in a message, another tab, or another device.

import { useState } from "preact/hooks";

import * as api from "../api.js";
import { errorText, lang, setLang, t } from "../i18n.js";
import "../i18n/shop.js";
import { html, mount } from "../ui/html.js";
import { Toasts, toast } from "../ui/toast.js";
import { Cashier } from "./cashier.js";

const first = decodeURIComponent(location.pathname.split("/").filter(Boolean)[1] ?? "");

function CashierPage() {
  const [paymentId, setPaymentId] = useState(first);
  const [url, setUrl] = useState(undefined); // of a payment begun here; one begun elsewhere is watched only
  const [payment, setPayment] = useState(null);
  document.title = `${t("cashier.title")} · ${t("app.name")}`;

  const again = async () => {
    try {
      const { payment_id: next, cashier_url: url } = await api.post(`/v1/orders/${encodeURIComponent(payment.order_id)}/pay`, { provider: payment.provider });
      history.replaceState(null, "", `/cashier/${encodeURIComponent(next)}${location.search}`);
      setUrl(url);
      setPaymentId(next);
    } catch (error) {
      toast(errorText(error), { kind: "bad" });
    }
  };

  const roomUrl = payment ? `/room/${encodeURIComponent(payment.room_id)}` : "/";
  const back = html`<a class="btn ghost wide" href=${roomUrl} data-testid="back-to-room">${payment ? t("cashier.back") : t("home")}</a>`;
  return html`<main class="cashier-page">
    <header class="row apart">
      <a class="row brand" href="/"><img src="/static/sample/logo.svg" width="28" height="28" alt="" /><span>${t("app.name")}</span></a>
      <button class="btn ghost small" type="button" onClick=${() => setLang(lang.value === "zh" ? "en" : "zh")}>${t("lang.switch")}</button>
    </header>
    <section class="card cashier-card"><h1>${t("cashier.title")}</h1>
      <${Cashier} key=${paymentId} paymentId=${paymentId} cashierUrl=${url} onSettled=${setPayment} onAgain=${again} back=${back} /></section>
    <${Toasts} />
  </main>`;
}

mount(html`<${CashierPage} />`);

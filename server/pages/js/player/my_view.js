// Everything that is one's own in one sheet: orders, coupons, points, wins.

import { useEffect } from "preact/hooks";

import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Sheet } from "../ui/sheet.js";
import { refreshRewards } from "./coupons.js";
import { MyCoupons, MyPoints } from "./coupons_view.js";
import { person } from "./live.js";
import { needPerson } from "./login.js";
import { Wins } from "./my_handouts.js";
import { myTab, TABS } from "./my.js";
import { OrderList } from "./orders_view.js";
import { refreshOrders } from "./shop.js";

const PARTS = { orders: OrderList, coupons: MyCoupons, points: MyPoints, wins: Wins };

/** Arrow keys walk along the tabs, as everywhere. */
function walk(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const next = TABS[(TABS.indexOf(myTab.value) + step + TABS.length) % TABS.length];
  myTab.value = next;
  event.currentTarget.querySelector(`#my-tab-${next}`)?.focus();
  event.preventDefault();
}

export function MySheet() {
  const tab = myTab.value;
  useEffect(() => {
    if (tab) refreshOrders().then(refreshRewards).catch(() => {});
  }, [tab]);
  if (!tab) return null;
  return html`<${Sheet} title=${t("my.title")} onClose=${() => (myTab.value = null)} testid="my-sheet" class="my">
    <div class="my-tabs" role="tablist" aria-label=${t("my.title")} onKeyDown=${walk}>${TABS.map((name) => html`<button key=${name} id="my-tab-${name}" type="button" role="tab" aria-selected=${tab === name} aria-controls="my-part" tabindex=${tab === name ? 0 : -1} onClick=${() => (myTab.value = name)} data-testid="my-tab-${name}">${t(`my.${name}`)}</button>`)}</div>
    <div id="my-part" role="tabpanel" aria-labelledby="my-tab-${tab}">${person.value
      ? html`<${PARTS[tab]} />`
      : html`<div class="empty"><p>${t("my.guest")}</p><button class="btn primary" type="button" onClick=${needPerson}>${t("menu.login")}</button></div>`}</div>
  </${Sheet}>`;
}

// What the host plays with the room (draws, coupons, …), one tab each; a dot says that one is running.
// A new kind of play is one more entry of PLAYS: its panel gets the desk and fills the pane's body.

import { useState } from "preact/hooks";

import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { CouponPanel } from "./coupon_panel.js";
import { GiftPanel } from "./gift_panel.js";
import { LotteryPanel } from "./lottery_panel.js";
import { RainPanel } from "./rain_panel.js";

const some = (all, runs) => Object.values(all ?? {}).some(runs);

/** `running(desk)` says whether the dot is shown. Words: `console.play.NAME`. */
const PLAYS = [
  { name: "lottery", Panel: LotteryPanel, running: (desk) => some(desk.lotteries.value, (one) => one.state === "open" || one.state === "frozen") },
  { name: "rain", Panel: RainPanel, running: (desk) => desk.rain.value?.state === "open" },
  { name: "gift", Panel: GiftPanel, running: (desk) => some(desk.gifts.value, (one) => one.state === "open") },
  { name: "coupon", Panel: CouponPanel, running: (desk) => some(desk.coupons.value, (one) => one.remaining > 0) },
];

export function PlayPane({ desk }) {
  const [chosen, choose] = useState(PLAYS[0].name);
  const { Panel } = PLAYS.find((one) => one.name === chosen);
  return html`<section class="pane area-play" aria-label=${t("console.play")}>
    <header><div class="sale-tabs" role="tablist" aria-label=${t("console.play")}>
      ${PLAYS.map(({ name, running }) => html`<button key=${name} role="tab" type="button" aria-selected=${name === chosen} onClick=${() => choose(name)} data-testid="play-${name}">${t(`console.play.${name}`)}
        ${running(desk) && html`<span class="dot running" role="img" aria-label=${t("console.play.running")}></span>`}</button>`)}
    </div></header>
    <div class="pane-body" role="tabpanel" aria-label=${t(`console.play.${chosen}`)} tabindex="0"><${Panel} desk=${desk} /></div>
  </section>`;
}

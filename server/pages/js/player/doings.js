// Which doings stand on the picture and which in the menu: what one may miss by waiting comes first, results come last.

import { computed } from "@preact/signals-core";

import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { auctionFor, current as auction } from "./auction.js";
import { AuctionChip } from "./auction_view.js";
import { GiftChip } from "./gift_view.js";
import { currentGifts, currentRain, giftSheet, receiptOf as giftReceipt } from "./handouts.js";
import { current as lottery, receiptOf, sheetFor, waits } from "./luck.js";
import { LuckyBag } from "./luck_view.js";
import { current as poll, pollFor, voteOf } from "./polls.js";
import { PollChip } from "./polls_view.js";
import { board, openAsk } from "./questions.js";
import { QuestionChip } from "./questions_view.js";
import { openRain, RainChip } from "./rain_view.js";

const TILES_MAX = 4;
const RESULT = 10; // is added to the place of what is over
const DONE = 5; // and to that of what this viewer has done

/** Every doing as {key, place, Chip, icon, name, open}; the smaller the place, the sooner it is missed. */
const doings = computed(() => {
  const list = [];
  const add = (one, key, place, done, rest) => one && list.push({ key, place: place + (one.state === "open" || one.state === "frozen" || (one.lottery_id && waits(one)) ? 0 : RESULT) + (done ? DONE : 0), ...rest });
  const [draw, rain, vote, piece] = [lottery.value, currentRain.value, poll.value, auction.value];
  add(rain, "rain", 0, false, { Chip: RainChip, icon: "ticket", name: t("rain"), open: () => openRain(rain) });
  add(piece, "auction", 1, false, { Chip: AuctionChip, icon: "gavel", name: t("auction.title"), open: () => (auctionFor.value = piece.auction_id) });
  add(draw, "lottery", 2, draw?.state === "open" && receiptOf(draw.lottery_id), { Chip: LuckyBag, icon: "gift", name: `${t("lottery")} · ${draw?.prize}`, open: () => (sheetFor.value = draw.lottery_id) });
  add(vote, "poll", 3, vote && voteOf(vote.poll_id), { Chip: PollChip, icon: "chart", name: t("poll.title"), open: () => (pollFor.value = vote.poll_id) });
  for (const gift of currentGifts.value) {
    add(gift, gift.gift_id, 4, giftReceipt(gift.gift_id), { Chip: GiftChip, gift, icon: "star", name: `${t("gift")} · ${gift.title}`, open: () => (giftSheet.value = gift.gift_id) });
  }
  if (board.value?.open) list.push({ key: "questions", place: 2 * RESULT, Chip: QuestionChip, asks: true, open: openAsk });
  return list.sort((a, b) => a.place - b.place);
});

/** What has no room on the picture; asking the host has its place in the menu anyhow. */
export const beyond = computed(() => doings.value.slice(TILES_MAX).filter((one) => !one.asks));

export function Doings() {
  return html`<div class="doings">${doings.value.slice(0, TILES_MAX).map(({ key, Chip, gift }) => html`<${Chip} key=${key} gift=${gift} />`)}</div>`;
}

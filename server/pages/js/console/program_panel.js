// One pane for what goes beside the sale: orders, the run-sheet, polls, questions, auctions.

import { useState } from "preact/hooks";

import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { AuctionPart } from "./auction_part.js";
import { Orders } from "./orders.js";
import { PollPart } from "./poll_part.js";
import { QuestionPart } from "./question_part.js";
import { SheetPart } from "./sheet_part.js";

const PARTS = { sheet: SheetPart, polls: PollPart, questions: QuestionPart, auctions: AuctionPart };

function waitingIn(desk, name) {
  if (name === "orders") return desk.asked.value.length;
  if (name === "questions") return desk.questions.value?.open ?? 0;
  const things = { polls: desk.pollsOpen, auctions: desk.auctions }[name]?.value ?? {};
  return Object.values(things).filter((one) => one.state === "open").length;
}

function Strip({ desk, part, onPart }) {
  return html`<div class="part-tabs scroll-x" role="tablist" aria-label=${t("console.program")}>
    ${["orders", ...Object.keys(PARTS)].map((name) => {
      const waiting = waitingIn(desk, name);
      return html`<button key=${name} role="tab" aria-selected=${part === name} data-testid="part-${name}" onClick=${() => onPart(name)}>${t(`console.part.${name}`)}${waiting > 0 && html`<span class="badge num">${waiting}</span>`}</button>`;
    })}</div>`;
}

export function Program({ desk }) {
  const [part, setPart] = useState("orders");
  const strip = html`<${Strip} desk=${desk} part=${part} onPart=${setPart} />`;
  if (part === "orders") return html`<${Orders} desk=${desk} tabs=${strip} />`;
  return html`<section class="pane area-orders" aria-label=${t(`console.part.${part}`)}><header>${strip}</header><div class="pane-body"><${PARTS[part]} desk=${desk} /></div></section>`;
}

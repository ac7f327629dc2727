// Asking the host: the chip on the picture, and the sheet with what others want to know.

import { useState } from "preact/hooks";

import { count } from "../format.js";
import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Sheet } from "../ui/sheet.js";
import { ended } from "./live.js";
import { ask, askOpen, board, listed, openAsk, want } from "./questions.js";
import { Tile } from "./tile.js";

const CHARS_MAX = 200;

export function QuestionChip() {
  const waiting = board.value?.open ?? 0;
  if (!waiting) return null;
  return html`<${Tile} kind="ask" icon="question" name=${t("question.title")} label=${t("question.waiting", { n: count(waiting) })} calm data-testid="question-chip" onClick=${openAsk} />`;
}

function AskForm() {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const send = async (event) => {
    event.preventDefault();
    if (!text.trim() || busy) return;
    setBusy(true);
    if (await ask(text.trim())) setText("");
    setBusy(false);
  };
  return html`<form class="row ask-form" onSubmit=${send}>
    <input class="input grow" maxlength=${CHARS_MAX} value=${text} placeholder=${t("question.placeholder")} aria-label=${t("question.placeholder")} data-testid="question-text" onInput=${(event) => setText(event.currentTarget.value)} />
    <button class="btn primary" disabled=${busy || !text.trim()} data-testid="question-ask">${t("question.ask")}</button></form>`;
}

function Waiting({ one }) {
  return html`<li class="question" data-testid="question-row"><div class="grow"><p>${one.text}</p><p class="small quiet">${one.user.name} · ${t("question.wanted", { n: count(one.votes) })}</p></div>
    <button class=${`btn small want ${one.voted ? "on" : "ghost"}`} type="button" aria-pressed=${Boolean(one.voted)} disabled=${one.voted} onClick=${() => want(one)} data-testid="question-want"><${Icon} name=${one.voted ? "check" : "up"} size=${16} />${t("question.want")}</button></li>`;
}

function Answered({ one }) {
  return html`<li class="question" data-testid="question-done"><div class="grow"><p>${one.text}</p><p class="small answer"><${Icon} name="check" size=${14} />${one.answer || t("question.aloud")}</p></div></li>`;
}

function List({ list, empty, row }) {
  if (!list) return html`<p class="row quiet centred"><span class="spinner"></span></p>`;
  if (!list.length) return html`<div class="empty"><${Icon} name="question" size=${34} /><p>${t(empty)}</p></div>`;
  return html`<ul class="questions">${list.map(row)}</ul>`;
}

export function AskSheet() {
  const [part, setPart] = useState("open");
  if (!askOpen.value) return null;
  const { open, answered } = listed.value;
  return html`<${Sheet} title=${t("question.title")} onClose=${() => (askOpen.value = false)} testid="question-sheet" class="ask-sheet">
    <div class="stack">
      ${!ended.value && html`<${AskForm} />`}
      <div class="segments" role="tablist" aria-label=${t("question.title")}>${["open", "answered"].map((name) => html`<button key=${name} type="button" role="tab" aria-selected=${part === name} data-testid=${`questions-${name}`} onClick=${() => setPart(name)}>${t(`question.${name}`)}</button>`)}</div>
      ${part === "open"
        ? html`<${List} list=${open} empty="question.empty" row=${(one) => html`<${Waiting} key=${one.question_id} one=${one} />`} />`
        : html`<${List} list=${answered} empty="question.none" row=${(one) => html`<${Answered} key=${one.question_id} one=${one} />`} />`}
    </div></${Sheet}>`;
}

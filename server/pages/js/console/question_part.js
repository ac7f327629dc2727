// Questions at the desk: the most wanted first, answered on air or in writing, hidden when they should be.

import { useEffect, useState } from "preact/hooks";

import { get } from "../api.js";
import { countdown, whole } from "../format.js";
import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";

const ANSWER_CHARS_MAX = 200;

function useQuestions(desk) {
  const [list, setList] = useState(null);
  const rev = desk.questions.value?.rev ?? 0;
  useEffect(() => {
    let gone = false;
    get(`/v1/rooms/${encodeURIComponent(desk.roomId)}/questions`).then(
      (answer) => !gone && setList(answer.questions),
      () => {}, // the next change of the board asks again
    );
    return () => (gone = true);
  }, [rev]);
  return list;
}

export function QuestionPart({ desk }) {
  const list = useQuestions(desk);
  const median = desk.metrics.value?.questions?.median_reply_ms ?? null;
  const { open = 0, answered = 0 } = desk.questions.value ?? {};
  return html`<p class="sheet-next quiet num"><span data-testid="question-stats">${t("console.question_stats", { open: whole(open), answered: whole(answered) })}</span>
      ${median !== null && html`<span class="push">${t("console.question_median", { time: countdown(median) })}</span>`}</p>
    ${!list?.length && html`<div class="empty"><${Icon} name="question" size=${24} /><p>${t(list ? "console.questions_empty" : "console.loading")}</p></div>`}
    <ul class="questions">${(list ?? []).map((one) => html`<${Row} key=${one.question_id} desk=${desk} one=${one} />`)}</ul>`;
}

function Row({ desk, one }) {
  const [writing, setWriting] = useState(false);
  const [text, setText] = useState("");
  const answer = (more) => desk.run("question.answer", { question_id: one.question_id, ...more });
  const send = (event) => {
    event.preventDefault();
    if (text.trim()) answer({ text: text.trim() });
  };
  return html`<li class="question" data-testid="question-item"><span class="votes num" title=${t("question.wanted", { n: one.votes })}>${one.votes}</span>
    <p class="grow">${one.text} <span class="quiet">${one.user.name}</span></p>
    ${writing && html`<form class="row answer-form" onSubmit=${send}><input class="input small grow" maxlength=${ANSWER_CHARS_MAX} value=${text} aria-label=${t("console.question_write")} data-testid="answer-text" onInput=${(event) => setText(event.currentTarget.value)} /><button class="btn tiny primary" data-testid="answer-send">${t("console.question_send")}</button></form>`}
    <span class="acts"><button class="btn tiny" data-testid="question-aloud" onClick=${() => answer({})}><${Icon} name="check" size=${14} />${t("console.question_done")}</button>
      <button class="icon-btn tiny" aria-label=${t("console.question_write")} title=${t("console.question_write")} aria-pressed=${writing} data-testid="question-write" onClick=${() => setWriting(!writing)}><${Icon} name="reply" size=${16} /></button>
      <button class="icon-btn tiny bad" aria-label=${t("console.question_hide")} title=${t("console.question_hide")} data-testid="question-hide" onClick=${() => desk.run("question.hide", { question_id: one.question_id })}><${Icon} name="trash" size=${16} /></button></span></li>`;
}

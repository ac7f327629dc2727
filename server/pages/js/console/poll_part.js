// Polls at the desk: asking one, watching it fill, closing it.

import { useState } from "preact/hooks";

import { whole } from "../format.js";
import { t } from "../i18n.js";
import { Countdown } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { PollBars } from "../ui/poll_bars.js";

const QUESTION_CHARS_MAX = 100;
const CLOSES_S = [30, 60, 120, 300];
const SHOWN_MAX = 8;

/** The command's parameters, or null when something is missing. */
export function pollOf({ question, options, close = "", multiple = false }) {
  const lines = options.split("\n").map((line) => line.trim()).filter(Boolean);
  if (!question.trim() || lines.length < 2 || lines.length > 8 || new Set(lines).size !== lines.length) return null;
  return { question: question.trim(), options: lines, multiple, ...(close && { close_s: Number(close) }) };
}

export function PollPart({ desk }) {
  const list = Object.values(desk.pollsOpen.value ?? {}).sort((a, b) => b.open_ms - a.open_ms);
  const open = list.filter((one) => one.state === "open");
  const closed = list.filter((one) => one.state !== "open").slice(0, SHOWN_MAX);
  return html`${open.map((poll) => html`<${Poll} key=${poll.poll_id} desk=${desk} poll=${poll} />`)}<${PollForm} desk=${desk} />${closed.map((poll) => html`<${Poll} key=${poll.poll_id} desk=${desk} poll=${poll} />`)}`;
}

function Poll({ desk, poll }) {
  return html`<article class="part-item" data-testid="poll-item" data-state=${poll.state}>
      <div class="row apart"><h3>${poll.question}</h3><span class="row quiet num">${t("poll.voters", { n: whole(poll.voters) })}
        ${poll.state === "open" && poll.close_ms && html`<b><${Countdown} untilMs=${poll.close_ms} now=${() => desk.now()} /></b>`}
        ${poll.state === "open" ? html`<button class="btn tiny" data-testid="poll-close" onClick=${() => desk.run("poll.close", { poll_id: poll.poll_id })}>${t("console.poll_close")}</button>` : html`<span class="chip outline">${t(poll.void ? "poll.void" : "poll.closed")}</span>`}</span></div>
      <${PollBars} poll=${poll} /></article>`;
}

function PollForm({ desk }) {
  const [fault, setFault] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const poll = pollOf({ question: form.question.value, options: form.options.value, close: form.close.value, multiple: form.multiple.checked });
    setFault(!poll);
    if (poll && (await desk.run("poll.open", poll))) form.reset();
  };
  return html`<form class="grid-form part-form" data-testid="poll-form" onSubmit=${submit} noValidate>
    <label class="field w-12"><span>${t("console.poll_question")}</span><input class="input small" name="question" maxlength=${QUESTION_CHARS_MAX} data-testid="poll-question" /></label>
    <label class="field w-6"><span>${t("console.poll_options")}</span><textarea class="textarea input" name="options" rows="2" data-testid="poll-options"></textarea></label>
    <label class="field w-3 half"><span>${t("console.closing")}</span><select class="select small" name="close"><option value="">${t("console.poll_by_hand")}</option>${CLOSES_S.map((s) => html`<option value=${s}>${t("console.seconds_n", { n: s })}</option>`)}</select></label>
    <label class="check-row w-3"><input type="checkbox" name="multiple" /><span>${t("console.poll_multiple")}</span></label>
    ${fault && html`<p class="w-12 wrong" role="alert">${t("console.fault.poll")}</p>`}
    <div class="w-12 form-foot"><button class="btn small primary" data-testid="poll-open">${t("console.poll_open")}</button></div>
  </form>`;
}

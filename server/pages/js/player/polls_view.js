// A poll on the picture and its sheet: choosing, and the bars that everybody sees grow.

import { useState } from "preact/hooks";

import { count } from "../format.js";
import { t } from "../i18n.js";
import { Countdown } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { PollBars } from "../ui/poll_bars.js";
import { Sheet } from "../ui/sheet.js";
import { now } from "./live.js";
import { current, pollFor, polls, vote, voteOf } from "./polls.js";
import { Tile } from "./tile.js";

export function PollChip() {
  const poll = current.value;
  if (!poll) return null;
  const open = poll.state === "open";
  const label = open && poll.close_ms ? html`<${Countdown} untilMs=${poll.close_ms} now=${now} />` : t(open ? "poll.title" : "poll.result");
  return html`<${Tile} kind="vote" icon="chart" name=${`${t("poll.title")}: ${poll.question}`} label=${label} done=${Boolean(voteOf(poll.poll_id))} calm data-testid="poll-chip" data-state=${poll.state} onClick=${() => (pollFor.value = poll.poll_id)} />`;
}

function Ballot({ poll }) {
  const [picked, setPicked] = useState([]);
  const [busy, setBusy] = useState(false);
  const pick = (index) => setPicked((before) => (!poll.multiple ? [index] : before.includes(index) ? before.filter((one) => one !== index) : [...before, index]));
  const send = async () => {
    setBusy(true);
    await vote(poll, picked);
    setBusy(false);
  };
  return html`<fieldset class="ballot"><legend class="quiet small">${t(poll.multiple ? "poll.pickSome" : "poll.pickOne")}</legend>
    ${poll.options.map((option, index) => html`<label key=${index} class="ballot-option">
      <input type=${poll.multiple ? "checkbox" : "radio"} name=${poll.poll_id} checked=${picked.includes(index)} onChange=${() => pick(index)} data-testid=${`poll-option-${index}`} /><span>${option}</span></label>`)}
    <button class="btn primary wide" type="button" disabled=${busy || !picked.length} onClick=${send} data-testid="poll-vote">${busy && html`<span class="spinner"></span>`}${t("poll.vote")}</button>
  </fieldset>`;
}

export function PollSheet() {
  const poll = polls.value?.[pollFor.value];
  if (!poll) return null;
  const mine = voteOf(poll.poll_id);
  const open = poll.state === "open";
  return html`<${Sheet} title=${t("poll.title")} onClose=${() => (pollFor.value = null)} testid="poll-sheet" class="poll-sheet">
    <div class="stack">
      <h3 class="poll-question">${poll.question}</h3>
      <p class="row apart quiet small"><span data-testid="poll-voters" data-value=${poll.voters}>${open ? t("poll.voters", { n: count(poll.voters) }) : poll.void ? t("poll.void") : `${t("poll.closed")} · ${t("poll.voters", { n: count(poll.voters) })}`}</span>
        ${open && poll.close_ms && html`<b class="num"><${Countdown} untilMs=${poll.close_ms} now=${now} /></b>`}</p>
      ${open && !mine ? html`<${Ballot} key=${poll.poll_id} poll=${poll} />` : html`<${PollBars} poll=${poll} mine=${mine} />`}
    </div></${Sheet}>`;
}

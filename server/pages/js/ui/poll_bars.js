// How a poll stands: a bar an option, by share of the people who voted. Never by colour alone.

import { percent, whole } from "../format.js";
import { t } from "../i18n.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";

export function PollBars({ poll, mine = null }) {
  const most = Math.max(...poll.counts);
  return html`<ol class="poll-bars" data-testid="poll-bars">${poll.options.map((option, index) => {
    const votes = poll.counts[index];
    const share = poll.voters ? votes / poll.voters : 0;
    return html`<li key=${index} class=${votes && votes === most ? "most" : ""} data-testid="poll-bar" data-votes=${votes}>
      <svg class="poll-fill" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true"><rect width=${share * 100} height="1" /></svg>
      <span class="grow">${option}</span>
      ${mine?.includes(index) && html`<span class="row small"><${Icon} name="check" size=${14} />${t("poll.yours")}</span>`}
      <span class="num small">${whole(votes)}</span><b class="num">${percent(share)}</b></li>`;
  })}</ol>`;
}

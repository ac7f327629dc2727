// The comment stream for the people who run the room: pinned ones, the flow, what was dropped, and the staff's own line.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { count, percent } from "../format.js";
import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { CommentRow } from "./comment_row.js";
import { Held } from "./held.js";
import { ModerationButton } from "./moderation.js";
import { Say } from "./say.js";

const ROWS_MAX = 120; // drawn at once; a moderator reads the newest
const AT_END_PX = 40;

export function Comments({ desk }) {
  return html`<div class="col talk"><section class="pane" aria-label=${t("console.comments")}>
    <header><h2>${t("console.comments")}</h2><span class="quiet num push small">${desk.metrics.value ? t("console.comments_n", { n: count(desk.metrics.value.comments) }) : ""}</span><${ModerationButton} desk=${desk} /></header>
    <${Held} desk=${desk} />
    <${Pinned} desk=${desk} />
    <${Stream} desk=${desk} />
    <${Dropped} metrics=${desk.metrics.value} />
    <${Say} desk=${desk} />
  </section></div>`;
}

function Pinned({ desk }) {
  const pinned = desk.room.value?.pinned ?? [];
  if (!pinned.length) return null;
  return html`<div class="pinned" data-testid="pinned">${pinned.map((one) => html`<div key=${one.id} class="comment-row"><${Icon} name="pin" size=${14} />
    <span class="clip"><span class="name">${one.user.name}</span>${one.text}</span>
    <button class="icon-btn tiny" aria-label=${t("console.unpin")} data-testid="comment-unpin" onClick=${() => desk.run("comment.unpin", { comment_id: one.id })}><${Icon} name="close" size=${14} /></button></div>`)}</div>`;
}

/** Follows the newest unless the moderator scrolled up or has the pointer on it: rows must not run away from a click. */
function Stream({ desk }) {
  const box = useRef(null);
  const [held, setHeld] = useState(null); // comments as they were when the flow was held, or null
  const [pointed, setPointed] = useState(false);
  const live = desk.comments.value;
  const list = (held ?? live).slice(-ROWS_MAX);
  const waiting = held ? live.filter((one) => !held.some((old) => old.id === one.id)).length : 0;
  const atEnd = () => box.current.scrollHeight - box.current.scrollTop - box.current.clientHeight < AT_END_PX;
  const follow = () => { setHeld(null); };
  useLayoutEffect(() => { if (!held) box.current.scrollTop = box.current.scrollHeight; }, [live, held]);
  useEffect(() => { if (held) setHeld((old) => old && refreshed(old, live)); }, [live]);
  const onScroll = () => {
    if (!held && !atEnd()) setHeld(live);
    else if (held && !pointed && atEnd()) follow();
  };
  const enter = () => { setPointed(true); setHeld((old) => old ?? live); };
  const leave = () => { setPointed(false); if (atEnd()) follow(); };
  return html`<div class="stream" onMouseEnter=${enter} onMouseLeave=${leave}>
    <div class="comments" role="log" aria-live="off" tabindex="0" aria-label=${t("console.comments")} ref=${box} onScroll=${onScroll}>
      ${list.length === 0 && html`<div class="empty"><${Icon} name="chat" size=${24} /><p>${t("console.comments_empty")}</p></div>`}
      ${list.map((one) => html`<${CommentRow} key=${one.id} desk=${desk} comment=${one} />`)}
    </div>
    ${waiting > 0 && html`<button class="btn tiny newer" onClick=${follow}><${Icon} name="down" size=${14} />${t("console.newer", { n: waiting })}</button>`}
  </div>`;
}

/** Held rows keep their place but learn that they were deleted. */
function refreshed(held, live) {
  const now = new Map(live.map((one) => [one.id, one]));
  return held.map((one) => now.get(one.id) ?? one);
}

/** What viewers saw and what was left out for them, per kind, in deliveries. */
function Dropped({ metrics }) {
  const kinds = ["comment", "notice"];
  const line = (kind) => {
    const shown = metrics.shown?.[kind] ?? 0;
    const dropped = metrics.dropped?.[kind] ?? 0;
    const folded = metrics.folded?.[kind] ?? 0;
    const received = shown + dropped + folded;
    const part = received ? dropped / received : 0;
    return html`<span key=${kind}>${t(`console.kind.${kind}`)} <b>${count(shown)}</b> / <b>${count(received)}</b> · ${t("console.left_out")} <b data-testid="dropped-${kind}">${count(dropped)}</b> (${percent(part, 1)})${folded > 0 && html` · ${t("console.folded")} <b data-testid="folded-${kind}">${count(folded)}</b>`}</span>`;
  };
  return html`<div class="dropped" data-testid="dropped" title=${t("console.dropped_hint")}><span>${t("console.dropped")}</span>${metrics ? kinds.map(line) : "–"}</div>`;
}

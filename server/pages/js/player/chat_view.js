// The talk as it is drawn: fading rows on the picture, a panel on a wide screen, and the field below it.

import { signal } from "@preact/signals-core";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { countdown } from "../format.js";
import { t } from "../i18n.js";
import { Avatar, Name, RoleMark } from "../ui/avatar.js";
import { useNow } from "../ui/countdown.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { answering, comments, draft, dropNote, mutedUntil, notice, onSpoken, say } from "./chat.js";
import { ended, now, person, room, view, wide } from "./live.js";

const NEAR_BOTTOM_PX = 24;
const READ_ALOUD_MS = 5_000; // a screen reader hears at most one summary in this time
const MANY_YEARS_MS = 3e11;

/** Whether one said it oneself, as far as it is still on the list. */
const isOwn = (id) => comments.value.some((one) => one.id === id && one.user.id === person.value?.id);

function Row({ comment }) {
  const own = comment.user.id === person.value?.id;
  const called = comment.mentions?.includes(person.value?.id) || (comment.reply_to && isOwn(comment.reply_to.id));
  const answer = () => {
    answering.value = comment;
    document.querySelector("[data-testid=comment-input]")?.focus();
  };
  return html`<div class=${`comment ${own ? "own" : ""} ${comment.user.role === "host" ? "host" : ""} ${called ? "called" : ""} ${comment.waiting ? "waiting" : ""}`} data-testid="comment" data-id=${comment.id} data-own=${own}>
    ${wide.value && html`<${Avatar} user=${comment.user} />`}
    <button class="comment-pill" type="button" disabled=${Boolean(comment.waiting)} onClick=${answer} title=${t("comment.reply")}>
      <${RoleMark} user=${comment.user} /> <${Name} user=${comment.user} />
      ${comment.reply_to && html`<span class="quoted clip">@${comment.reply_to.name}</span>`}
      <span class="comment-text">${comment.text}</span>${comment.n > 1 && html` <b class="num times" data-testid="comment-times">${t("comment.times", { n: comment.n })}</b>`}${comment.waiting && html` <span class="waiting-note">${t("comment.waiting")}</span>`}
    </button></div>`;
}

function Pinned() {
  const pinned = (room.value?.pinned ?? []).slice(0, 1);
  return pinned.map((one) => html`<p class="pinned" key=${one.id} data-testid="pinned-comment"><${Icon} name="pin" size=${14} />
    <span class="sr-only">${t("comment.pinned")}</span><span class="grow"><${Name} user=${one.user} /> ${one.text}</span></p>`);
}

/** Reads out how many came and the latest, not each of them. */
function ReadAloud() {
  const [text, setText] = useState("");
  const heard = useRef({ n: 0, last: null });
  useEffect(() => onSpoken((comment) => (heard.current = { n: heard.current.n + 1, last: comment })), []);
  useEffect(() => {
    const timer = setInterval(() => {
      const { n, last } = heard.current;
      heard.current = { n: 0, last: null };
      setText(n ? t("comment.announce", { n, name: last.user.name, text: last.text }) : "");
    }, READ_ALOUD_MS);
    return () => clearInterval(timer);
  }, []);
  return html`<p class="sr-only" aria-live="polite">${text}</p>`;
}

/** Keeps the list at its end until the reader scrolls up, and counts what is new from then on. */
function useFollowing(list) {
  const box = useRef(null);
  const following = useRef(true);
  const lastTop = useRef(0);
  const lastId = useRef(null);
  const [fresh, setFresh] = useState(0);
  const toEnd = () => (box.current.scrollTop = box.current.scrollHeight);
  useLayoutEffect(() => {
    const added = list.length - 1 - list.findIndex((one) => one.id === lastId.current);
    lastId.current = list.at(-1)?.id;
    if (following.current) toEnd();
    else setFresh((n) => n + Math.min(added, list.length));
  }, [list]);
  useEffect(() => {
    const sizes = new ResizeObserver(() => following.current && toEnd());
    sizes.observe(box.current);
    return () => sizes.disconnect();
  }, []);
  const follow = () => {
    following.current = true;
    setFresh(0);
  };
  const onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    const up = scrollTop < lastTop.current - 2;
    lastTop.current = scrollTop;
    if (scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM_PX) follow();
    else if (up) following.current = false;
  };
  const catchUp = () => {
    follow();
    toEnd();
  };
  return { box, fresh, onScroll, catchUp };
}

export function Talk() {
  const list = comments.value;
  const { box, fresh, onScroll, catchUp } = useFollowing(list);
  return html`<section class="talk" aria-label=${t("comment.list")}>
    <${Pinned} />
    <div class="talk-box">
      <div class="talk-list" role="log" aria-live="off" aria-label=${t("comment.list")} tabindex="0" ref=${box} onScroll=${onScroll} data-testid="comment-list">
        ${list.map((comment) => html`<${Row} comment=${comment} key=${comment.id} />`)}
        ${!list.length && view.status.value.status === "online" && html`<p class="talk-empty quiet">${t("comment.empty")}</p>`}
      </div>
      ${fresh > 0 && html`<button class="btn small new-pill" type="button" onClick=${catchUp} data-testid="new-comments"><${Icon} name="down" size=${14} />${t("comment.new", { n: fresh })}</button>`}
    </div>
    <div class="talk-notes">
      ${notice.value && html`<p class=${`joined ${notice.value.kind}`} key=${notice.value.user.id + notice.value.kind}>${notice.value.kind === "bought" && html`<${Icon} name="bag" size=${14} />`}${t(`notice.${notice.value.kind}`, { name: notice.value.user.name })}</p>`}
      ${dropNote.value > 0 && html`<p class="drop-note" data-testid="drop-note">${t("comment.dropped", { n: dropNote.value })}</p>`}
    </div>
    <${ReadAloud} />
  </section>`;
}

const sending = signal(false);

function useMuted() {
  const left = mutedUntil.value - useNow(now, 1000);
  if (left <= 0) return null;
  return left > MANY_YEARS_MS ? t("comment.mutedForever") : t("comment.muted", { time: countdown(left) });
}

export function CommentField() {
  const muted = useMuted();
  const closed = ended.value;
  const submit = async (event) => {
    event.preventDefault();
    if (sending.value || !draft.value.trim()) return;
    sending.value = true;
    if (await say(draft.value)) draft.value = "";
    sending.value = false;
  };
  return html`<form class="comment-form" onSubmit=${submit}>
    ${answering.value && html`<p class="answering"><${Icon} name="reply" size=${14} /><span class="clip grow">${t("comment.replyTo", { name: answering.value.user.name })}: ${answering.value.text}</span>
      <button class="icon-btn small" type="button" aria-label=${t("comment.cancelReply")} onClick=${() => (answering.value = null)}><${Icon} name="close" size=${16} /></button></p>`}
    <div class="comment-field">
      <input class="comment-input" type="text" maxlength="200" autocomplete="off" enterkeyhint="send" aria-label=${t("comment.placeholder")}
        placeholder=${closed ? t("ended.title") : (muted ?? t("comment.placeholder"))} disabled=${closed || Boolean(muted)} data-testid="comment-input"
        value=${draft.value} onInput=${(event) => (draft.value = event.currentTarget.value)} />
      <button class="icon-btn send" type="submit" aria-label=${t("comment.send")} disabled=${sending.value || !draft.value.trim()} data-testid="comment-send"><${Icon} name="send" /></button>
    </div>
  </form>`;
}

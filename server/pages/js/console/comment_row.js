// One comment with what a moderator can do about it and its author.

import { clock, tint } from "../format.js";
import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { toast } from "../ui/toast.js";

const STAFF = new Set(["assistant", "host", "operator", "admin"]);

export function CommentRow({ desk, comment }) {
  const { id, user, text, ts, n, reply_to: answered, deleted } = comment;
  const staff = STAFF.has(user.role);
  return html`<div class="comment-row ${deleted ? "gone" : ""}" data-testid="comment-row" data-id=${id} data-user=${user.id}>
    <p class="said">
      ${answered && html`<span class="answered clip">↩ ${answered.name}: ${answered.text}</span>`}
      <time>${clock(ts, { short: true })}</time>${staff && html`<span class="mark host">${t(`console.role.${user.role}`)}</span>`}${user.role === "member" && html`<span class="mark">${t("console.role.member")}</span>`}${user.buyer && html`<span class="mark buyer">${t("console.buyer")}</span>`}${desk.isMuted(user.id) && html`<span class="mark muted">${t("console.is_muted")}</span>`}${desk.banned.value[user.id] && html`<span class="mark muted">${t("console.is_banned")}</span>`}
      <span class="name ${staff ? "" : tint(user.id)}">${user.name}</span>${text}${n > 1 && html` <b class="num times">${t("comment.times", { n })}</b>`}
    </p>
    ${!deleted && html`<${Acts} desk=${desk} comment=${comment} staff=${staff} />`}
  </div>`;
}

function Acts({ desk, comment, staff }) {
  const { id, user } = comment;
  const muted = desk.isMuted(user.id);
  const banned = desk.banned.value[user.id];
  const act = (icon, word, testid, onClick, bad = false) => html`<button class="icon-btn tiny ${bad ? "bad" : ""}" aria-label="${t(word)} · ${user.name}" title=${t(word)} data-testid=${testid} onClick=${onClick}><${Icon} name=${icon} size=${15} /></button>`;
  return html`<span class="acts">
    ${act("reply", "console.reply", "comment-reply", () => { desk.replyTo.value = comment; })}
    ${act("pin", "console.pin", "comment-pin", () => desk.run("comment.pin", { comment_id: id }))}
    ${act("trash", "console.delete", "comment-delete", () => desk.run("comment.delete", { comment_id: id }), true)}
    ${!staff && act(muted ? "mic" : "mute", muted ? "console.unmute" : "console.mute_10", "comment-mute", () => mute(desk, user, muted), !muted)}
    ${!staff && act("door", "console.kick", "comment-kick", () => kick(desk, user), true)}
    ${!staff && act("ban", banned ? "console.unban" : "console.ban", "comment-ban", () => ban(desk, user, banned), !banned)}
  </span>`;
}

async function mute(desk, user, muted) {
  const done = await desk.mute(user, muted ? 0 : undefined);
  if (done) toast(t(muted ? "console.did_unmute" : "console.did_mute", { name: user.name }), { kind: "good" });
}

async function kick(desk, user) {
  if (await desk.run("user.kick", { user_id: user.id })) toast(t("console.did_kick", { name: user.name }), { kind: "good" });
}

async function ban(desk, user, banned) {
  const done = await desk.run(banned ? "user.unban" : "user.ban", { user_id: user.id });
  if (done) toast(t(banned ? "console.did_unban" : "console.did_ban", { name: user.name }), { kind: "good" });
}

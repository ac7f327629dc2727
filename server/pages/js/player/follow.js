// Following the host: the button on their chip, and how many do.

import { signal } from "@preact/signals-core";

import { count } from "../format.js";
import { errorText, t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { toast } from "../ui/toast.js";
import { client, ended, person, room, view } from "./live.js";
import { needPerson } from "./login.js";

/** Whether this person follows the host. */
export const following = signal(Boolean(view.user.value?.following));

const followers = view.part("followers");
const busy = signal(false);

client.on("hello", ({ user }) => (following.value = Boolean(user.following)));
client.on("host.followed", (news) => (following.value = news.following));

/** Follows the host, asking for a name first; resolves to whether this person follows now. */
export async function follow(wanted = true) {
  if (busy.value || !(await needPerson()) || following.value === wanted) return following.value;
  busy.value = true;
  try {
    following.value = (await client.send(wanted ? "host.follow" : "host.unfollow", {})).following;
    toast(t(wanted ? "follow.done" : "follow.undone"), { kind: wanted ? "good" : "plain" });
  } catch (error) {
    toast(errorText(error), { kind: "bad" });
  } finally {
    busy.value = false;
  }
  return following.value;
}

/** The host does not follow themselves; at the end of the live there is nobody to press. */
export function FollowButton() {
  if (ended.value || person.value?.id === room.value?.host?.id) return null;
  const on = following.value;
  return html`<button class=${`follow-btn ${on ? "on" : ""}`} type="button" aria-pressed=${on} aria-label=${t(on ? "followed" : "follow")} aria-busy=${busy.value} onClick=${() => follow(!on)} data-testid="follow">
    <${Icon} name=${on ? "check" : "plus"} size=${14} />${!on && html`<span>${t("follow")}</span>`}</button>`;
}

export function FollowerCount() {
  const n = followers.value ?? 0;
  return n > 0 && html`<span class="num quiet-words" data-testid="followers" data-value=${n}>${t("followers", { n: count(n) })}</span>`;
}

// What the big screen shows: the room's state by the socket, its numbers by a poll, the last comments. It never acts on the room.

import { signal } from "@preact/signals";

import { get } from "../api.js";
import { lang } from "../i18n.js";
import { login, me } from "../session.js";
import { observe } from "../signals.js";
import { Poll } from "../console/poll.js";

const POLL_MS = 1_000; // the server's answer is at most 0.9 s old: together no number is older than 2 s
const COMMENTS_MAX = 16;

export class Wall {
  comments = signal([]);
  metrics = signal(null);
  refused = signal(false); // the numbers are not for us

  constructor({ roomId, client }) {
    this.roomId = roomId;
    this.client = client;
    const seen = observe(client);
    for (const part of ["online", "peak", "likes", "room", "cards", "sales", "stock"]) this[part] = seen.part(part);
    this.status = seen.status;
    this.poll = new Poll(POLL_MS, () => this.#ask(), (error) => this.#failed(error));
  }

  start() {
    const { client } = this;
    client.on("hello", ({ recent }) => { this.comments.value = recent.filter((one) => one.t === "comment").map((one) => one.d).slice(-COMMENTS_MAX); });
    client.on("comment", (d) => { this.comments.value = [...this.comments.value, d].slice(-COMMENTS_MAX); });
    client.on("comment.deleted", (d) => { this.comments.value = this.comments.value.filter((one) => one.id !== d.comment_id); });
    client.start();
    this.poll.start();
  }

  now() {
    return this.client.serverNow();
  }

  /** A product's or SKU's title in the language of the wall. */
  titleOf(item) {
    const card = this.cards.value?.find((one) => one.product_id === item.product_id);
    return (lang.value === "en" && (item.title_en || card?.title_en)) || item.title;
  }

  async #ask() {
    this.metrics.value = await get(`/v1/rooms/${encodeURIComponent(this.roomId)}/metrics`);
    this.refused.value = false;
  }

  /** Where numbers need a token and the server gives tokens away (development), take one; otherwise say so. */
  async #failed(error) {
    if (!["unauthorized", "login_required", "forbidden"].includes(error.code)) return;
    if (me.value) {
      this.refused.value = true;
      return;
    }
    try {
      await login("Screen", { role: "viewer", sub: "screen", room: this.roomId });
    } catch {
      this.refused.value = true;
    }
  }
}

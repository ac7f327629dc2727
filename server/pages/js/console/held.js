// Comments that wait for staff: the queue as data, and as it stands above the talk.

import { signal } from "@preact/signals";

import { clock, tint } from "../format.js";
import { t } from "../i18n.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";

const ROWS_MAX = 50; // drawn at once, oldest first: they have waited longest

export class HeldQueue {
  waiting = signal([]); // {ts, comment}, oldest first

  constructor(client) {
    this.client = client;
    client.on("hello", () => this.#fill());
    client.on("comment.held", ({ comment }, { ts }) => this.#add({ ts, comment }));
    client.on("comment.judged", (d) => this.#remove(d.comment_id));
  }

  async #fill() {
    try {
      this.waiting.value = (await this.client.send("comment.queue")).held;
    } catch {
      this.waiting.value = []; // not staff (any more); the next greeting asks again
    }
  }

  #add(entry) {
    if (this.waiting.value.some((one) => one.comment.id === entry.comment.id)) return;
    this.waiting.value = [...this.waiting.value, entry];
  }

  #remove(id) {
    this.waiting.value = this.waiting.value.filter((one) => one.comment.id !== id);
  }
}

export function Held({ desk }) {
  const waiting = desk.held.waiting.value;
  if (!waiting.length) return null;
  return html`<section class="held" aria-label=${t("console.held_title")} data-testid="held">
    <h3><${Icon} name="clock" size=${14} />${t("console.held_n", { n: waiting.length })}</h3>
    <div class="held-rows">${waiting.slice(0, ROWS_MAX).map((one) => html`<${HeldRow} key=${one.comment.id} desk=${desk} entry=${one} />`)}</div>
  </section>`;
}

function HeldRow({ desk, entry: { ts, comment } }) {
  const judge = (op) => desk.run(op, { comment_id: comment.id });
  return html`<div class="held-row" data-testid="held-row">
    <p><time>${clock(ts, { short: true })}</time><span class="name ${tint(comment.user.id)}">${comment.user.name}</span>${comment.text}</p>
    <button class="btn tiny" data-testid="held-approve" onClick=${() => judge("comment.approve")}>${t("console.approve")}</button>
    <button class="btn tiny ghost bad" data-testid="held-refuse" onClick=${() => judge("comment.refuse")}>${t("console.refuse")}</button>
  </div>`;
}

// The products of the room, on the shelf or not: asked from the server when the console connects and kept
// right by events. No commands are sent from here.

import { signal } from "@preact/signals";

const FIELDS = ["product_id", "title", "title_en", "image", "price_cents", "list_cents"];

const pick = (product) => Object.fromEntries(FIELDS.filter((key) => product[key] != null).map((key) => [key, product[key]]));

export class Catalogue {
  #products = signal(new Map()); // in the order they were first heard of

  /** Learn new products and what changed of known ones. */
  learn(products) {
    const next = new Map(this.#products.value);
    for (const product of products) next.set(product.product_id, { ...next.get(product.product_id), ...pick(product) });
    this.#products.value = next;
  }

  get(productId) {
    return this.#products.value.get(productId) ?? null;
  }

  /** Products that are not among these cards, newest first. */
  away(cards) {
    const shown = new Set(cards.map((card) => card.product_id));
    return [...this.#products.value.values()].filter((product) => !shown.has(product.product_id)).reverse();
  }
}

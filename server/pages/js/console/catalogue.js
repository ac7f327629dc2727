// The products the host has made, on the shelf or not. The room publishes only what is on the shelf,
// so what was put away is kept in this browser. No commands are sent from here.

const PRODUCTS_MAX = 200; // a shelf beyond this is no longer a live show

const FIELDS = ["product_id", "title", "title_en", "image", "price_cents", "list_cents"];

const pick = (product) => Object.fromEntries(FIELDS.map((key) => [key, product[key] ?? null]));

export class Catalogue {
  #key;
  #storage;
  #products = new Map();

  constructor(roomId, storage) {
    this.#key = `liveroom.catalogue.${roomId}`;
    this.#storage = storage;
    try {
      for (const product of JSON.parse(storage.getItem(this.#key) ?? "[]")) this.#keep(product);
    } catch {
      storage.removeItem(this.#key); // an unreadable memory is no memory
    }
  }

  #keep(product) {
    const before = this.#products.get(product.product_id);
    const known = Object.fromEntries(Object.entries(pick(product)).filter(([, value]) => value !== null));
    this.#products.set(product.product_id, { ...before, ...known });
    if (this.#products.size > PRODUCTS_MAX) this.#products.delete(this.#products.keys().next().value);
  }

  put(product) {
    this.#keep(product);
    this.#save();
  }

  /** Learn every product that is on the shelf. */
  learn(cards) {
    for (const card of cards) this.#keep(card);
    this.#save();
  }

  get(productId) {
    return this.#products.get(productId) ?? null;
  }

  /** Products that are not among these cards, newest first. */
  away(cards) {
    const shown = new Set(cards.map((card) => card.product_id));
    return [...this.#products.values()].filter((product) => !shown.has(product.product_id)).reverse();
  }

  #save() {
    try {
      this.#storage.setItem(this.#key, JSON.stringify([...this.#products.values()]));
    } catch {
      // A full or forbidden storage costs only the memory of products that are off the shelf.
    }
  }
}

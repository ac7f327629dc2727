// The room's state vector on this side: snapshot, deltas, and what critical events change in it.
// Values are replaced, never mutated, so that a listener may compare by identity. No sockets, no page.

const PINNED_MAX = 3;

const swap = (list, key, item) => list.map((one) => (one[key] === item[key] ? item : one));
const patch = (map = {}, id, change) => (map[id] ? { ...map, [id]: { ...map[id], ...change } } : map);

/** A card on the shelf keeps its place; a new one comes first. */
const shelve = (cards, card) => (cards.some((one) => one.product_id === card.product_id) ? swap(cards, "product_id", card) : [card, ...cards]);

/** A card tied to the sale says sold out when its SKU (or, tied to none, every SKU) is. */
function cardsFollow(cards, sale) {
  const gone = (card) => sale.skus.filter((sku) => !card.sku_id || sku.sku_id === card.sku_id).every((sku) => sku.sold_out);
  return cards.map((card) => (card.sale_id === sale.sale_id ? { ...card, sold_out: gone(card) } : card));
}

const withSale = (state, sale) => ({ sales: { ...state.sales, [sale.sale_id]: sale }, cards: cardsFollow(state.cards, sale) });

function markSku(state, { sale_id: saleId, sku_id: skuId }, soldOut) {
  const sale = state.sales[saleId];
  return sale ? withSale(state, { ...sale, skus: sale.skus.map((sku) => (sku.sku_id === skuId ? { ...sku, sold_out: soldOut } : sku)) }) : {};
}

const room = (state, change) => ({ room: { ...state.room, ...change } });
const lottery = (state, d, change) => ({ lotteries: patch(state.lotteries, d.lottery_id, change) });

function redrawn(state, d) {
  const known = state.lotteries[d.lottery_id];
  if (!known || d.removal <= (known.removals ?? 0)) return {};
  const stayed = (known.winners ?? []).filter((one) => one.user_id !== d.out);
  return lottery(state, d, { winners: d.winner ? [...stayed, d.winner] : stayed, removals: d.removal });
}

/** Critical event name → (state, d) → changed top-level keys. An event that is not here changes nothing shown. */
const FOLDS = {
  // A card on the shelf keeps its place, a new one comes first, as on the server.
  "card.shown": (state, { card }) => ({ cards: shelve(state.cards, card) }),
  "card.hidden": (state, d) => ({ cards: state.cards.filter((card) => card.product_id !== d.product_id) }),
  "cards.ordered": (state, { product_ids: ids }) => {
    const place = (card) => (ids.includes(card.product_id) ? ids.indexOf(card.product_id) : ids.length);
    return { cards: [...state.cards].sort((a, b) => place(a) - place(b)) };
  },
  "product.changed": (state, { product }) => {
    const { title, title_en, image, price_cents, list_cents, currency } = product;
    const shown = { title, title_en, image, price_cents, list_cents, currency };
    return { cards: state.cards.map((card) => (card.product_id === product.product_id ? { ...card, ...shown } : card)) };
  },
  "sale.phase": (state, { sale }) => withSale(state, sale),
  "sale.sold_out": (state, d) => ({ ...markSku(state, d, true), stock: mergeStock(state.stock, { [d.sku_id]: { left: 0, v: d.v } }) }),
  "stock.returned": (state, d) => ({ ...markSku(state, d, false), stock: mergeStock(state.stock, { [d.sku_id]: { left: d.left, v: d.v } }) }),
  "lottery.opened": (state, d) => ({ lotteries: { ...state.lotteries, [d.lottery.lottery_id]: d.lottery } }),
  "lottery.frozen": (state, d) => lottery(state, d, { state: "frozen", entries_count: d.entries_count }),
  "lottery.drawn": (state, d) => lottery(state, d, { state: "drawn", entries_count: d.entries_count, winners: d.winners }),
  "lottery.redrawn": (state, d) => redrawn(state, d),
  "lottery.voided": (state, d) => lottery(state, d, { state: "void" }),
  "poll.opened": (state, d) => ({ polls: { ...state.polls, [d.poll.poll_id]: d.poll } }),
  "poll.closed": (state, d) => ({ polls: patch(state.polls, d.poll_id, { state: "closed", counts: d.counts, voters: d.voters, void: d.void }) }),
  "auction.opened": (state, d) => ({ auctions: { ...state.auctions, [d.auction.auction_id]: d.auction } }),
  "auction.closed": (state, d) => ({ auctions: patch(state.auctions, d.auction_id, { state: "closed", leader: d.winner, amount_cents: d.amount_cents, bids: d.bids, reason: d.reason }) }),
  "comment.pinned": (state, { comment }) => room(state, { pinned: [comment, ...(state.room.pinned ?? []).filter((one) => one.id !== comment.id)].slice(0, PINNED_MAX) }),
  "comment.unpinned": (state, d) => room(state, { pinned: (state.room.pinned ?? []).filter((one) => one.id !== d.comment_id) }),
  "comment.deleted": (state, d) => room(state, { pinned: (state.room.pinned ?? []).filter((one) => one.id !== d.comment_id) }),
  "assistant.changed": (state, d) => {
    const others = (state.room.assistants ?? []).filter((id) => id !== d.user_id);
    return room(state, { assistants: d.appointed ? [...others, d.user_id].sort() : others });
  },
  announcement: (state, d, ts) => room(state, { announcement: d.text ? { text: d.text, ts } : null }),
  "room.changed": (state, { settings, title, stream_url, host }) =>
    room(state, {
      settings: settings ?? state.room.settings,
      ...(title != null && { title }),
      ...(stream_url != null && { stream_url }),
      ...(host != null && { host }),
    }),
  "rain.started": (_, { rain }) => ({ rain }),
  "rain.ended": ({ rain }, { rain_id, ...end }) => (rain?.rain_id === rain_id ? { rain: { ...rain, ...end, left: rain.count - end.claimed_count } } : {}),
  "gift.opened": ({ gifts }, { gift }) => ({ gifts: { ...gifts, [gift.gift_id]: gift } }),
  "gift.closed": ({ gifts }, { gift_id, state, claimed_count, entries_root }) => {
    const gift = gifts?.[gift_id];
    return gift ? { gifts: { ...gifts, [gift_id]: { ...gift, state, entries_root, left: gift.quota - claimed_count } } } : {};
  },
  "room.ended": (state) => room(state, { status: "ended" }),
};

/** Stock is the one part merged: per SKU the higher version wins, so a late frame cannot bring old numbers back. */
export function mergeStock(old = {}, news = {}) {
  const merged = { ...old };
  for (const [sku, level] of Object.entries(news)) {
    if (!merged[sku] || level.v > merged[sku].v) merged[sku] = level;
  }
  return merged;
}

const EMPTY = { online: 0, likes: 0, entries: 0, peak: 0, followers: 0, room: {}, cards: [], sales: {}, stock: {}, lotteries: {}, rain: null, gifts: {}, polls: {}, auctions: {}, questions: { rev: 0, open: 0, answered: 0, top: [] } };

export class RoomStore {
  state = EMPTY;

  /** A full vector. `sameEpoch` keeps newer stock versions that arrived before it. */
  replace(vector, { sameEpoch }) {
    const stock = sameEpoch ? mergeStock(this.state.stock, vector.stock) : (vector.stock ?? {});
    this.state = { ...EMPTY, ...vector, stock };
    return Object.keys(this.state);
  }

  /** A delta as it comes in `st`: whole keys replaced, stock merged. Returns the keys. */
  apply(delta) {
    const { stock, ...rest } = delta;
    this.state = { ...this.state, ...rest, ...(stock && { stock: mergeStock(this.state.stock, stock) }) };
    return Object.keys(delta);
  }

  /** What a critical event changes. Returns the keys it touched. */
  fold(event) {
    const change = FOLDS[event.t]?.(this.state, event.d, event.ts) ?? {};
    this.state = { ...this.state, ...change };
    return Object.keys(change);
  }
}

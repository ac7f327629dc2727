"""The shelf: products, and their cards as viewers see them (listed, explaining, sold out)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from room.addresses import clean_address
from room.errors import Refused
from room.events import CardHidden, CardShown, CardsOrdered, Event, ProductChanged
from room.limits import CARDS_MAX, PRICE_CENTS_MAX, PRODUCTS_MAX, TITLE_GRAPHEMES_MAX
from room.shapes import Card, CardMode, Product
from room.state import RoomState, card_sold_out, require_live
from room.text import clean

CURRENCIES: Final = frozenset({"CNY", "USD", "EUR", "HKD", "JPY", "SGD", "GBP", "TWD", "MYR"})


def put_product(
    state: RoomState,
    *,
    product_id: str,
    title: str,
    price_cents: int,
    title_en: str = "",
    image: str = "",
    list_cents: int | None = None,
    currency: str = "CNY",
) -> tuple[Event, ...]:
    """Add a product or change it. Refuses bad_request, too_long, conflict when the shop is full."""
    require_live(state)
    if product_id not in state.products and len(state.products) >= PRODUCTS_MAX:
        raise Refused("conflict", f"a room holds {PRODUCTS_MAX} products at most")
    if currency not in CURRENCIES:
        raise Refused("bad_request", f"currency must be one of {', '.join(sorted(CURRENCIES))}")
    product = Product(
        product_id=product_id,
        title=clean(title, graphemes_max=TITLE_GRAPHEMES_MAX, field="title"),
        title_en=clean(title_en, graphemes_max=TITLE_GRAPHEMES_MAX, field="title_en")
        if title_en
        else "",
        image=clean_address(image, field="image"),
        price_cents=_cents(price_cents, "price_cents"),
        list_cents=_cents(price_cents if list_cents is None else list_cents, "list_cents"),
        currency=currency,
    )
    return () if state.products.get(product_id) == product else (ProductChanged(product),)


def show(
    state: RoomState,
    *,
    product_id: str,
    now_ms: int,
    mode: CardMode = "listed",
    sale_id: str | None = None,
    sku_id: str | None = None,
) -> tuple[Event, ...]:
    """Put a product's card up, or up again. Without a sale it keeps the one it is tied to.

    Refuses not_found for an unknown product, sale or SKU, conflict when the shelf is full.
    """
    require_live(state)
    product = state.products.get(product_id)
    if product is None:
        raise Refused("not_found", "no such product in this room")
    if mode not in ("listed", "explaining"):
        raise Refused("bad_request", "mode must be listed or explaining")
    old = next((card for card in state.cards if card.product_id == product_id), None)
    if old is None and len(state.cards) >= CARDS_MAX:
        raise Refused("conflict", f"a room shows {CARDS_MAX} cards at most")
    tie = _tie(state, product_id, sale_id, sku_id, old)
    return (CardShown(_card(state, product, mode, now_ms, tie, old)),)


def _card(
    state: RoomState,
    product: Product,
    mode: CardMode,
    now_ms: int,
    tie: tuple[str | None, str | None],
    old: Card | None,
) -> Card:
    sale_id, sku_id = tie
    sale = state.sales.get(sale_id) if sale_id is not None else None
    explaining_ms = old.explain_since_ms if old is not None else None
    return Card(
        product_id=product.product_id,
        title=product.title,
        title_en=product.title_en,
        image=product.image,
        price_cents=product.price_cents,
        list_cents=product.list_cents,
        currency=product.currency,
        mode=mode,
        shown_ms=now_ms,
        explain_since_ms=(explaining_ms or now_ms) if mode == "explaining" else None,
        sale_id=sale_id,
        sku_id=sku_id,
        sold_out=sale is not None and card_sold_out(sale, sku_id),
    )


def _tie(
    state: RoomState,
    product_id: str,
    sale_id: str | None,
    sku_id: str | None,
    old: Card | None,
) -> tuple[str | None, str | None]:
    """The sale and SKU the card sells; a sale alone is enough when it has one SKU of it."""
    if sale_id is None:
        if sku_id is not None:
            raise Refused("bad_request", "sku_id needs a sale_id")
        return (old.sale_id, old.sku_id) if old is not None else (None, None)
    sale = state.sales.get(sale_id)
    if sale is None:
        raise Refused("not_found", "no such sale in this room")
    if sku_id is None:
        own = [sku.sku_id for sku in sale.skus if sku.product_id == product_id]
        return sale_id, own[0] if len(own) == 1 else None
    if not any(sku.sku_id == sku_id for sku in sale.skus):
        raise Refused("not_found", "no such SKU in that sale")
    return sale_id, sku_id


def hide(state: RoomState, product_id: str) -> tuple[Event, ...]:
    _require_shown(state, [product_id])
    return (CardHidden(product_id),)


def order(state: RoomState, product_ids: Sequence[str]) -> tuple[Event, ...]:
    """Put the named cards first, in this order; the others follow as they were."""
    require_live(state)
    if len(product_ids) > CARDS_MAX or len(set(product_ids)) != len(product_ids):
        raise Refused("bad_request", "product_ids must be different, and no more than the cards")
    _require_shown(state, product_ids)
    before = tuple(card.product_id for card in state.cards)
    after = (*product_ids, *(known for known in before if known not in set(product_ids)))
    return (CardsOrdered(after),) if after != before else ()


def _require_shown(state: RoomState, product_ids: Sequence[str]) -> None:
    shown = {card.product_id for card in state.cards}
    unknown = [product_id for product_id in product_ids if product_id not in shown]
    if unknown:
        raise Refused("not_found", f"no card of product {unknown[0]} is shown")


def _cents(cents: int, field: str) -> int:
    if not 0 <= cents <= PRICE_CENTS_MAX:
        raise Refused("bad_request", f"{field} must be between 0 and {PRICE_CENTS_MAX}")
    return cents

"""The shelf: products and the cards shown of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from room import cards
from server.commands.fields import Cents, Id, ShortText, Url
from server.context import Context
from server.registry import HOSTS, STAFF, Params, RateClass, command

CARDS_MAX = 200


class PutProduct(Params):
    product_id: Id
    title: ShortText
    price_cents: Cents
    title_en: ShortText = ""
    image: Url = ""
    list_cents: Cents | None = None


@command("product.put", roles=HOSTS, rate=RateClass.STAFF)
async def put_product(context: Context, params: PutProduct) -> dict[str, Any]:
    """Add a product to the room's catalogue, or change it."""
    await context.change(
        lambda state: cards.put_product(
            state,
            product_id=params.product_id,
            title=params.title,
            title_en=params.title_en,
            image=params.image,
            price_cents=params.price_cents,
            list_cents=params.list_cents,
        )
    )
    return {"product_id": params.product_id}


class ShowCard(Params):
    product_id: Id
    mode: Literal["listed", "explaining"] = "listed"
    sale_id: Id | None = None
    sku_id: Id | None = None


@command("card.show", roles=STAFF, rate=RateClass.STAFF)
async def show(context: Context, params: ShowCard) -> dict[str, Any]:
    """Put a card on the shelf and pop it up at every viewer."""
    now_ms = context.now_ms
    await context.change(
        lambda state: cards.show(
            state,
            product_id=params.product_id,
            mode=params.mode,
            sale_id=params.sale_id,
            sku_id=params.sku_id,
            now_ms=now_ms,
        )
    )
    return {}


class HideCard(Params):
    product_id: Id


@command("card.hide", roles=STAFF, rate=RateClass.STAFF)
async def hide(context: Context, params: HideCard) -> dict[str, Any]:
    """Take a card off the shelf."""
    await context.change(lambda state: cards.hide(state, params.product_id))
    return {}


class OrderCards(Params):
    product_ids: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=CARDS_MAX)]


@command("cards.order", roles=STAFF, rate=RateClass.STAFF)
async def order(context: Context, params: OrderCards) -> dict[str, Any]:
    """Reorder the shelf."""
    await context.change(lambda state: cards.order(state, params.product_ids))
    return {}

"""What every command about a sale shares: naming it, and owning it. No op is registered here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec

from flash_sale.eligibility import Buyer
from flash_sale.sale import Sale
from server.commands.fields import Id
from server.context import Context
from server.errors import CommandRefused
from server.registry import Params

Key = Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]{1,128}$(?!\n)")]


class SaleRef(Params):
    sale_id: Id


async def own_sale(context: Context, sale_id: str) -> None:
    """Refuse a sale of another room as if it did not exist."""
    if sale_id not in context.room.replica.state.sales:
        await sale_as_stored(context, sale_id)


async def sale_as_stored(context: Context, sale_id: str) -> Sale:
    """The sale as SQL has it now, with the same refusal."""
    sale = await context.services.sales.get(sale_id)
    if sale is None or sale.room_id != context.room.room_id:
        raise CommandRefused("not_found", "there is no such sale in this room")
    return sale


async def buyer_of(context: Context, sale_ids: Iterable[str]) -> Buyer:
    """The person as the rules of these sales see them; whether they follow the host is asked only
    where a rule wants to know. Raises `Unavailable` when nobody can say."""
    user, sales = context.user, context.room.replica.state.sales
    wanted = any(id_ not in sales or sales[id_].eligibility.get("follower") for id_ in sale_ids)
    follower = wanted and await context.services.followers.in_room(context.room, user.user_id)
    return Buyer(user.user_id, role=user.role, tier=user.tier, follower=follower)

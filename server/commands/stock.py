"""Stock of a sale, as staff move it: add, take out, from one channel to another."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from flash_sale.sale import Level
from room.text import normalise
from server.commands.fields import Count, Id, ShortText
from server.commands.sale_ref import Key, SaleRef, own_sale
from server.context import Context
from server.registry import HOSTS, RateClass, command


class ChangeStock(SaleRef):
    sku_id: Id
    qty: Count
    channel: Id = "live"
    reason: ShortText = ""
    key: Key | None = None


@command("stock.restock", roles=HOSTS, rate=RateClass.STAFF)
async def restock(context: Context, params: ChangeStock) -> dict[str, Any]:
    """Add stock to a SKU of a sale, in one channel."""
    await own_sale(context, params.sale_id)
    level = await context.services.sales.restock(
        params.sale_id,
        params.sku_id,
        params.qty,
        actor=context.user.user_id,
        reason=normalise(params.reason),
        key=params.key,
        channel=params.channel,
    )
    return _told(level)


@command("stock.write_off", roles=HOSTS, rate=RateClass.STAFF)
async def write_off(context: Context, params: ChangeStock) -> dict[str, Any]:
    """Take unsold stock of a SKU out of a sale, from one channel."""
    await own_sale(context, params.sale_id)
    level = await context.services.sales.write_off(
        params.sale_id,
        params.sku_id,
        params.qty,
        actor=context.user.user_id,
        reason=normalise(params.reason),
        key=params.key,
        channel=params.channel,
    )
    return _told(level)


class TransferStock(SaleRef, rename={"from_channel": "from", "to_channel": "to"}):
    sku_id: Id
    qty: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    from_channel: Id
    to_channel: Id
    reason: ShortText = ""
    key: Key | None = None


@command("stock.transfer", roles=HOSTS, rate=RateClass.STAFF)
async def transfer(context: Context, params: TransferStock) -> dict[str, Any]:
    """Move unsold stock of a SKU between channels; their sum stays."""
    await own_sale(context, params.sale_id)
    giver, taker = await context.services.sales.transfer(
        params.sale_id,
        params.sku_id,
        params.qty,
        from_channel=params.from_channel,
        to_channel=params.to_channel,
        actor=context.user.user_id,
        reason=normalise(params.reason),
        key=params.key,
    )
    return {"from": _told(giver), "to": _told(taker)}


def _told(level: Level) -> dict[str, int]:
    return {"left": level.left, "v": level.v}

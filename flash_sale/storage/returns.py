"""Pieces that refunds gave back, as SQL knows them: what a rebuilt sale must not forget."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from flash_sale.refunds import StockReturn, restock_key
from flash_sale.storage.tables import orders, refunds, stock_changes


async def returned_pieces(
    connection: AsyncConnection, sale_id: str, order_ids: Sequence[str]
) -> dict[str, tuple[tuple[str, int], ...]]:
    """By order the pieces that no longer count against its buyer's limit, by SKU."""
    at = stock_changes.c
    rows = await connection.execute(
        select(at.order_id, at.sku_id, func.sum(at.qty))
        .where(at.sale_id == sale_id, at.order_id.in_(order_ids))
        .group_by(at.order_id, at.sku_id)
        .order_by(at.sku_id)
    )
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for order_id, sku_id, qty in rows:
        found[order_id].append((sku_id, int(qty)))
    return {order_id: tuple(found[order_id]) for order_id in order_ids}


async def reopen_lost_returns(connection: AsyncConnection, sale_id: str) -> None:
    """Refunds whose pieces came back by a journal entry that never reached SQL return them anew."""
    done = await connection.execute(
        select(refunds.c.refund_id, refunds.c.lines)
        .join(orders, orders.c.order_id == refunds.c.order_id)
        .where(orders.c.sale_id == sale_id, refunds.c.stock == StockReturn.RETURNED)
    )
    known = select(stock_changes.c.key).where(stock_changes.c.sale_id == sale_id)
    keys = set((await connection.execute(known)).scalars())
    lost = [
        refund_id
        for refund_id, lines in done
        for sku_id, _ in msgspec.json.decode(lines, type=list[tuple[str, int]])
        if restock_key(refund_id, sku_id) not in keys
    ]
    if lost:
        again = update(refunds).where(refunds.c.refund_id.in_(set(lost)))
        await connection.execute(again.values(stock=StockReturn.RETURNING))

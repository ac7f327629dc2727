"""What SQL says of a sale's stock, cell by cell: the ground on which a lost sale is rebuilt."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import orjson
from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from flash_sale.channels import Cell, shares
from flash_sale.orders import OrderStatus
from flash_sale.ports import StockSums
from flash_sale.storage.tables import order_lines, orders, sale_skus, stock_changes


async def stock_sums(connection: AsyncConnection, sale_id: str) -> dict[Cell, StockSums]:
    """Every cell that ever had a piece, and every SKU's live one."""
    cells: dict[Cell, dict[str, int]] = {}
    skus = await connection.execute(
        select(sale_skus).where(sale_skus.c.sale_id == sale_id).order_by(sale_skus.c.position)
    )
    for sku in skus:
        for channel, pieces in shares(sku.stock, orjson.loads(sku.channels)).items():
            cells[Cell(sku.sku_id, channel)] = {"initial": pieces}
    for counts in (await _changes(connection, sale_id), await _ordered(connection, sale_id)):
        for cell, sums in counts.items():
            cells.setdefault(cell, {"initial": 0}).update(sums)
    return {cell: StockSums(**sums) for cell, sums in cells.items()}


async def _changes(connection: AsyncConnection, sale_id: str) -> dict[Cell, dict[str, int]]:
    at = stock_changes.c
    rows = await connection.execute(
        select(at.sku_id, at.channel, at.to_channel, at.kind, func.sum(at.qty))
        .where(at.sale_id == sale_id)
        .group_by(at.sku_id, at.channel, at.to_channel, at.kind)
    )
    found: dict[Cell, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for sku_id, channel, to_channel, kind, qty in rows:
        here = found[Cell(sku_id, channel)]
        if kind == "transfer":
            here["transferred"] -= int(qty)
            found[Cell(sku_id, to_channel)]["transferred"] += int(qty)
        else:
            here["restocked" if kind == "restock" else "written_off"] += int(qty)
    return found


async def _ordered(connection: AsyncConnection, sale_id: str) -> dict[Cell, dict[str, int]]:
    placed = orders.c.status == OrderStatus.PLACED
    sold = orders.c.paid_ms.is_not(None)  # refunded or not: pieces come back by a restock
    pieces: Any = (
        select(
            order_lines.c.sku_id,
            orders.c.channel,
            func.sum(case((placed, order_lines.c.qty), else_=0)).label("held"),
            func.sum(case((sold, order_lines.c.qty), else_=0)).label("sold"),
        )
        .join(orders, orders.c.order_id == order_lines.c.order_id)
        .where(orders.c.sale_id == sale_id)
        .group_by(order_lines.c.sku_id, orders.c.channel)
    )
    return {
        Cell(row.sku_id, row.channel): {"held": int(row.held), "sold": int(row.sold)}
        for row in await connection.execute(pieces)
    }

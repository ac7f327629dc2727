"""Orders as rows of their tables. No rules and no transactions here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from flash_sale.orders import Order, OrderLine, OrderStatus, discounts_in, priced
from flash_sale.storage.tables import order_lines


async def orders_of_rows(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Order]:
    """The orders of rows of `orders`, in their order, each with its lines."""
    lines = await connection.execute(
        select(order_lines)
        .where(order_lines.c.order_id.in_([row.order_id for row in rows]))
        .order_by(order_lines.c.order_id, order_lines.c.position)
    )
    by_order: dict[str, list[OrderLine]] = {row.order_id: [] for row in rows}
    for line in lines:
        by_order[line.order_id].append(
            OrderLine(
                line.sku_id,
                line.product_id,
                line.title,
                line.qty,
                line.unit_cents,
                origin=line.origin or "",
            )
        )
    return [_order(row, by_order[row.order_id]) for row in rows]


def _order(row: Row[Any], lines: Sequence[OrderLine]) -> Order:
    discounted = sum(line.qty * line.unit_cents for line in lines) != row.amount_cents
    discounts = discounts_in(row.answer, row.order_id) if discounted and row.answer else ()
    return Order(
        suffix=row.order_id[1:],
        room_id=row.room_id,
        sale_id=row.sale_id,
        user_id=row.user_id,
        status=OrderStatus(row.status),
        lines=priced(lines, row.amount_cents, discounts),
        amount_cents=row.amount_cents,
        currency=row.currency,
        created_ms=row.created_ms,
        pay_by_ms=row.pay_by_ms,
        expires_ms=row.expires_ms,
        paid_ms=row.paid_ms,
        payment_id=row.payment_id,
        journal_seq=row.journal_seq,
        discounts=discounts,
        channel=row.channel,
    )

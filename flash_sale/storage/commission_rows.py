"""Locking a host's commission when an order's row is written, as a part of that transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from flash_sale.orders import Order
from flash_sale.rewards import commission_cents
from flash_sale.storage.sql import insert_new
from flash_sale.storage.tables_rewards import commission_rates, commissions


async def lock_commissions(
    connection: AsyncConnection, room_id: str, placed: Callable[[], Sequence[Order]]
) -> None:
    """By the rates that held when each order was made; lines without a rate earn nothing.

    `placed` are new orders of that room, built only when the room has a rate.
    """
    rates = (await connection.execute(_RATES, {"room": room_id})).all()
    if not rates:
        return
    rows = [row for order in placed() for row in _lines(order, rates)]
    if rows:
        statement = insert_new(connection, commissions, ["order_id", "position"])
        await connection.execute(statement, rows)


_RATES = (
    select(commission_rates)
    .where(commission_rates.c.room_id == bindparam("room"))
    .order_by(commission_rates.c.number)
)


def rate_at(rates: Sequence[Row[Any]], order: Order, product_id: str) -> Row[Any] | None:
    """The latest rate of the product at the time of the order, else of all other products."""
    found: dict[str, Row[Any]] = {}
    for rate in rates:
        if rate.room_id == order.room_id and rate.from_ms <= order.created_ms:
            found[rate.product_id] = rate
    return found.get(product_id, found.get(""))


def _lines(order: Order, rates: Sequence[Row[Any]]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for position, line in enumerate(order.lines):
        rate = rate_at(rates, order, line.product_id)
        if rate is None or rate.rate_bp == 0:
            continue
        rows.append(
            {
                "order_id": order.order_id,
                "position": position,
                "room_id": order.room_id,
                "host_id": rate.host_id,
                "product_id": line.product_id,
                "sku_id": line.sku_id,
                "base_cents": line.paid_cents,
                "rate_bp": rate.rate_bp,
                "commission_cents": commission_cents(line.paid_cents, rate.rate_bp),
                "reversed_cents": 0,
                "state": "locked",
                "created_ms": order.created_ms,
            }
        )
    return rows

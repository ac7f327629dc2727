"""A room's sales figures for the pages, straight from SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flash_sale.orders import OrderStatus
from flash_sale.storage.sql import sql_answering
from flash_sale.storage.tables import order_lines, orders

BUCKET_MS = 5000
BUCKETS_MAX = 120
TOP_PRODUCTS_MAX = 10
PAID = (OrderStatus.PAID, OrderStatus.PARTIALLY_REFUNDED)  # at their full price


class SqlNumbers:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def who_bought(self, user_ids: Sequence[str]) -> set[str]:
        """Those of them who ever paid an order."""
        chosen = (
            select(orders.c.user_id)
            .where(orders.c.user_id.in_(user_ids), orders.c.paid_ms.is_not(None))
            .distinct()
        )
        async with sql_answering(), self._engine.connect() as connection:
            return set((await connection.execute(chosen)).scalars())

    async def sale_numbers(self, room_id: str, now_ms: int) -> dict[str, Any]:
        """Reservations ever made, orders still standing, orders paid, money in, best sellers,
        and the last ten minutes in steps of five seconds."""
        async with sql_answering(), self._engine.connect() as connection:
            totals = (await connection.execute(_totals(room_id))).one()
            top = (await connection.execute(_top_products(room_id))).all()
            series = await _series(connection, room_id, now_ms)
        return {
            "reservations": int(totals.reservations),
            "orders": int(totals.orders or 0),
            "paid_orders": int(totals.paid_orders or 0),
            "gmv_cents": int(totals.gmv_cents or 0),
            "top_products": [
                {
                    "product_id": row.product_id,
                    "title": row.title,
                    "qty": int(row.qty),
                    "gmv_cents": int(row.gmv_cents),
                }
                for row in top
            ],
            "series": series,
        }


def _totals(room_id: str) -> Any:  # noqa: ANN401 - a statement
    paid = orders.c.status.in_(PAID)
    standing = orders.c.status.in_([OrderStatus.PLACED, *PAID])
    return select(
        func.count().label("reservations"),
        func.sum(case((standing, 1), else_=0)).label("orders"),
        func.sum(case((paid, 1), else_=0)).label("paid_orders"),
        func.sum(case((paid, orders.c.amount_cents), else_=0)).label("gmv_cents"),
    ).where(orders.c.room_id == room_id)


def _top_products(room_id: str) -> Any:  # noqa: ANN401 - a statement
    money = func.sum(order_lines.c.qty * order_lines.c.unit_cents)
    return (
        select(
            order_lines.c.product_id,
            func.max(order_lines.c.title).label("title"),
            func.sum(order_lines.c.qty).label("qty"),
            money.label("gmv_cents"),
        )
        .join(orders, orders.c.order_id == order_lines.c.order_id)
        .where(orders.c.room_id == room_id, orders.c.status.in_(PAID))
        .group_by(order_lines.c.product_id)
        .order_by(money.desc(), order_lines.c.product_id)
        .limit(TOP_PRODUCTS_MAX)
    )


async def _series(connection: AsyncConnection, room_id: str, now_ms: int) -> list[dict[str, int]]:
    first = (now_ms // BUCKET_MS - BUCKETS_MAX + 1) * BUCKET_MS
    created = orders.c.created_ms - orders.c.created_ms % BUCKET_MS
    paid = orders.c.paid_ms - orders.c.paid_ms % BUCKET_MS
    placed_rows = await connection.execute(
        select(created, func.count())
        .where(orders.c.room_id == room_id, orders.c.created_ms >= first)
        .group_by(created)
    )
    paid_rows = await connection.execute(
        select(paid, func.sum(orders.c.amount_cents))
        .where(
            orders.c.room_id == room_id,
            orders.c.paid_ms >= first,
            orders.c.status.in_(PAID),
        )
        .group_by(paid)
    )
    counts = {int(at): int(n) for at, n in placed_rows}
    sums = {int(at): int(n) for at, n in paid_rows}
    return [
        {"ts": at, "orders": counts.get(at, 0), "gmv_cents": sums.get(at, 0)}
        for at in sorted(counts.keys() | sums.keys())
        if at <= now_ms
    ]

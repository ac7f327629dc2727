"""A room's sales figures for the pages, straight from SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Float, case, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flash_sale.orders import OrderStatus
from flash_sale.refunds import DONE
from flash_sale.storage.sql import sql_answering
from flash_sale.storage.tables import order_lines, orders, refunds

BUCKET_MS = 5000
BUCKETS_MAX = 120
TOP_PRODUCTS_MAX = 10
PAID = (OrderStatus.PAID, OrderStatus.PARTIALLY_REFUNDED)
LESS = (OrderStatus.PARTIALLY_REFUNDED, OrderStatus.REFUNDED)  # some of the money went back


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
        """Reservations ever made, orders still standing, orders paid, best sellers, and the last
        ten minutes in steps of five seconds. `gmv_cents` is `gross_cents`, all that orders were
        paid with, less `refunded_cents`; so it is everywhere here."""
        async with sql_answering(), self._engine.connect() as connection:
            totals = (await connection.execute(_totals(room_id))).one()
            top = (await connection.execute(_top_products(room_id))).all()
            series = await _series(connection, room_id, now_ms)
        return {
            "reservations": int(totals.reservations),
            "orders": int(totals.orders or 0),
            "paid_orders": int(totals.paid_orders or 0),
            "gross_cents": int(totals.gross_cents or 0),
            "refunded_cents": int(totals.refunded_cents or 0),
            "gmv_cents": int(totals.gross_cents or 0) - int(totals.refunded_cents or 0),
            "top_products": [
                {
                    "product_id": row.product_id,
                    "title": row.title,
                    "qty": int(row.qty),
                    "gmv_cents": round(row.gmv_cents),
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
        func.sum(case((_ever_paid(), orders.c.amount_cents), else_=0)).label("gross_cents"),
        func.sum(case((_ever_paid(), _back()), else_=0)).label("refunded_cents"),
    ).where(orders.c.room_id == room_id)


def _ever_paid() -> Any:  # noqa: ANN401 - an expression
    return orders.c.paid_ms.is_not(None)


def _back() -> Any:  # noqa: ANN401 - an expression
    """Cents of an order's payment that went back; only looked for where there are any."""
    back = select(func.coalesce(func.sum(refunds.c.amount_cents), 0)).where(
        refunds.c.payment_id == orders.c.payment_id, refunds.c.status.in_(DONE)
    )
    return case((orders.c.status.in_(LESS), back.correlate(orders).scalar_subquery()), else_=0)


def _top_products(room_id: str) -> Any:  # noqa: ANN401 - a statement
    """Each line has its share of what its order brought in, discounts and refunds taken off."""
    line = order_lines.alias()
    full = select(func.sum(line.c.qty * line.c.unit_cents)).where(
        line.c.order_id == orders.c.order_id
    )
    share = cast(order_lines.c.qty * order_lines.c.unit_cents, Float) / func.nullif(
        full.correlate(orders).scalar_subquery(), 0
    )
    money = func.sum(share * (orders.c.amount_cents - _back()))
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
        select(paid, func.sum(orders.c.amount_cents - _back()))
        .where(orders.c.room_id == room_id, orders.c.paid_ms >= first)
        .group_by(paid)
    )
    counts = {int(at): int(n) for at, n in placed_rows}
    sums = {int(at): int(n) for at, n in paid_rows}
    return [
        {"ts": at, "orders": counts.get(at, 0), "gmv_cents": sums.get(at, 0)}
        for at in sorted(counts.keys() | sums.keys())
        if at <= now_ms
    ]

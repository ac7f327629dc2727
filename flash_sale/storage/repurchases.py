"""Coupons that paid orders bring, in SQL: `flash_sale.repurchase.GrantLedger`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flash_sale.orders import OrderStatus
from flash_sale.repurchase import DueGrant
from flash_sale.storage.sql import MOST, insert_new, sql_answering
from flash_sale.storage.tables import orders
from flash_sale.storage.tables_rewards import coupons, repurchase_grants


class SqlRepurchases:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def due(self, limit: int) -> list[DueGrant]:
        """Those not yet decided, in the order they were paid."""
        async with sql_answering(), self._engine.connect() as connection:
            return [
                DueGrant(
                    row.coupon_id,
                    row.order_id,
                    row.room_id,
                    row.user_id,
                    row.paid_ms,
                    bool(row.bought_before),
                )
                for row in await connection.execute(_DUE, {"most": limit})
            ]

    async def decided(self, grant: DueGrant, outcome: str) -> bool:
        """False when it was decided already."""
        async with sql_answering(), self._engine.begin() as connection:
            done = await connection.execute(
                update(repurchase_grants)
                .where(
                    repurchase_grants.c.coupon_id == grant.coupon_id,
                    repurchase_grants.c.order_id == grant.order_id,
                    repurchase_grants.c.outcome.is_(None),
                )
                .values(outcome=outcome)
            )
        return done.rowcount == 1


_GRANTS = repurchase_grants.c
_EARLIER = or_(
    orders.c.paid_ms < _GRANTS.paid_ms,
    and_(orders.c.paid_ms == _GRANTS.paid_ms, orders.c.order_id < _GRANTS.order_id),
)
_BEFORE = exists().where(
    orders.c.user_id == _GRANTS.user_id, orders.c.room_id == _GRANTS.room_id, _EARLIER
)
_DUE = (
    select(repurchase_grants, _BEFORE.label("bought_before"))
    .where(_GRANTS.outcome.is_(None))
    .order_by(_GRANTS.paid_ms, _GRANTS.order_id, _GRANTS.coupon_id)
    .limit(MOST)
)


async def note_repurchases(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> None:
    """Orders were paid: write down, in the same transaction, the coupons they may bring."""
    paid = [row for row in rows if row.status == OrderStatus.PAID and row.paid_ms is not None]
    if not paid:
        return
    chosen = select(coupons).where(
        coupons.c.room_id.in_({row.room_id for row in paid}),
        coupons.c.repurchase != "",
        coupons.c.closes_ms > min(row.paid_ms for row in paid),
    )
    found = (await connection.execute(chosen)).all()
    due = [
        {
            "coupon_id": coupon.coupon_id,
            "order_id": row.order_id,
            "room_id": row.room_id,
            "user_id": row.user_id,
            "paid_ms": row.paid_ms,
        }
        for row in paid
        for coupon in found
        if coupon.room_id == row.room_id and coupon.created_ms <= row.paid_ms < coupon.closes_ms
    ]
    if due:
        statement = insert_new(connection, repurchase_grants, ["coupon_id", "order_id"])
        await connection.execute(statement, due)

"""Reading points and commissions, and setting rates of commissions; booked in `followers.py`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from flash_sale.errors import Refused
from flash_sale.rewards import RATE_BP_MAX
from flash_sale.storage.sql import sql_answering
from flash_sale.storage.tables_rewards import (
    commission_rates,
    commissions,
    points_balances,
    points_ledger,
)

ENTRIES_MAX = 100  # the newest of a person's ledger


class SqlRewards:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def points(self, user_id: str) -> dict[str, Any]:
        """The balance and the newest entries; a point is worth a cent."""
        entries = (
            select(points_ledger)
            .where(points_ledger.c.user_id == user_id)
            .order_by(points_ledger.c.at_ms.desc(), points_ledger.c.entry_key)
            .limit(ENTRIES_MAX)
        )
        balance = select(points_balances.c.points).where(points_balances.c.user_id == user_id)
        async with sql_answering(), self._engine.connect() as connection:
            points = (await connection.execute(balance)).scalar_one_or_none() or 0
            rows = (await connection.execute(entries)).all()
        return {
            "points": points,
            "entries": [
                {
                    "kind": row.kind,
                    "points": row.points,
                    "order_id": row.order_id,
                    "at_ms": row.at_ms,
                }
                for row in rows
            ],
        }

    async def set_rate(
        self, room_id: str, product_id: str, host_id: str, rate_bp: int, *, actor: str, now_ms: int
    ) -> None:
        """The commission of orders made from now on, of one product or ("") of all others."""
        if not 0 <= rate_bp <= RATE_BP_MAX:
            raise Refused("bad_request", "A rate is 0 to 10000 hundredths of a percent.")
        row = {
            "room_id": room_id,
            "product_id": product_id,
            "host_id": host_id,
            "rate_bp": rate_bp,
            "from_ms": now_ms,
            "actor": actor,
        }
        async with sql_answering(), self._engine.begin() as connection:
            await connection.execute(insert(commission_rates).values(row))

    async def commissions(self, room_id: str, limit: int) -> dict[str, Any]:
        """The room's commissions, newest first, and their sums by host."""
        net = commissions.c.commission_cents - commissions.c.reversed_cents
        earned = (commissions.c.room_id == room_id) & (commissions.c.state == "earned")
        sums = (
            select(commissions.c.host_id, func.sum(net))
            .where(earned)
            .group_by(commissions.c.host_id)
            .order_by(commissions.c.host_id)
        )
        chosen = (
            select(commissions)
            .where(commissions.c.room_id == room_id)
            .order_by(
                commissions.c.created_ms.desc(), commissions.c.order_id, commissions.c.position
            )
            .limit(limit)
        )
        async with sql_answering(), self._engine.connect() as connection:
            hosts = (await connection.execute(sums)).all()
            rows = (await connection.execute(chosen)).mappings().all()
        return {
            "hosts": [{"host_id": host, "earned_cents": int(cents)} for host, cents in hosts],
            "commissions": [{str(name): row[name] for name in row} for row in rows],
        }

"""What orders take over when they are made of others: `flash_sale.regrouping.RegroupLedger`.

The plan is written before the script makes the new orders; the row of each new order carries its
part of the plan out in the transaction that writes it (`regroup_rows.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from flash_sale.regrouping import DoubtfulOrder, RegroupPlan
from flash_sale.storage.benefit_parts import drop_parts, part_holds, plan_parts
from flash_sale.storage.followers import follow_benefits_of
from flash_sale.storage.regroup_rows import shared_commissions
from flash_sale.storage.sql import sql_answering
from flash_sale.storage.tables_rewards import regroup_plans


class SqlRegroupings:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def write(self, plan: RegroupPlan, now_ms: int) -> None:
        """The old orders' rows are there, and with them what hangs on them."""
        async with sql_answering(), self._engine.begin() as connection:
            locked = await shared_commissions(connection, plan)
            await connection.execute(
                insert(regroup_plans),
                [
                    {
                        "order_id": new.order_id,
                        "sale_id": plan.sale_id,
                        "olds": msgspec.json.encode(plan.olds).decode(),
                        "commissions": msgspec.json.encode(locked[new.order_id]).decode(),
                        "state": "planned",
                        "created_ms": now_ms,
                        "looked_ms": now_ms,
                    }
                    for new in plan.news
                ],
            )
            await part_holds(connection, plan.olds)
            for old_id in plan.olds:
                takers = [new for new in plan.news if any(x.order_id == old_id for x in new.lines)]
                await plan_parts(
                    connection,
                    old_id,
                    {new.order_id: new.points.get(old_id, 0) for new in takers},
                    {new.order_id: new.shares.get(old_id, 0) for new in takers},
                )

    async def drop(self, order_ids: Sequence[str], now_ms: int) -> int:
        """Forget planned orders that are known not to be; how many of them were still planned."""
        dropped = 0
        async with sql_answering(), self._engine.begin() as connection:
            for order_id in order_ids:
                mine = regroup_plans.c.order_id == order_id
                row = (await connection.execute(select(regroup_plans).where(mine))).one_or_none()
                done = await connection.execute(
                    delete(regroup_plans).where(mine, regroup_plans.c.state == "planned")
                )
                if row is None or done.rowcount != 1:
                    continue
                olds = msgspec.json.decode(row.olds, type=list[str])
                await drop_parts(connection, order_id, olds, now_ms)
                await follow_benefits_of(connection, olds, now_ms)
                dropped += 1
        return dropped

    async def doubtful(self, looked_before_ms: int, limit: int) -> list[DoubtfulOrder]:
        """Planned orders without a row, least recently looked at first."""
        plans = regroup_plans.c
        chosen = (
            select(plans.order_id, plans.sale_id, plans.created_ms, plans.looked_ms)
            .where(plans.state == "planned", plans.looked_ms <= looked_before_ms)
            .order_by(plans.looked_ms)
            .limit(limit)
        )
        async with sql_answering(), self._engine.connect() as connection:
            return [DoubtfulOrder(*row) for row in await connection.execute(chosen)]

    async def note_looked(self, order_id: str, now_ms: int) -> None:
        mine = regroup_plans.c.order_id == order_id
        async with sql_answering(), self._engine.begin() as connection:
            await connection.execute(
                update(regroup_plans)
                .where(mine, regroup_plans.c.state == "planned")
                .values(looked_ms=now_ms)
            )

"""A planned order takes over what it was promised, as a part of the transaction of its row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from flash_sale.orders import Reservation
from flash_sale.pricing import distribute
from flash_sale.regrouping import RegroupPlan
from flash_sale.storage.benefit_parts import take_over
from flash_sale.storage.sql import insert_new
from flash_sale.storage.tables_rewards import commissions, regroup_plans


async def carry_out(connection: AsyncConnection, reservations: Sequence[Reservation]) -> set[str]:
    """Those of the new orders that had a plan: their commissions are written here."""
    ids = [r.order_id for r in reservations if r.lines and r.lines[0].origin]
    if not ids:
        return set()
    chosen = select(regroup_plans).where(regroup_plans.c.order_id.in_(ids))
    done: set[str] = set()
    for plan in (await connection.execute(chosen)).all():
        mine = regroup_plans.c.order_id == plan.order_id
        moved = await connection.execute(
            update(regroup_plans)
            .where(mine, regroup_plans.c.state == "planned")
            .values(state="done")
        )
        done.add(plan.order_id)
        if moved.rowcount != 1:  # by the journal or at a payment before
            continue
        locked = msgspec.json.decode(plan.commissions, type=list[dict[str, Any]])
        if locked:
            statement = insert_new(connection, commissions, ["order_id", "position"])
            await connection.execute(statement, locked)
        await take_over(connection, plan.order_id, msgspec.json.decode(plan.olds, type=list[str]))
    return done


async def shared_commissions(
    connection: AsyncConnection, plan: RegroupPlan
) -> dict[str, list[dict[str, object]]]:
    """The old lines' commissions over the new ones, by what each costs; the rate stays as locked.

    By largest remainder, so that the parts of each line add up to it.
    """
    chosen = select(commissions).where(commissions.c.order_id.in_(plan.olds))
    locked = {(row.order_id, row.position): row for row in await connection.execute(chosen)}
    places: dict[tuple[str, int], list[tuple[str, int, int]]] = defaultdict(list)
    for new in plan.news:
        for nth, origin in enumerate(new.lines):
            places[origin.order_id, origin.position].append((new.order_id, nth, origin.cents))
    found: dict[str, list[dict[str, object]]] = {new.order_id: [] for new in plan.news}
    for line, heirs in places.items():
        row = locked.get(line)
        if row is None:
            continue
        parts = distribute(row.commission_cents, [cents for _, _, cents in heirs])
        for (order_id, nth, cents), commission in zip(heirs, parts, strict=True):
            found[order_id].append(
                {
                    **row._mapping,
                    "order_id": order_id,
                    "position": nth,
                    "base_cents": cents,
                    "commission_cents": commission,
                    "reversed_cents": 0,
                    "state": "locked",
                }
            )
    return found

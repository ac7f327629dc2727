"""Coupons and points that several orders share since one was split or some were merged.

Parts of transactions only. A coupon of a shared hold is used with the first of its orders that is
paid, and comes back, once, with the last of them that is gone when none was paid. Points belong to
one order each and follow that order alone. Whoever changes a hold's parts writes its row first, so
that two of its orders that end at the same moment come one after the other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from flash_sale.coupons import ClaimState
from flash_sale.errors import Refused
from flash_sale.orders import OrderStatus
from flash_sale.storage.benefit_rows import (
    book_points,
    give_claims_back,
    take_claims,
    use_claims,
)
from flash_sale.storage.tables import orders
from flash_sale.storage.tables_rewards import benefit_holds, benefit_parts, coupon_claims

PLANNED, BOUND, USED, RELEASED, MOVED = "planned", "bound", "used", "released", "moved"
ENDED_UNUSED = (RELEASED, MOVED)


async def part_holds(connection: AsyncConnection, order_ids: Sequence[str]) -> None:
    """Holds that one of the orders has to itself become shared ones."""
    chosen = select(benefit_holds).where(
        benefit_holds.c.order_id.in_(order_ids), benefit_holds.c.state == "bound"
    )
    for hold in (await connection.execute(chosen)).all():
        mine = benefit_holds.c.hold_id == hold.hold_id
        done = await connection.execute(
            update(benefit_holds)
            .where(mine, benefit_holds.c.state == "bound")
            .values(state="parted")
        )
        if done.rowcount == 1:
            await connection.execute(
                insert(benefit_parts).values(
                    hold_id=hold.hold_id,
                    order_id=hold.order_id,
                    from_order="",
                    user_id=hold.user_id,
                    points=hold.points,
                    state=BOUND,
                    round=1,
                )
            )


async def plan_parts(
    connection: AsyncConnection,
    old_id: str,
    points: Mapping[str, int],
    shares: Mapping[str, int],
) -> None:
    """Write down which new orders take over what `old_id` has: `points` each, of the holds in turn.

    A new order that none of the discounts fell on has no part in its coupon.
    """
    chosen = (
        select(
            benefit_parts.c.hold_id,
            benefit_parts.c.user_id,
            func.sum(benefit_parts.c.points).label("points"),
        )
        .where(benefit_parts.c.order_id == old_id, benefit_parts.c.state == BOUND)
        .group_by(benefit_parts.c.hold_id, benefit_parts.c.user_id)
        .order_by(benefit_parts.c.hold_id)
    )
    holds = (await connection.execute(chosen)).all()
    sharing = [order_id for order_id, cents in shares.items() if cents] or list(shares)[:1]
    wanted = {order_id: points.get(order_id, 0) for order_id in sharing}
    rows = []
    for nth, hold in enumerate(holds):
        rest = int(hold.points)
        last = nth == len(holds) - 1
        for order_id in sharing:
            is_end = last and order_id == sharing[-1]
            mine = rest if is_end else min(rest, wanted[order_id])
            rest -= mine
            wanted[order_id] -= mine
            rows.append(
                {
                    "hold_id": hold.hold_id,
                    "order_id": order_id,
                    "from_order": old_id,
                    "user_id": hold.user_id,
                    "points": mine,
                    "state": PLANNED,
                    "round": 1,
                }
            )
    if rows:
        await connection.execute(insert(benefit_parts), rows)


async def take_over(connection: AsyncConnection, order_id: str, olds: Sequence[str]) -> None:
    """The new order is there: it has what was planned, and the old ones have it no more."""
    parts = benefit_parts.c
    await connection.execute(
        update(benefit_parts)
        .where(parts.order_id == order_id, parts.state == PLANNED)
        .values(state=BOUND)
    )
    await connection.execute(
        update(benefit_parts)
        .where(parts.order_id.in_(olds), parts.state == BOUND)
        .values(state=MOVED)
    )


async def drop_parts(
    connection: AsyncConnection, order_id: str, olds: Sequence[str], at_ms: int
) -> None:
    """The planned order will never be. What the old one has handed on already comes back."""
    parts = benefit_parts.c
    chosen = select(benefit_parts).where(parts.order_id == order_id, parts.state == PLANNED)
    for part in (await connection.execute(chosen)).all():
        await _lock(connection, part.hold_id)
        handed_on = select(parts.state).where(
            parts.hold_id == part.hold_id, parts.order_id.in_(olds), parts.state == MOVED
        )
        if (await connection.execute(handed_on)).first() is not None:
            await _release(connection, part, PLANNED, at_ms)
        else:
            await connection.execute(delete(benefit_parts).where(_is(part)))
        await _settle_claims(connection, part.hold_id)


async def follow_parts(
    connection: AsyncConnection,
    statuses: Mapping[str, str],
    *,
    unpaid: Collection[str],
    paid: Collection[str],
    at_ms: int,
) -> None:
    """Bring shared holds in line with the `statuses` of orders; `unpaid` are those still open."""
    parts = benefit_parts.c
    mine = parts.order_id.in_(list(statuses))
    chosen = select(parts.hold_id).where(mine, parts.state == BOUND).distinct()
    for hold_id in sorted((await connection.execute(chosen)).scalars()):
        await _lock(connection, hold_id)
        rows = select(benefit_parts).where(parts.hold_id == hold_id, mine, parts.state == BOUND)
        for part in (await connection.execute(rows)).all():
            status = statuses[part.order_id]
            if status in unpaid or await _is_being_moved(connection, part):
                continue
            if status in paid:
                await _move(connection, part, BOUND, USED)
                await use_claims(connection, hold_id)
            else:
                await _release(connection, part, BOUND, at_ms)
        await _settle_claims(connection, hold_id)


async def retake_parts(connection: AsyncConnection, order_id: str, at_ms: int) -> bool:
    """Take what a lapsed order shared once more; False when it is another's by now.

    True also when it shared nothing. On False the caller rolls back.
    """
    parts = benefit_parts.c
    chosen = select(benefit_parts).where(parts.order_id == order_id)
    for part in (await connection.execute(chosen)).all():
        await _lock(connection, part.hold_id)
        if part.state == MOVED or await _is_being_moved(connection, part):
            return False
        if part.state != RELEASED:
            continue
        if not await _has_claims(connection, part.hold_id) and not await take_claims(
            connection, part.hold_id
        ):
            return False
        await connection.execute(
            update(benefit_parts)
            .where(_is(part), parts.state == RELEASED)
            .values(state=BOUND, round=part.round + 1)
        )
        try:
            await _book(connection, part, "spend", -part.points, part.round + 1, at_ms)
        except Refused:
            return False
    return True


async def none_is_paid(connection: AsyncConnection, hold_id: str) -> bool:
    """Whether every order that shares a hold lapsed, or had all of its money given back."""
    parts = benefit_parts.c
    chosen = (
        select(parts.order_id)
        .outerjoin(orders, orders.c.order_id == parts.order_id)
        .where(
            parts.hold_id == hold_id,
            parts.state.not_in(ENDED_UNUSED),
            func.coalesce(orders.c.status, "") != OrderStatus.REFUNDED.value,
        )
    )
    return (await connection.execute(chosen.limit(1))).first() is None


async def holds_shared_by(connection: AsyncConnection, order_id: str) -> Sequence[str]:
    """Holds of which a paid order has a part; locked, so that their other orders wait."""
    chosen = (
        select(benefit_parts.c.hold_id)
        .where(benefit_parts.c.order_id == order_id, benefit_parts.c.state == USED)
        .distinct()
    )
    found = sorted((await connection.execute(chosen)).scalars())
    for hold_id in found:
        await _lock(connection, hold_id)
    return found


async def used_points(connection: AsyncConnection, order_id: str) -> int:
    """Points of shared holds that a paid order has spent."""
    chosen = select(func.sum(benefit_parts.c.points)).where(
        benefit_parts.c.order_id == order_id, benefit_parts.c.state == USED
    )
    return int((await connection.execute(chosen)).scalar_one() or 0)


# -- inside -------------------------------------------------------------------------------------


async def _lock(connection: AsyncConnection, hold_id: str) -> None:
    await connection.execute(
        update(benefit_holds)
        .where(benefit_holds.c.hold_id == hold_id)
        .values(in_flight=benefit_holds.c.in_flight)
    )


async def _settle_claims(connection: AsyncConnection, hold_id: str) -> None:
    """The coupons come back when no order has, had or will have a use for them."""
    chosen = select(benefit_parts.c.state).where(benefit_parts.c.hold_id == hold_id)
    states = (await connection.execute(chosen)).scalars().all()
    if all(state in ENDED_UNUSED for state in states):
        await give_claims_back(connection, hold_id)


async def _has_claims(connection: AsyncConnection, hold_id: str) -> bool:
    """Whether the coupons are the hold's at this moment: another of its orders has them."""
    chosen = select(coupon_claims.c.state).where(coupon_claims.c.hold_id == hold_id)
    states = (await connection.execute(chosen)).scalars().all()
    return bool(states) and all(state != ClaimState.CLAIMED.value for state in states)


async def _is_being_moved(connection: AsyncConnection, part: Row[Any]) -> bool:
    chosen = select(benefit_parts.c.order_id).where(
        benefit_parts.c.hold_id == part.hold_id,
        benefit_parts.c.from_order == part.order_id,
        benefit_parts.c.state == PLANNED,
    )
    return (await connection.execute(chosen.limit(1))).first() is not None


async def _release(connection: AsyncConnection, part: Row[Any], start: str, at_ms: int) -> None:
    if await _move(connection, part, start, RELEASED):
        await _book(connection, part, "release", part.points, part.round, at_ms)


async def _move(connection: AsyncConnection, part: Row[Any], start: str, end: str) -> bool:
    done = await connection.execute(
        update(benefit_parts).where(_is(part), benefit_parts.c.state == start).values(state=end)
    )
    return done.rowcount == 1


async def _book(
    connection: AsyncConnection, part: Row[Any], kind: str, points: int, round_: int, at_ms: int
) -> None:
    if points:
        key = f"{kind}:{part.hold_id}:{part.order_id}:{part.from_order}:{round_}"
        await book_points(connection, key, part.user_id, kind, points, order_id=None, at_ms=at_ms)


def _is(part: Row[Any]) -> Any:  # noqa: ANN401 - a condition
    parts = benefit_parts.c
    return (
        (parts.hold_id == part.hold_id)
        & (parts.order_id == part.order_id)
        & (parts.from_order == part.from_order)
    )

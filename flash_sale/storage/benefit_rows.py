"""Taking coupons and points for a hold and giving them back, as parts of a transaction.

Each act is a compare-and-set or has its own entry key, so that repeating it changes nothing.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from flash_sale.coupons import TRANSITIONS, ClaimMove, ClaimState
from flash_sale.errors import Refused
from flash_sale.storage.sql import insert_new
from flash_sale.storage.tables_rewards import (
    benefit_holds,
    coupon_claims,
    points_balances,
    points_ledger,
)

POINTS_SHORT = Refused("points_short", "You have fewer points than that.")


def _source(move: ClaimMove) -> tuple[ClaimState, ClaimState]:
    """Where `move` starts and ends; each has one start."""
    ((start, _), end), *_ = (item for item in TRANSITIONS.items() if item[0][1] is move)
    return start, end


async def take_claim(connection: AsyncConnection, claim_id: str, hold_id: str, now_ms: int) -> bool:
    """Whether the coupon was free and is this hold's now. `now_ms` 0: its expiry does not count."""
    start, end = _source(ClaimMove.HOLD)
    done = await connection.execute(
        update(coupon_claims)
        .where(
            coupon_claims.c.claim_id == claim_id,
            coupon_claims.c.state == start.value,
            coupon_claims.c.expires_ms > now_ms,
        )
        .values(state=end.value, hold_id=hold_id)
    )
    return done.rowcount == 1


async def give_claims_back(connection: AsyncConnection, hold_id: str) -> None:
    """The hold's id stays on them: it may come to take them again."""
    await _move_claims(connection, hold_id, ClaimMove.RELEASE)


async def use_claims(connection: AsyncConnection, hold_id: str) -> None:
    await _move_claims(connection, hold_id, ClaimMove.USE)


async def return_claims(connection: AsyncConnection, hold_id: str) -> None:
    """Used ones are their owner's again; they lapse when they always would have."""
    await _move_claims(connection, hold_id, ClaimMove.RETURN)


async def _move_claims(connection: AsyncConnection, hold_id: str, move: ClaimMove) -> None:
    start, end = _source(move)
    await connection.execute(
        update(coupon_claims)
        .where(coupon_claims.c.hold_id == hold_id, coupon_claims.c.state == start.value)
        .values(state=end.value)
    )


async def book_points(
    connection: AsyncConnection,
    entry_key: str,
    user_id: str,
    kind: str,
    points: int,
    *,
    order_id: str | None,
    at_ms: int,
) -> bool:
    """Book once; False when `entry_key` is in the books already.

    A spending that the balance does not cover raises `Refused` points_short; a reversal may take
    the balance below nothing: those points were spent already.
    """
    done = await connection.execute(
        insert_new(connection, points_ledger, ["entry_key"]).values(
            entry_key=entry_key,
            user_id=user_id,
            kind=kind,
            points=points,
            order_id=order_id,
            at_ms=at_ms,
        )
    )
    if done.rowcount != 1:
        return False
    await connection.execute(
        insert_new(connection, points_balances, ["user_id"]).values(user_id=user_id, points=0)
    )
    mine = points_balances.c.user_id == user_id
    if kind == "spend":
        mine &= points_balances.c.points >= -points
    moved = await connection.execute(
        update(points_balances).where(mine).values(points=points_balances.c.points + points)
    )
    if moved.rowcount != 1:
        raise POINTS_SHORT
    return True


async def spend_points(connection: AsyncConnection, hold_id: str, at_ms: int) -> None:
    """Those of a hold, for its present round. Refused points_short."""
    hold = await _hold(connection, hold_id)
    if hold is not None and hold.points > 0:
        key = f"spend:{hold_id}:{hold.round}"
        await book_points(
            connection, key, hold.user_id, "spend", -hold.points, order_id=None, at_ms=at_ms
        )


async def give_back(connection: AsyncConnection, hold_id: str, at_ms: int) -> None:
    """Coupons and points of a hold that was just released."""
    await give_claims_back(connection, hold_id)
    hold = await _hold(connection, hold_id)
    if hold is not None and hold.points > 0:
        key = f"release:{hold_id}:{hold.round}"
        await book_points(
            connection, key, hold.user_id, "release", hold.points, order_id=None, at_ms=at_ms
        )


async def take_back(connection: AsyncConnection, hold_id: str, at_ms: int) -> bool:
    """Take what a released hold had once more; False when any of it is with another by now."""
    await connection.execute(
        update(benefit_holds)
        .where(benefit_holds.c.hold_id == hold_id)
        .values(round=benefit_holds.c.round + 1)
    )
    if not await take_claims(connection, hold_id):
        return False
    try:
        await spend_points(connection, hold_id, at_ms)
    except Refused:
        return False
    return True


async def take_claims(connection: AsyncConnection, hold_id: str) -> bool:
    """The coupons of a released hold once more; False when any is with another by now."""
    chosen = select(coupon_claims.c.claim_id).where(coupon_claims.c.hold_id == hold_id)
    kept = (await connection.execute(chosen)).scalars().all()
    if len(kept) < await _claims_wanted(connection, hold_id):
        return False
    for claim_id in kept:
        if not await take_claim(connection, claim_id, hold_id, 0):
            return False
    return True


async def _claims_wanted(connection: AsyncConnection, hold_id: str) -> int:
    hold = await _hold(connection, hold_id)
    coupon, platform, *_ = hold.ask.split("|") if hold is not None else ("", "")
    return bool(coupon) + bool(platform)


async def _hold(connection: AsyncConnection, hold_id: str) -> Row[Any] | None:
    chosen = select(benefit_holds).where(benefit_holds.c.hold_id == hold_id)
    return (await connection.execute(chosen)).one_or_none()

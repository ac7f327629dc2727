"""What goes with an order's move, in its own transaction: coupons, points, commissions, news.

Each part brings its books in line with where the orders stand now. It is judged by its own rows, so
calling it again, from two workers or after a crash, changes nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from flash_sale.orders import Order, OrderMove, OrderStatus, Reservation
from flash_sale.refunds import DONE
from flash_sale.rewards import earned_points, returned_points, reversed_commissions
from flash_sale.sale import Sale
from flash_sale.storage.benefit_parts import (
    follow_parts,
    holds_shared_by,
    none_is_paid,
    used_points,
)
from flash_sale.storage.benefit_rows import book_points, give_back, return_claims, use_claims
from flash_sale.storage.commission_rows import lock_commissions
from flash_sale.storage.outbox_rows import tell_webhooks
from flash_sale.storage.regroup_rows import carry_out
from flash_sale.storage.repurchases import note_repurchases
from flash_sale.storage.tables import orders, refunds
from flash_sale.storage.tables_rewards import benefit_holds, commissions, points_ledger

OPEN = (OrderStatus.HELD, OrderStatus.PLACED)
GONE = (OrderStatus.EXPIRED, OrderStatus.CANCELLED)
PAID = (OrderStatus.PAID, OrderStatus.PARTIALLY_REFUNDED, OrderStatus.REFUNDED)
IDS_MAX = 500  # in one statement


async def follow_new(
    connection: AsyncConnection,
    sale: Sale,
    reservations: Sequence[Reservation],
    placed: Callable[[], Sequence[Order]],
) -> None:
    """Rows of orders were written: they take over what was kept for them.

    `placed` builds the orders themselves; most of the time nothing needs them.
    """
    regrouped = await carry_out(connection, reservations)
    for reservation in reservations:
        as_listed = reservation.full_cents == reservation.amount_cents
        if as_listed or reservation.order_id in regrouped:
            continue
        await connection.execute(
            update(benefit_holds)
            .where(
                benefit_holds.c.sale_id == sale.sale_id,
                benefit_holds.c.user_id == reservation.user_id,
                benefit_holds.c.key == reservation.key,
                benefit_holds.c.state == "pending",
            )
            .values(state="bound", order_id=reservation.order_id)
        )
    await lock_commissions(
        connection,
        sale.room_id,
        lambda: [order for order in placed() if order.order_id not in regrouped],
    )
    ids = [reservation.order_id for reservation in reservations]
    at_ms = max([reservation.created_ms for reservation in reservations], default=0)
    await tell_webhooks(connection, ids, "order.placed", at_ms)


async def follow_moves(
    connection: AsyncConnection, order_ids: Sequence[str], at_ms: int, move: OrderMove
) -> None:
    """Orders moved: whatever hangs on them follows."""
    for first in range(0, len(order_ids), IDS_MAX):
        some = order_ids[first : first + IDS_MAX]
        chosen = select(orders).where(orders.c.order_id.in_(some))
        rows = (await connection.execute(chosen)).all()
        await _follow_benefits(connection, rows, at_ms)
        await _follow_commissions(connection, rows)
        if move in (OrderMove.PAY, OrderMove.RECLAIM):
            await note_repurchases(connection, rows)
        for row in rows:
            if row.status in PAID:
                await _follow_money(connection, row, at_ms)
        await tell_webhooks(connection, some, EVENTS.get(move, ""), at_ms)


EVENTS = {
    OrderMove.PAY: "order.paid",
    OrderMove.RECLAIM: "order.paid",
    OrderMove.EXPIRE: "order.expired",
    OrderMove.CANCEL: "order.cancelled",
    OrderMove.REFUND: "order.refunded",
    OrderMove.REFUND_PART: "order.refunded",
    OrderMove.REFUND_REST: "order.refunded",
}


async def candidates(
    connection: AsyncConnection, order_ids: Sequence[str], statuses: Sequence[OrderStatus]
) -> list[str]:
    """Those of the orders that are in one of the statuses: a move will move these."""
    found: list[str] = []
    for first in range(0, len(order_ids), IDS_MAX):
        some = order_ids[first : first + IDS_MAX]
        chosen = select(orders.c.order_id).where(
            orders.c.order_id.in_(some), orders.c.status.in_(statuses)
        )
        found += (await connection.execute(chosen)).scalars()
    return found


async def _follow_benefits(
    connection: AsyncConnection, rows: Sequence[Row[Any]], at_ms: int
) -> None:
    status = {row.order_id: row.status for row in rows}
    chosen = select(benefit_holds.c.hold_id, benefit_holds.c.order_id).where(
        benefit_holds.c.order_id.in_(list(status)), benefit_holds.c.state == "bound"
    )
    for hold_id, order_id in (await connection.execute(chosen)).all():
        paid = status[order_id] in (OrderStatus.PAID, OrderStatus.PARTIALLY_REFUNDED)
        if status[order_id] in OPEN:
            continue
        done = await connection.execute(
            update(benefit_holds)
            .where(benefit_holds.c.hold_id == hold_id, benefit_holds.c.state == "bound")
            .values(state="used" if paid else "released")
        )
        if done.rowcount == 1 and paid:
            await use_claims(connection, hold_id)
        elif done.rowcount == 1:
            await give_back(connection, hold_id, at_ms)
    await follow_parts(
        connection,
        status,
        unpaid=OPEN,
        paid=(OrderStatus.PAID, OrderStatus.PARTIALLY_REFUNDED),
        at_ms=at_ms,
    )


async def follow_benefits_of(
    connection: AsyncConnection, order_ids: Sequence[str], at_ms: int
) -> None:
    """As with a move: what the orders took with them follows where they stand now."""
    chosen = select(orders).where(orders.c.order_id.in_(order_ids))
    await _follow_benefits(connection, (await connection.execute(chosen)).all(), at_ms)


async def return_coupons(connection: AsyncConnection, order_id: str) -> None:
    """All of an order's money is back and staff gave its coupons back too; again changes nothing.

    A coupon that several orders share comes back with the last of them.
    """
    chosen = select(benefit_holds.c.hold_id).where(
        benefit_holds.c.order_id == order_id, benefit_holds.c.state == "used"
    )
    for hold_id in (await connection.execute(chosen)).scalars().all():
        await return_claims(connection, hold_id)
    for hold_id in await holds_shared_by(connection, order_id):
        if await none_is_paid(connection, hold_id):
            await return_claims(connection, hold_id)


async def _follow_commissions(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> None:
    gone = [row.order_id for row in rows if row.status in GONE]
    gone += [row.order_id for row in rows if row.status in PAID and row.paid_ms is None]
    paid = [row.order_id for row in rows if row.status in PAID and row.paid_ms is not None]
    for ids, state in ((gone, "void"), (paid, "earned")):
        if ids:
            await connection.execute(
                update(commissions)
                .where(commissions.c.order_id.in_(ids), commissions.c.state != state)
                .values(state=state)
            )


async def _follow_money(connection: AsyncConnection, row: Row[Any], at_ms: int) -> None:
    """Points earned and given back, commissions undone, by what was paid and what went back."""
    if row.paid_ms is None:  # never paid in time; its money just went back
        return
    back_cents = 0
    if row.status != OrderStatus.PAID:
        total = select(func.sum(refunds.c.amount_cents)).where(
            refunds.c.payment_id == row.payment_id, refunds.c.status.in_(DONE)
        )
        back_cents = int((await connection.execute(total)).scalar_one() or 0)
    earned = earned_points(row.amount_cents)
    await _book_up_to(connection, row, "earn", earned, at_ms)
    if not back_cents:
        return
    undone = earned - earned_points(row.amount_cents, back_cents)
    await _book_up_to(connection, row, "reverse", -undone, at_ms)
    hold = await _points_of(connection, row.order_id)
    await _book_up_to(
        connection, row, "return", returned_points(hold, row.amount_cents, back_cents), at_ms
    )
    await reverse_commissions(connection, row.order_id, row.amount_cents, back_cents)


async def reverse_commissions(
    connection: AsyncConnection, order_id: str, paid_cents: int, refunded_cents: int
) -> None:
    """Undo each line's commission in proportion to all the money that went back so far."""
    chosen = (
        select(commissions.c.position, commissions.c.commission_cents)
        .where(commissions.c.order_id == order_id)
        .order_by(commissions.c.position)
    )
    lines = (await connection.execute(chosen)).all()
    undone = reversed_commissions(
        [line.commission_cents for line in lines], paid_cents, refunded_cents
    )
    for line, cents in zip(lines, undone, strict=True):
        await connection.execute(
            update(commissions)
            .where(commissions.c.order_id == order_id, commissions.c.position == line.position)
            .values(reversed_cents=cents)
        )


async def _book_up_to(
    connection: AsyncConnection, row: Row[Any], kind: str, total: int, at_ms: int
) -> None:
    """Book what lacks of `total` points of a kind for an order; the key says where that ends."""
    booked = select(func.sum(points_ledger.c.points)).where(
        points_ledger.c.order_id == row.order_id, points_ledger.c.kind == kind
    )
    rest = total - int((await connection.execute(booked)).scalar_one() or 0)
    if rest:
        key = f"{kind}:{row.order_id}:{total}"
        await book_points(
            connection, key, row.user_id, kind, rest, order_id=row.order_id, at_ms=at_ms
        )


async def _points_of(connection: AsyncConnection, order_id: str) -> int:
    chosen = select(benefit_holds.c.points).where(
        benefit_holds.c.order_id == order_id, benefit_holds.c.state == "used"
    )
    own = (await connection.execute(chosen)).scalar_one_or_none() or 0
    return int(own) + await used_points(connection, order_id)

"""Refunds in SQL: `flash_sale.ports_refunds.RefundLedger`.

Every change of a payment's refunds first writes the payment's row, so that they come one after the
other and their sum is judged by the last one's commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flash_sale.errors import Refused, not_found
from flash_sale.orders import OrderMove
from flash_sale.payments import Payment, Resolution
from flash_sale.refund_requests import RefundRequest, RequestStatus
from flash_sale.refunds import DONE, CouponReturn, Refund, RefundStatus, Settling, StockReturn
from flash_sale.storage.followers import return_coupons
from flash_sale.storage.orders import move_order
from flash_sale.storage.outbox_rows import tell_refund_failed
from flash_sale.storage.payments import lock_payment
from flash_sale.storage.refund_requests import end_request, open_request
from flash_sale.storage.refund_rows import insert_refund, refund_of_row
from flash_sale.storage.sql import sql_answering
from flash_sale.storage.tables import orders, payments, refunds, stock_changes

REFUNDS_OF_ORDER_MAX = 1000


class SqlRefunds:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def open(
        self,
        payment_id: str,
        key: str,
        make: Callable[[Payment, Sequence[Refund]], Refund],
        now_ms: int,
        ends: str | None = None,
    ) -> tuple[Refund, bool]:
        """Write down what `make` decides, knowing the payment and its refunds so far.

        A known key gives its refund back, and False. `make` refuses by raising; nothing changed.
        `ends` names the buyer's request that this refund answers: refused conflict if it is not
        open any more.
        """
        async with sql_answering(), self._engine.begin() as connection:
            payment = await lock_payment(connection, payment_id)
            if payment is None:
                raise not_found("payment")
            chosen = select(refunds).where(refunds.c.payment_id == payment_id)
            earlier = [refund_of_row(row) for row in await connection.execute(chosen)]
            known = next((refund for refund in earlier if refund.key == key), None)
            if known is not None:
                return known, False
            refund = make(payment, earlier)
            if payment.refunded_cents + refund.amount_cents > payment.amount_cents:
                raise Refused("conflict", "More than was paid.")  # whatever `make` thought
            await _add_refunded(connection, refund)
            await insert_refund(connection, refund, asked_ms=now_ms)
            if ends is not None:
                asked = await open_request(connection, refund.order_id)
                mine = asked is not None and asked.request_id == ends
                granted = _granted(asked, refund, now_ms) if asked is not None and mine else None
                if granted is None or not await end_request(connection, granted):
                    raise Refused("conflict", "This request has been answered.")
        return refund, True

    async def refund(self, refund_id: str) -> Refund | None:
        found = await self._find(refunds.c.refund_id == refund_id, 1)
        return found[0] if found else None

    async def refunds_of(self, order_id: str) -> list[Refund]:
        """Oldest first."""
        return await self._find(refunds.c.order_id == order_id, REFUNDS_OF_ORDER_MAX)

    async def pending(self, asked_before_ms: int, limit: int) -> list[Refund]:
        """Those without an end that were not asked about lately; longest unasked first."""
        chosen = (
            select(refunds)
            .where(refunds.c.status == RefundStatus.PENDING, refunds.c.asked_ms <= asked_before_ms)
            .order_by(refunds.c.asked_ms, refunds.c.created_ms)
            .limit(limit)
        )
        async with sql_answering(), self._engine.connect() as connection:
            return [refund_of_row(row) for row in await connection.execute(chosen)]

    async def note_asked(self, refund_id: str, now_ms: int) -> None:
        async with sql_answering(), self._engine.begin() as connection:
            await connection.execute(
                update(refunds).where(refunds.c.refund_id == refund_id).values(asked_ms=now_ms)
            )

    async def finish(self, refund: Refund, status: RefundStatus, now_ms: int) -> bool:
        """PENDING → `status`, and the order with it, once; False when it had ended before."""
        async with sql_answering(), self._engine.begin() as connection:
            payment = await lock_payment(connection, refund.payment_id)
            done = await connection.execute(
                update(refunds)
                .where(
                    refunds.c.refund_id == refund.refund_id,
                    refunds.c.status == RefundStatus.PENDING,
                )
                .values(status=status, ended_ms=now_ms)
            )
            if done.rowcount != 1 or payment is None:
                return False
            if payment.resolution is Resolution.ORDER:
                await _follow(connection, payment, refund, status, now_ms)
            if status is RefundStatus.FAILED:
                failed = replace(refund, status=status)
                await tell_refund_failed(connection, failed, now_ms)
        return True

    async def failed(self, room_id: str, limit: int) -> list[Refund]:
        """Those of a room that a provider refused and nobody has seen to yet, oldest first."""
        mine = orders.c.room_id == room_id
        return await self._find(
            _unseen() & refunds.c.order_id.in_(select(orders.c.order_id).where(mine)), limit
        )

    async def failed_count(self) -> int:
        """How many in all rooms wait for a person."""
        chosen = select(func.count()).select_from(refunds).where(_unseen())
        async with sql_answering(), self._engine.connect() as connection:
            return int((await connection.execute(chosen)).scalar_one())

    async def settle(
        self,
        refund: Refund,
        settling: Settling,
        now_ms: int,
        check: Callable[[Sequence[Refund]], None],
    ) -> bool:
        """Write down what a person did about a failed refund, once; whether this was it.

        `check` refuses, knowing the payment's refunds, that it went back another way.
        Refused conflict: the money is owed to the buyer, or went back by another refund since.
        """
        async with sql_answering(), self._engine.begin() as connection:
            payment = await lock_payment(connection, refund.payment_id)
            if payment is None:
                raise not_found("payment")
            after_sale = payment.resolution is Resolution.ORDER
            if not settling.paid and not after_sale:
                raise Refused("conflict", "This money is not ours: it has to go back.")
            done = await connection.execute(
                update(refunds)
                .where(refunds.c.refund_id == refund.refund_id, _unseen())
                .values(
                    status=RefundStatus.SETTLED if settling.paid else RefundStatus.FAILED,
                    settled_ms=now_ms,
                    settled_by=settling.actor,
                    note=settling.note,
                )
            )
            if done.rowcount != 1:
                return False
            if settling.paid and after_sale:
                if payment.refunded_cents + refund.amount_cents > payment.amount_cents:
                    raise Refused("conflict", "More than was paid: it went back since.")
                chosen = select(refunds).where(
                    refunds.c.payment_id == refund.payment_id,
                    refunds.c.refund_id != refund.refund_id,
                )
                check([refund_of_row(row) for row in await connection.execute(chosen)])
                await _add_refunded(connection, refund)
                await _follow(connection, payment, refund, RefundStatus.SETTLED, now_ms)
        return True

    async def returning(self, limit: int) -> list[Refund]:
        """Money back, pieces not yet."""
        return await self._find(
            (refunds.c.stock == StockReturn.RETURNING) & refunds.c.status.in_(DONE),
            limit,
        )

    async def was_restocked(self, sale_id: str, key: str) -> bool:
        """Whether the journal brought a restock of this key, perhaps before Redis lost it."""
        chosen = select(stock_changes.c.journal_seq).where(
            stock_changes.c.sale_id == sale_id, stock_changes.c.key == key
        )
        async with sql_answering(), self._engine.connect() as connection:
            return (await connection.execute(chosen.limit(1))).first() is not None

    async def settle_stock(self, refund_id: str, end: StockReturn) -> None:
        async with sql_answering(), self._engine.begin() as connection:
            await connection.execute(
                update(refunds)
                .where(refunds.c.refund_id == refund_id, refunds.c.stock == StockReturn.RETURNING)
                .values(stock=end)
            )

    async def _find(self, condition: object, limit: int) -> list[Refund]:
        chosen = (
            select(refunds)
            .where(condition)  # type: ignore[arg-type]
            .order_by(refunds.c.created_ms, refunds.c.refund_id)
            .limit(limit)
        )
        async with sql_answering(), self._engine.connect() as connection:
            return [refund_of_row(row) for row in await connection.execute(chosen)]


def _unseen() -> ColumnElement[bool]:
    return (refunds.c.status == RefundStatus.FAILED) & refunds.c.settled_ms.is_(None)


async def _add_refunded(connection: AsyncConnection, refund: Refund, sign: int = 1) -> None:
    await connection.execute(
        update(payments)
        .where(payments.c.payment_id == refund.payment_id)
        .values(refunded_cents=payments.c.refunded_cents + sign * refund.amount_cents)
    )


async def _follow(
    connection: AsyncConnection, payment: Payment, refund: Refund, status: RefundStatus, at_ms: int
) -> None:
    """What the end of an after-sale refund means for its payment and order."""
    if status is RefundStatus.FAILED:
        await _add_refunded(connection, refund, sign=-1)
        return
    back = select(func.sum(refunds.c.amount_cents)).where(
        refunds.c.payment_id == payment.payment_id, refunds.c.status.in_(DONE)
    )
    back_cents = int((await connection.execute(back)).scalar_one() or 0)
    whole = back_cents >= payment.amount_cents
    asked = await open_request(connection, payment.order_id) if whole else None
    if asked is not None:  # given back another way: there is nothing left to answer
        await end_request(connection, _granted(asked, refund, at_ms))
    move = OrderMove.REFUND_REST if whole else OrderMove.REFUND_PART
    await move_order(connection, payment.order_id, move, at_ms=at_ms)
    if whole and await _coupons_return(connection, payment):
        await return_coupons(connection, payment.order_id)


async def _coupons_return(connection: AsyncConnection, payment: Payment) -> bool:
    """Whether staff said so with any of the refunds that the whole is made of."""
    chosen = select(refunds.c.refund_id).where(
        refunds.c.payment_id == payment.payment_id,
        refunds.c.status.in_(DONE),
        refunds.c.coupons == CouponReturn.RETURNED,
    )
    return (await connection.execute(chosen.limit(1))).first() is not None


def _granted(asked: RefundRequest, refund: Refund, at_ms: int) -> RefundRequest:
    return replace(
        asked,
        status=RequestStatus.APPROVED,
        decided_ms=at_ms,
        decided_by=refund.actor,
        refund_id=refund.refund_id,
    )

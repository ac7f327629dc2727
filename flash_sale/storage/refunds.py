"""Refunds in SQL: `flash_sale.ports.RefundLedger`.

Every change of a payment's refunds first writes the payment's row, so that they come one after the
other and their sum is judged by the last one's commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flash_sale.errors import Refused, not_found
from flash_sale.orders import OrderMove
from flash_sale.payments import Payment, Resolution
from flash_sale.refunds import Refund, RefundStatus, StockReturn
from flash_sale.storage.orders import move_order
from flash_sale.storage.payments import payment_of_row
from flash_sale.storage.refund_rows import insert_refund, refund_of_row
from flash_sale.storage.sql import sql_answering
from flash_sale.storage.tables import payments, refunds, stock_changes

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
    ) -> tuple[Refund, bool]:
        """Write down what `make` decides, knowing the payment and its refunds so far.

        A known key gives its refund back, and False. `make` refuses by raising; nothing changed.
        """
        async with sql_answering(), self._engine.begin() as connection:
            payment = await _lock(connection, payment_id)
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
            payment = await _lock(connection, refund.payment_id)
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
        return True

    async def returning(self, limit: int) -> list[Refund]:
        """Money back, pieces not yet."""
        return await self._find(
            (refunds.c.stock == StockReturn.RETURNING)
            & (refunds.c.status == RefundStatus.SUCCEEDED),
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


async def _lock(connection: AsyncConnection, payment_id: str) -> Payment | None:
    """The payment; others who want its refunds wait until this transaction ends."""
    mine = payments.c.payment_id == payment_id
    await connection.execute(
        update(payments).where(mine).values(refunded_cents=payments.c.refunded_cents)
    )
    row = (await connection.execute(select(payments).where(mine))).one_or_none()
    return payment_of_row(row) if row is not None else None


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
        refunds.c.payment_id == payment.payment_id, refunds.c.status == RefundStatus.SUCCEEDED
    )
    back_cents = int((await connection.execute(back)).scalar_one() or 0)
    whole = back_cents >= payment.amount_cents
    move = OrderMove.REFUND_REST if whole else OrderMove.REFUND_PART
    await move_order(connection, payment.order_id, move, at_ms=at_ms)

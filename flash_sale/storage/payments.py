"""Payments and callback events in SQL: `PaymentLedger`, and the sandbox bank's books."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flash_sale.payments import (
    PAYMENTS_PER_ORDER_MAX,
    Callback,
    Payment,
    PaymentStatus,
    Resolution,
)
from flash_sale.refunds import Refund
from flash_sale.storage.refund_rows import insert_refund
from flash_sale.storage.sql import insert_new, sql_answering
from flash_sale.storage.tables import payment_events, payments, sandbox_bank


class SqlPayments:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add_payment(self, payment: Payment) -> None:
        async with sql_answering(), self._engine.begin() as connection:
            await connection.execute(
                insert(payments).values(
                    payment_id=payment.payment_id,
                    order_id=payment.order_id,
                    provider=payment.provider,
                    amount_cents=payment.amount_cents,
                    currency=payment.currency,
                    status=payment.status,
                    created_ms=payment.created_ms,
                )
            )

    async def set_reference(self, payment_id: str, reference: str) -> None:
        """Keep the provider's own id of a payment."""
        async with sql_answering(), self._engine.begin() as connection:
            await connection.execute(
                update(payments)
                .where(payments.c.payment_id == payment_id)
                .values(reference=reference)
            )

    async def payment(self, payment_id: str) -> Payment | None:
        found = await self._find(payments.c.payment_id == payment_id, 1)
        return found[0] if found else None

    async def payments_of(self, order_ids: Sequence[str]) -> list[Payment]:
        # Tries of one moment may be a few more than are allowed: none may be left out here.
        most = len(order_ids) * 2 * PAYMENTS_PER_ORDER_MAX
        return await self._find(payments.c.order_id.in_(order_ids), most)

    async def unresolved(self, limit: int) -> list[Payment]:
        """Captured, but neither order nor refund yet; oldest first."""
        captured = payments.c.status == PaymentStatus.SUCCEEDED
        return await self._find(captured & payments.c.resolution.is_(None), limit)

    async def pending_between(self, after_ms: int, before_ms: int, limit: int) -> list[Payment]:
        pending = payments.c.status == PaymentStatus.PENDING
        created = payments.c.created_ms.between(after_ms, before_ms)
        return await self._find(pending & created, limit)

    async def record_event(
        self, provider: str, callback: Callback, outcome: str, now_ms: int
    ) -> bool:
        """Whether the event is new."""
        async with sql_answering(), self._engine.begin() as connection:
            return await _record_event(connection, provider, callback, outcome, now_ms)

    async def capture(self, provider: str, callback: Callback, now_ms: int) -> bool:
        """Record that the money is in, once; False when it was known before.

        A capture wins over failed and closed: the money is there whatever was said earlier.
        """
        async with sql_answering(), self._engine.begin() as connection:
            await _record_event(connection, provider, callback, "captured", now_ms)
            done = await connection.execute(
                update(payments)
                .where(
                    payments.c.payment_id == callback.payment_id,
                    payments.c.status != PaymentStatus.SUCCEEDED,
                )
                .values(
                    status=PaymentStatus.SUCCEEDED,
                    captured_ms=now_ms,
                    captured_cents=callback.amount_cents,
                    captured_currency=callback.currency,
                )
            )
        return done.rowcount == 1

    async def set_status(
        self, payment_id: str, status: PaymentStatus, expected: PaymentStatus
    ) -> bool:
        async with sql_answering(), self._engine.begin() as connection:
            done = await connection.execute(
                update(payments)
                .where(payments.c.payment_id == payment_id, payments.c.status == expected)
                .values(status=status)
            )
        return done.rowcount == 1

    async def resolve_as_order(self, payment_id: str) -> bool:
        async with sql_answering(), self._engine.begin() as connection:
            return await _resolve(connection, payment_id, Resolution.ORDER)

    async def resolve_as_refund(self, refund: Refund) -> bool:
        """Decide for a refund and write it down, both or neither; False when decided before."""
        async with sql_answering(), self._engine.begin() as connection:
            if not await _resolve(connection, refund.payment_id, Resolution.REFUND):
                return False
            await insert_refund(connection, refund, asked_ms=0)  # to be asked at once
        return True

    async def _find(self, condition: object, limit: int) -> list[Payment]:
        """Oldest first."""
        chosen = (
            select(payments)
            .where(condition)  # type: ignore[arg-type]
            .order_by(payments.c.created_ms, payments.c.payment_id)
            .limit(limit)
        )
        async with sql_answering(), self._engine.connect() as connection:
            return [payment_of_row(row) for row in await connection.execute(chosen)]


class SqlSandboxBooks:
    """What the sandbox bank's customer pressed; the first press that captured money stays."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def decide(
        self, payment_id: str, status: str, at_ms: int, amount_cents: int | None = None
    ) -> str:
        """Write `status` down unless money was captured or the payment closed; what stands now."""
        decision = {"status": status, "at_ms": at_ms, "amount_cents": amount_cents}
        row = {"payment_id": payment_id, **decision}
        async with sql_answering(), self._engine.begin() as connection:
            await connection.execute(insert_new(connection, sandbox_bank, ["payment_id"]), row)
            await connection.execute(
                update(sandbox_bank)
                .where(sandbox_bank.c.payment_id == payment_id, sandbox_bank.c.status == "failed")
                .values(decision)
            )
            chosen = select(sandbox_bank.c.status).where(sandbox_bank.c.payment_id == payment_id)
            standing: str = (await connection.execute(chosen)).scalar_one()
        return standing

    async def standing(self, payment_id: str) -> tuple[str, int, int | None] | None:
        chosen = select(
            sandbox_bank.c.status, sandbox_bank.c.at_ms, sandbox_bank.c.amount_cents
        ).where(sandbox_bank.c.payment_id == payment_id)
        async with sql_answering(), self._engine.connect() as connection:
            row = (await connection.execute(chosen)).one_or_none()
        return (row.status, row.at_ms, row.amount_cents) if row is not None else None


async def _record_event(
    connection: AsyncConnection, provider: str, callback: Callback, outcome: str, now_ms: int
) -> bool:
    done = await connection.execute(
        insert_new(connection, payment_events, ["provider", "event_id"]).values(
            provider=provider,
            event_id=callback.event_id,
            payment_id=callback.payment_id[:64],
            outcome=outcome,
            amount_cents=callback.amount_cents,
            received_ms=now_ms,
        )
    )
    return bool(done.rowcount == 1)


async def _resolve(connection: AsyncConnection, payment_id: str, resolution: Resolution) -> bool:
    taken = func.coalesce(payments.c.captured_cents, payments.c.amount_cents)
    back = taken if resolution is Resolution.REFUND else 0
    done = await connection.execute(
        update(payments)
        .where(
            payments.c.payment_id == payment_id,
            payments.c.status == PaymentStatus.SUCCEEDED,
            payments.c.resolution.is_(None),
        )
        .values(resolution=resolution, refunded_cents=back)
    )
    return done.rowcount == 1


def payment_of_row(row: Row[Any]) -> Payment:
    return Payment(
        payment_id=row.payment_id,
        order_id=row.order_id,
        provider=row.provider,
        amount_cents=row.amount_cents,
        currency=row.currency,
        status=PaymentStatus(row.status),
        created_ms=row.created_ms,
        captured_ms=row.captured_ms,
        resolution=Resolution(row.resolution) if row.resolution else None,
        reference=row.reference,
        refunded_cents=row.refunded_cents,
        captured_cents=row.captured_cents,
        captured_currency=row.captured_currency,
    )


async def lock_payment(connection: AsyncConnection, payment_id: str) -> Payment | None:
    """The payment; others who want its refunds wait until this transaction ends."""
    mine = payments.c.payment_id == payment_id
    await connection.execute(
        update(payments).where(mine).values(refunded_cents=payments.c.refunded_cents)
    )
    row = (await connection.execute(select(payments).where(mine))).one_or_none()
    return payment_of_row(row) if row is not None else None

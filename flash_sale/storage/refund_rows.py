"""A refund as a row of its table. No rules and no transactions here."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Row, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from flash_sale.refunds import CouponReturn, Refund, RefundStatus, StockReturn
from flash_sale.storage.tables import refunds


async def insert_refund(connection: AsyncConnection, refund: Refund, *, asked_ms: int) -> None:
    await connection.execute(
        insert(refunds).values(
            refund_id=refund.refund_id,
            payment_id=refund.payment_id,
            order_id=refund.order_id,
            amount_cents=refund.amount_cents,
            currency=refund.currency,
            reason=refund.reason,
            status=refund.status,
            key=refund.key,
            fingerprint=refund.fingerprint,
            actor=refund.actor,
            lines=msgspec.json.encode(refund.lines).decode(),
            stock=refund.stock,
            created_ms=refund.created_ms,
            asked_ms=asked_ms,
            coupons=refund.coupons,
        )
    )


def refund_of_row(row: Row[Any]) -> Refund:
    return Refund(
        refund_id=row.refund_id,
        payment_id=row.payment_id,
        order_id=row.order_id,
        amount_cents=row.amount_cents,
        currency=row.currency,
        reason=row.reason,
        created_ms=row.created_ms,
        status=RefundStatus(row.status),
        key=row.key,
        fingerprint=row.fingerprint,
        actor=row.actor,
        lines=msgspec.json.decode(row.lines, type=tuple[tuple[str, int], ...]),
        stock=StockReturn(row.stock),
        settled_ms=row.settled_ms,
        settled_by=row.settled_by,
        note=row.note,
        coupons=CouponReturn(row.coupons),
    )

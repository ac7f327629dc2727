"""What buyers ask back, in SQL: `flash_sale.refund_requests.RequestLedger`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flash_sale.errors import not_found
from flash_sale.payments import Payment
from flash_sale.refund_requests import RefundRequest, RequestStatus
from flash_sale.refunds import Refund
from flash_sale.storage.outbox_rows import tell_refund_request
from flash_sale.storage.payments import lock_payment
from flash_sale.storage.refund_rows import refund_of_row
from flash_sale.storage.sql import sql_answering
from flash_sale.storage.tables import refund_requests, refunds

READ_MAX = 1000


class SqlRefundRequests:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def open(
        self,
        payment_id: str,
        key: str,
        make: Callable[[Payment, Sequence[Refund], Sequence[RefundRequest]], RefundRequest],
    ) -> tuple[RefundRequest, bool]:
        """Write down what `make` decides; a known key gives its request back, and False."""
        async with sql_answering(), self._engine.begin() as connection:
            payment = await lock_payment(connection, payment_id)
            if payment is None:
                raise not_found("payment")
            asked = await _of_order(connection, payment.order_id)
            known = next((request for request in asked if request.key == key), None)
            if known is not None:
                return known, False
            chosen = select(refunds).where(refunds.c.payment_id == payment_id)
            earlier = [refund_of_row(row) for row in await connection.execute(chosen)]
            request = make(payment, earlier, asked)
            row = _row(request)
            await connection.execute(insert(refund_requests).values(row))
            await tell_refund_request(connection, request, request.created_ms)
        return request, True

    async def find(self, request_id: str) -> RefundRequest | None:
        chosen = select(refund_requests).where(refund_requests.c.request_id == request_id)
        async with sql_answering(), self._engine.connect() as connection:
            row = (await connection.execute(chosen)).one_or_none()
        return _request_of_row(row) if row is not None else None

    async def of_order(self, order_id: str) -> list[RefundRequest]:
        async with sql_answering(), self._engine.connect() as connection:
            return await _of_order(connection, order_id)

    async def open_in(self, room_id: str, limit: int) -> list[RefundRequest]:
        """Those that wait for an answer, oldest first."""
        requests = refund_requests.c
        chosen = (
            select(refund_requests)
            .where(requests.room_id == room_id, requests.status == RequestStatus.OPEN)
            .order_by(requests.created_ms, requests.request_id)
            .limit(limit)
        )
        async with sql_answering(), self._engine.connect() as connection:
            return [_request_of_row(row) for row in await connection.execute(chosen)]

    async def of_user(self, user_id: str, limit: int) -> list[RefundRequest]:
        """Newest first."""
        requests = refund_requests.c
        chosen = (
            select(refund_requests)
            .where(requests.user_id == user_id)
            .order_by(requests.created_ms.desc(), requests.request_id)
            .limit(limit)
        )
        async with sql_answering(), self._engine.connect() as connection:
            return [_request_of_row(row) for row in await connection.execute(chosen)]

    async def end(self, ended: RefundRequest) -> bool:
        """OPEN → the end it has now, once; whether this was it."""
        async with sql_answering(), self._engine.begin() as connection:
            return await end_request(connection, ended)


async def end_request(connection: AsyncConnection, ended: RefundRequest) -> bool:
    """Part of a transaction: the request is answered, unless it was before."""
    requests = refund_requests.c
    done = await connection.execute(
        update(refund_requests)
        .where(requests.request_id == ended.request_id, requests.status == RequestStatus.OPEN)
        .values(
            status=ended.status,
            answer=ended.answer,
            decided_ms=ended.decided_ms,
            decided_by=ended.decided_by,
            refund_id=ended.refund_id,
        )
    )
    if done.rowcount == 1:
        await tell_refund_request(connection, ended, ended.decided_ms or 0)
    return done.rowcount == 1


async def open_request(connection: AsyncConnection, order_id: str) -> RefundRequest | None:
    """The one that waits for an answer: an order has one at most."""
    found = await _of_order(connection, order_id)
    return next((request for request in found if request.status is RequestStatus.OPEN), None)


async def _of_order(connection: AsyncConnection, order_id: str) -> list[RefundRequest]:
    requests = refund_requests.c
    chosen = (
        select(refund_requests)
        .where(requests.order_id == order_id)
        .order_by(requests.created_ms, requests.request_id)
        .limit(READ_MAX)
    )
    return [_request_of_row(row) for row in await connection.execute(chosen)]


def _row(request: RefundRequest) -> dict[str, object]:
    return {
        "request_id": request.request_id,
        "order_id": request.order_id,
        "room_id": request.room_id,
        "user_id": request.user_id,
        "key": request.key,
        "fingerprint": request.fingerprint,
        "reason": request.reason,
        "note": request.note,
        "lines": msgspec.json.encode(request.lines).decode(),
        "amount_cents": request.amount_cents,
        "currency": request.currency,
        "status": request.status,
        "answer": request.answer,
        "created_ms": request.created_ms,
    }


def _request_of_row(row: Row[Any]) -> RefundRequest:
    return RefundRequest(
        request_id=row.request_id,
        order_id=row.order_id,
        room_id=row.room_id,
        user_id=row.user_id,
        key=row.key,
        fingerprint=row.fingerprint,
        reason=row.reason,
        note=row.note,
        lines=msgspec.json.decode(row.lines, type=tuple[tuple[str, int], ...]),
        amount_cents=row.amount_cents,
        currency=row.currency,
        created_ms=row.created_ms,
        status=RequestStatus(row.status),
        answer=row.answer,
        decided_ms=row.decided_ms,
        decided_by=row.decided_by,
        refund_id=row.refund_id,
    )

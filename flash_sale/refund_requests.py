"""A buyer asks for their money back; staff say yes, with what becomes of the pieces, or no and why.

A request moves no money. Saying yes makes the refund in the transaction that ends the request, so
that of two answers one counts and a crash between leaves neither half.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

import msgspec

from flash_sale.errors import Refused, not_found
from flash_sale.orders import Order
from flash_sale.payments import Payment
from flash_sale.ports import Hooks, OrderLedger
from flash_sale.refunding import Refunding
from flash_sale.refunds import (
    CouponReturn,
    Refund,
    RefundAsk,
    RefundReason,
    StockReturn,
    plan,
)

NOTE_CHARS_MAX = 500
LISTED_MAX = 200
REQUESTS_OF_ORDER_MAX = 10  # each is read by a person; more is no longer asking
ID_BYTES = 12

# What a buyer can know; the others are staff's own.
BUYER_REASONS = frozenset(
    (
        RefundReason.CHANGED_MIND,
        RefundReason.DAMAGED,
        RefundReason.WRONG_ITEM,
        RefundReason.NOT_AS_DESCRIBED,
        RefundReason.NOT_RECEIVED,
        RefundReason.DUPLICATE,
        RefundReason.OTHER,
    )
)


class RequestStatus(StrEnum):
    """OPEN is left exactly once."""

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """`amount_cents` is what the pieces came to when they were asked for; `answer` is staff's."""

    request_id: str
    order_id: str
    room_id: str
    user_id: str
    key: str
    fingerprint: str
    reason: str
    note: str
    lines: tuple[tuple[str, int], ...]
    amount_cents: int
    currency: str
    created_ms: int
    status: RequestStatus = RequestStatus.OPEN
    answer: str = ""
    decided_ms: int | None = None
    decided_by: str | None = None
    refund_id: str | None = None

    def to_wire(self) -> dict[str, object]:
        return {
            "request_id": self.request_id,
            "order_id": self.order_id,
            "room_id": self.room_id,
            "user_id": self.user_id,
            "reason": self.reason,
            "note": self.note,
            "lines": [{"sku_id": sku_id, "qty": qty} for sku_id, qty in self.lines],
            "amount_cents": self.amount_cents,
            "currency": self.currency,
            "status": self.status.value,
            "answer": self.answer,
            "created_ms": self.created_ms,
            "decided_ms": self.decided_ms,
            "refund_id": self.refund_id,
        }


@dataclass(frozen=True, slots=True)
class BuyerAsk:
    """Without lines: all that is left of the order."""

    reason: RefundReason
    note: str = ""
    lines: tuple[tuple[str, int], ...] = ()

    def fingerprint(self) -> str:
        text = msgspec.json.encode([self.reason, self.note, self.lines])
        return hashlib.sha256(text).hexdigest()[:24]


class RequestLedger(Protocol):
    """Requests in SQL; each change first writes the payment's row, as refunds do."""

    async def open(
        self,
        payment_id: str,
        key: str,
        make: Callable[[Payment, Sequence[Refund], Sequence[RefundRequest]], RefundRequest],
    ) -> tuple[RefundRequest, bool]: ...
    async def find(self, request_id: str) -> RefundRequest | None: ...
    async def of_order(self, order_id: str) -> list[RefundRequest]: ...
    async def open_in(self, room_id: str, limit: int) -> list[RefundRequest]: ...
    async def of_user(self, user_id: str, limit: int) -> list[RefundRequest]: ...
    async def end(self, ended: RefundRequest) -> bool: ...


class RefundRequests:
    def __init__(
        self,
        ledger: RequestLedger,
        orders: OrderLedger,
        refunding: Refunding,
        hooks: Hooks,
        new_token: Callable[[int], str],
    ) -> None:
        self._ledger = ledger
        self._orders = orders
        self._refunding = refunding
        self._hooks = hooks
        self._new_token = new_token

    async def ask(
        self, order_id: str, user_id: str, ask: BuyerAsk, *, key: str, now_ms: int
    ) -> dict[str, object]:
        """Ask for a paid order of one's own or a part of it; the same `key` is the same request.

        Refused: not_found, bad_request, conflict (not paid, more than is left, or one is open
        already), key_reused.
        """
        order = await self._orders.order(order_id)
        if order is None or order.user_id != user_id:
            raise not_found("order")
        if ask.reason not in BUYER_REASONS or len(ask.note) > NOTE_CHARS_MAX:
            raise Refused("bad_request", "This is no reason of a buyer.")
        if order.payment_id is None:
            raise Refused("conflict", "The order is not paid.")
        request, is_new = await self._ledger.open(
            order.payment_id, key, self._maker(order, ask, key, now_ms)
        )
        if request.fingerprint != ask.fingerprint():
            raise Refused("key_reused", "This key was used for another request.")
        if is_new:
            self._hooks.on_refund_requested(order.room_id, request.to_wire())
        return request.to_wire()

    async def of_order(self, order_id: str) -> list[dict[str, object]]:
        """Oldest first."""
        return [request.to_wire() for request in await self._ledger.of_order(order_id)]

    async def of_user(self, user_id: str) -> list[dict[str, object]]:
        """What a person asked back, newest first."""
        found = await self._ledger.of_user(user_id, LISTED_MAX)
        return [request.to_wire() for request in found]

    async def waiting(self, room_id: str) -> list[dict[str, object]]:
        """The open requests of a room, oldest first."""
        return [request.to_wire() for request in await self._ledger.open_in(room_id, LISTED_MAX)]

    async def find(self, request_id: str) -> RefundRequest:
        """Refused not_found."""
        request = await self._ledger.find(request_id)
        if request is None:
            raise not_found("refund request")
        return request

    async def approve(
        self,
        request_id: str,
        stock: StockReturn,
        *,
        actor: str,
        now_ms: int,
        coupons: CouponReturn = CouponReturn.USED,
    ) -> dict[str, object]:
        """Give the money back as asked; a repeat tells the same. The answer has the `refund`.

        Refused: not_found, conflict (ended otherwise, or more than is left by now), key_reused
        (approved before with another decision on pieces or coupons).
        """
        request = await self.find(request_id)
        if request.status not in (RequestStatus.OPEN, RequestStatus.APPROVED):
            raise _ended()
        ask = RefundAsk(
            RefundReason(request.reason), lines=request.lines, stock=stock, coupons=coupons
        )
        refund = await self._refunding.request(
            request.order_id,
            ask,
            actor=actor,
            key=f"request {request_id}",
            now_ms=now_ms,
            ends=request_id,
        )
        after = await self.find(request_id)
        if request.status is RequestStatus.OPEN:
            self._hooks.on_refund_decided(after.to_wire())
        return {"request": after.to_wire(), "refund": refund}

    async def refuse(
        self, request_id: str, answer: str, *, actor: str, now_ms: int
    ) -> dict[str, object]:
        """Say no, with the reason that the buyer is told. Refused: not_found, conflict."""
        request = await self.find(request_id)
        ended = replace(
            request,
            status=RequestStatus.REFUSED,
            answer=answer,
            decided_ms=now_ms,
            decided_by=actor,
        )
        return await self._end(ended)

    async def withdraw(self, request_id: str, user_id: str, now_ms: int) -> dict[str, object]:
        """The buyer no longer asks. Refused: not_found, conflict (answered already)."""
        request = await self.find(request_id)
        if request.user_id != user_id:
            raise not_found("refund request")
        ended = replace(
            request, status=RequestStatus.WITHDRAWN, decided_ms=now_ms, decided_by=user_id
        )
        return await self._end(ended)

    async def _end(self, ended: RefundRequest) -> dict[str, object]:
        if await self._ledger.end(ended):
            self._hooks.on_refund_decided(ended.to_wire())
            return ended.to_wire()
        after = await self.find(ended.request_id)
        if (after.status, after.answer) != (ended.status, ended.answer):
            raise _ended()
        return after.to_wire()

    def _maker(
        self, order: Order, ask: BuyerAsk, key: str, now_ms: int
    ) -> Callable[[Payment, Sequence[Refund], Sequence[RefundRequest]], RefundRequest]:
        def make(
            payment: Payment, earlier: Sequence[Refund], asked: Sequence[RefundRequest]
        ) -> RefundRequest:
            if any(request.status is RequestStatus.OPEN for request in asked):
                raise Refused("conflict", "A request for this order waits for its answer.")
            if len(asked) >= REQUESTS_OF_ORDER_MAX:
                raise Refused("conflict", "No more requests for this order.")
            planned = plan(order, payment, earlier, RefundAsk(ask.reason, lines=ask.lines))
            return RefundRequest(
                request_id=f"rq-{self._new_token(ID_BYTES)}",
                order_id=order.order_id,
                room_id=order.room_id,
                user_id=order.user_id,
                key=key,
                fingerprint=ask.fingerprint(),
                reason=ask.reason.value,
                note=ask.note,
                # What was asked for, not what it came to: staff may have given a part back since.
                lines=ask.lines,
                amount_cents=planned.amount_cents,
                currency=payment.currency,
                created_ms=now_ms,
            )

        return make


def _ended() -> Refused:
    return Refused("conflict", "This request has been answered.")

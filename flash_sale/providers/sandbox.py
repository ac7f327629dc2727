"""The sandbox bank, both halves: what the shop calls, and the bank that calls back.

Real in everything but money: it keeps books of its own, signs its callbacks, may fail to deliver
one (the shop then asks), and never captures a payment the shop has closed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from flash_sale.errors import Refused, not_found
from flash_sale.payments import (
    SIGNATURE_HEADER,
    Callback,
    Payment,
    PaymentStatus,
    header_of,
    parse_callback,
    verify,
)
from flash_sale.ports import BankBooks, Later, Opened, PaymentLedger, Post
from flash_sale.providers.sandbox_tricks import (
    NO_TRICKS,
    REFUSED_REFUND_CENTS,
    Letter,
    Tricks,
    letters,
)
from flash_sale.refunds import Refund, RefundStatus

NAME = "sandbox"

log = logging.getLogger(__name__)


class SandboxProvider:
    """The shop's side: `flash_sale.ports.PaymentProvider`."""

    name = NAME
    acknowledgement: tuple[str, bytes] | None = None

    def __init__(self, secret: bytes, books: BankBooks) -> None:
        self._secret = secret
        self._books = books

    async def create(self, payment: Payment, pay_by_ms: int) -> Opened:
        return Opened(f"/cashier/{payment.payment_id}")

    def verify_callback(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> Callback:
        verify(self._secret, header_of(headers, SIGNATURE_HEADER), body, now_ms)
        return parse_callback(body)

    async def query(self, payment: Payment) -> Callback | None:
        standing = await self._books.standing(payment.payment_id)
        return _news(payment, *standing) if standing is not None else None

    async def close(self, payment: Payment) -> bool:
        return await self._books.decide(payment.payment_id, "closed", 0) != "succeeded"

    async def refund(self, refund: Refund, payment: Payment) -> RefundStatus:
        if refund.amount_cents == REFUSED_REFUND_CENTS:
            return RefundStatus.FAILED
        log.info("sandbox gives %d %s back", refund.amount_cents, refund.currency)
        return RefundStatus.SUCCEEDED


class SandboxBank:
    """The bank's side: somebody at the cashier pressed a button."""

    def __init__(
        self,
        secret: bytes,
        books: BankBooks,
        payments: PaymentLedger,
        callback_url: Callable[[], str],
        post: Post,
        later: Later | None = None,
    ) -> None:
        self._secret = secret
        self._books = books
        self._payments = payments
        self._callback_url = callback_url
        self._post = post
        self._later = later

    async def press(
        self, payment_id: str, outcome: str, now_ms: int, tricks: Tricks = NO_TRICKS
    ) -> None:
        """Decide a payment ("succeeded" or "failed") and tell the shop by a signed callback.

        The decision is in the books before the callback goes out; a lost callback is found by the
        shop's own question. Refused: bad_request, not_found, order_closed.
        """
        if outcome not in ("succeeded", "failed"):
            raise Refused("bad_request", "The outcome is succeeded or failed.")
        payment = await self._payments.payment(payment_id)
        if payment is None or payment.provider != NAME:
            raise not_found("payment")
        if payment.status is PaymentStatus.CLOSED:
            raise Refused("order_closed", "This payment was closed.")
        news = await self._decided(payment, outcome, now_ms, tricks)
        sent = letters(news, tricks, self._secret, now_ms + tricks.late_ms)
        if tricks.late_ms and self._later is not None:
            self._later(tricks.late_ms, lambda: self._send(payment_id, sent))
        else:
            await self._send(payment_id, sent)

    async def _decided(
        self, payment: Payment, outcome: str, now_ms: int, tricks: Tricks
    ) -> Callback:
        """The bank's books; who forges a callback does not write in them."""
        if tricks.forge is not None:
            return _news(payment, outcome, now_ms, tricks.amount_cents)
        status = await self._books.decide(payment.payment_id, outcome, now_ms, tricks.amount_cents)
        if status == "closed":
            raise Refused("order_closed", "This payment was closed.")
        standing = await self._books.standing(payment.payment_id)
        cents = standing[2] if standing is not None else None
        return _news(payment, status, now_ms, cents)  # pressed twice: what the first press took

    async def _send(self, payment_id: str, sent: Sequence[Letter]) -> None:
        for headers, body in sent:
            try:
                await self._post(self._callback_url(), headers, body)
            except Exception as trouble:
                log.warning("sandbox callback for %s not delivered: %s", payment_id, trouble)


def _news(payment: Payment, status: str, at_ms: int, amount_cents: int | None = None) -> Callback:
    return Callback(
        event_id=f"sb-{payment.payment_id}-{status}",
        payment_id=payment.payment_id,
        order_id=payment.order_id,
        status=status,
        amount_cents=payment.amount_cents if amount_cents is None else amount_cents,
        currency=payment.currency,
        ts=at_ms,
    )

"""Stripe: `PaymentProvider` over Checkout Sessions, by the official library `stripe`.

The library forms requests and knows the rule of the signature; HTTP goes through our own session.
Only cards: they are decided at once, so that no hold waits for days.
Rule: https://docs.stripe.com/webhooks#verify-manually
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from flash_sale.errors import Refused
from flash_sale.payments import SIGNATURE_AGE_S_MAX, Callback, Payment, header_of
from flash_sale.ports import Fetch, Opened
from flash_sale.providers.libraries import library
from flash_sale.refunds import Refund, RefundStatus

SIGNATURE_HEADER = "Stripe-Signature"
EVENT_BYTES_MAX = 262_144
REFUNDS_READ_MAX = 100
_SESSION_EVENTS = {
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
}


class _Session(msgspec.Struct, frozen=True):
    payment_status: str
    status: str | None
    amount_total: int
    currency: str
    metadata: dict[str, str]


class _Data(msgspec.Struct, frozen=True):
    object: msgspec.Raw


class _Event(msgspec.Struct, frozen=True):
    id: str
    type: str
    created: int
    data: _Data


class StripeProvider:
    name = "stripe"
    acknowledgement: tuple[str, bytes] | None = None

    def __init__(
        self,
        *,
        secret_key: str,
        webhook_secret: str,
        return_url: Callable[[str], str],
        fetch: Fetch,
    ) -> None:
        """`return_url(payment_id)` is where the buyer comes back to. Raises MissingLibrary."""
        self._stripe = library("stripe")
        self._webhook_secret = webhook_secret
        self._return_url = return_url
        self._calls = _client(self._stripe, secret_key, fetch).v1

    async def create(self, payment: Payment, pay_by_ms: int) -> Opened:
        """A session's shortest life at Stripe is 30 minutes: `close` ends it at `pay_by_ms`."""
        back = self._return_url(payment.payment_id)
        marks = {"payment_id": payment.payment_id, "order_id": payment.order_id}
        ware = {
            "currency": payment.currency.lower(),
            "unit_amount": payment.amount_cents,
            "product_data": {"name": f"Order {payment.order_id}"},
        }
        asked = {
            "mode": "payment",
            "payment_method_types": ["card"],
            "client_reference_id": payment.payment_id,
            "metadata": marks,
            "payment_intent_data": {"metadata": marks},
            "line_items": [{"quantity": 1, "price_data": ware}],
            "success_url": back,
            "cancel_url": back,
        }
        session = await self._calls.checkout.sessions.create_async(
            asked, {"idempotency_key": payment.payment_id}
        )
        return Opened(session.url, session.id)

    def verify_callback(
        self, headers: Mapping[str, str], body: bytes, now_ms: int
    ) -> Callback | None:
        self._verify(header_of(headers, SIGNATURE_HEADER), body, now_ms)
        if len(body) > EVENT_BYTES_MAX:
            raise Refused("bad_request", "The event is too large.")
        try:
            event = msgspec.json.decode(body, type=_Event)
            if event.type not in _SESSION_EVENTS:
                return None
            session = msgspec.json.decode(event.data.object, type=_Session)
            marks = session.metadata
            if "payment_id" not in marks:
                return None  # a session that somebody made elsewhere in the same account
            news = _news(session, marks["payment_id"], marks.get("order_id", ""))
        except msgspec.DecodeError as error:
            raise Refused("bad_request", f"The event is malformed: {error}.") from error
        if event.type == "checkout.session.async_payment_failed":
            news = news or _failed(session, marks["payment_id"], marks.get("order_id", ""))
        if news is None:
            return None
        return msgspec.structs.replace(news, event_id=event.id[:128], ts=event.created * 1000)

    async def query(self, payment: Payment) -> Callback | None:
        if payment.reference is None:
            return None
        session = await self._calls.checkout.sessions.retrieve_async(payment.reference)
        return _news(session, payment.payment_id, payment.order_id)

    async def close(self, payment: Payment) -> bool:
        """Without a reference nobody was ever told where to pay."""
        if payment.reference is None:
            return True
        sessions = self._calls.checkout.sessions
        try:
            session = await sessions.expire_async(payment.reference)
        except self._stripe.InvalidRequestError:  # it is no longer open
            session = await sessions.retrieve_async(payment.reference)
        return bool(session.status == "expired")

    async def refund(self, refund: Refund, payment: Payment) -> RefundStatus:
        """Looks before it asks: Stripe forgets idempotency keys after a day."""
        if payment.reference is None:
            raise Refused("not_found", "Stripe's own id of the payment is not known.")
        session = await self._calls.checkout.sessions.retrieve_async(payment.reference)
        intent = {"payment_intent": session.payment_intent}
        known = await self._calls.refunds.list_async({**intent, "limit": REFUNDS_READ_MAX})
        for done in known.data:
            if getattr(done.metadata, "refund_id", None) == refund.refund_id:
                return _refund_status(done.status)
        made = await self._calls.refunds.create_async(
            {
                **intent,
                "amount": refund.amount_cents,
                "metadata": {"refund_id": refund.refund_id, "reason": refund.reason},
            },
            {"idempotency_key": refund.refund_id},
        )
        return _refund_status(made.status)

    def _verify(self, header: str | None, body: bytes, now_ms: int) -> None:
        signature = self._stripe.WebhookSignature
        try:
            signature.verify_header(body, header, self._webhook_secret)
            at_s, _ = signature._get_timestamp_and_signatures(header, "v1")
        except Exception as error:  # its own error, or whatever a strange header brings about
            raise Refused("bad_signature", "The Stripe signature is not valid.") from error
        if abs(now_ms // 1000 - at_s) > SIGNATURE_AGE_S_MAX:
            raise Refused("stale_signature", "The signature is too old or from the future.")


def _client(stripe: Any, secret_key: str, fetch: Fetch) -> Any:  # noqa: ANN401 - no types
    """Stripe's client over our HTTP session. It never repeats a call by itself."""

    class Transport(stripe.HTTPClient):  # type: ignore[misc]
        name = "liveroom"

        async def request_async(
            self,
            method: str,
            url: str,
            headers: Mapping[str, str],
            post_data: str | bytes | None = None,
        ) -> tuple[bytes, int, Mapping[str, str]]:
            body = post_data.encode() if isinstance(post_data, str) else post_data or b""
            answer = await fetch(method.upper(), url, headers, body)
            return answer.body, answer.status, answer.headers

    return stripe.StripeClient(secret_key, http_client=Transport(), max_network_retries=0)


def _news(session: Any, payment_id: str, order_id: str) -> Callback | None:  # noqa: ANN401
    """What a session says, as Stripe's object or as ours; None while it is undecided."""
    if session.payment_status == "paid":
        return _callback(session, payment_id, order_id, "succeeded")
    if session.status == "expired":
        return _callback(session, payment_id, order_id, "closed")
    return None


def _failed(session: Any, payment_id: str, order_id: str) -> Callback:  # noqa: ANN401
    return _callback(session, payment_id, order_id, "failed")


def _callback(
    session: Any,  # noqa: ANN401 - see _news
    payment_id: str,
    order_id: str,
    status: str,
) -> Callback:
    return Callback(
        event_id=f"query-{payment_id}-{status}"[:128],
        payment_id=payment_id,
        order_id=order_id,
        status=status,
        amount_cents=session.amount_total,
        currency=session.currency.upper(),
        ts=0,
    )


def _refund_status(status: str | None) -> RefundStatus:
    ends = {
        "succeeded": RefundStatus.SUCCEEDED,
        "failed": RefundStatus.FAILED,
        "canceled": RefundStatus.FAILED,
    }
    return ends.get(status or "", RefundStatus.PENDING)

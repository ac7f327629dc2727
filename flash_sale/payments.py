"""Payments and callbacks: what they are, how the sandbox signs, how a callback is judged.

Pure: the clock is an argument. Nothing here stores or sends.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from flash_sale.errors import Refused

SIGNATURE_AGE_S_MAX = 300  # callbacks older or newer than this may be replays
CALLBACK_BYTES_MAX = 8192
PAYMENTS_PER_ORDER_MAX = (
    20  # tries to pay one order; each is asked about before the order is closed
)
CALLBACK_CENTS_MAX = 2**53 - 1  # of no currency; more is no sum, and no column would take it
SIGNATURE_HEADER = "X-Liveroom-Signature"
_SIGNATURE_PATTERN = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")


class PaymentStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CLOSED = "closed"


class Resolution(StrEnum):
    """What became of captured money: exactly one of these."""

    ORDER = "order"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Payment:
    """One attempt to pay an order, in cents. Money is in once the status is SUCCEEDED.

    `reference` is the provider's own id of it; `refunded_cents` counts refunds that did not fail;
    `captured_cents` and `captured_currency` are what was really taken (None: what was due).
    """

    payment_id: str
    order_id: str
    provider: str
    amount_cents: int
    currency: str
    status: PaymentStatus
    created_ms: int
    captured_ms: int | None = None
    resolution: Resolution | None = None
    reference: str | None = None
    refunded_cents: int = 0
    captured_cents: int | None = None
    captured_currency: str | None = None

    @property
    def due(self) -> tuple[int, str]:
        return self.amount_cents, self.currency

    @property
    def taken(self) -> tuple[int, str]:
        """The money that is there once it is captured: what a refund gives back."""
        cents = self.amount_cents if self.captured_cents is None else self.captured_cents
        return cents, self.captured_currency or self.currency


class Callback(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """What a provider says happened: `status` is succeeded, failed or closed.

    Unknown fields are ignored: providers add them freely.
    """

    event_id: str
    payment_id: str
    order_id: str
    status: str
    amount_cents: int
    currency: str
    ts: int

    @property
    def sum(self) -> tuple[int, str]:
        return self.amount_cents, self.currency


def sign(secret: bytes, body: bytes, at_s: int) -> str:
    """The value of the signature header for `body` at `at_s` (Unix seconds)."""
    return f"t={at_s},v1={_digest(secret, body, str(at_s))}"


def verify(secret: bytes, header: str | None, body: bytes, now_ms: int) -> None:
    """Raise `Refused` bad_signature or stale_signature unless `header` signs `body` about now."""
    match = _SIGNATURE_PATTERN.fullmatch(header or "")
    if match is None:
        raise Refused("bad_signature", "The signature header is missing or malformed.")
    if not hmac.compare_digest(_digest(secret, body, match[1]), match[2]):
        raise Refused("bad_signature", "The signature does not match the body.")
    if abs(now_ms // 1000 - int(match[1])) > SIGNATURE_AGE_S_MAX:
        raise Refused("stale_signature", "The signature is too old or from the future.")


def header_of(headers: Mapping[str, str], name: str) -> str | None:
    """A header whatever the case of its name."""
    return next((text for key, text in headers.items() if key.lower() == name.lower()), None)


def parse_callback(body: bytes) -> Callback:
    """Decode a verified body strictly; raises `Refused("bad_request")`."""
    if len(body) > CALLBACK_BYTES_MAX:
        raise Refused("bad_request", "The callback is too large.")
    try:
        callback = msgspec.json.decode(body, type=Callback)
    except msgspec.DecodeError as error:
        raise Refused("bad_request", f"The callback is malformed: {error}.") from error
    if callback.status not in ("succeeded", "failed") or not 1 <= len(callback.event_id) <= 128:
        raise Refused("bad_request", "The callback is malformed.")
    return callback


def require_sum(callback: Callback) -> None:
    """Raise `Refused("bad_request")` for a number of cents that no books can hold."""
    if abs(callback.amount_cents) > CALLBACK_CENTS_MAX:
        raise Refused("bad_request", "The callback's sum is none.")


def subject_of(payment: Payment | None, provider: str, callback: Callback) -> Payment:
    """The payment a callback is about; raises `Refused("not_found")` when it is another's."""
    if payment is None or payment.provider != provider:
        raise Refused("not_found", "No such payment.")
    if payment.order_id != callback.order_id:
        raise Refused("not_found", "The payment belongs to another order.")
    return payment


def match_callback(payment: Payment | None, provider: str, callback: Callback) -> Payment:
    """`subject_of`, and the sum must be the one that is due: else `Refused("amount_mismatch")`."""
    its = subject_of(payment, provider, callback)
    if its.due != callback.sum:
        raise amount_mismatch()
    return its


def amount_mismatch() -> Refused:
    return Refused("amount_mismatch", "The sum is not the order's.")


def _digest(secret: bytes, body: bytes, at_s: str) -> str:
    return hmac.new(secret, at_s.encode() + b"." + body, hashlib.sha256).hexdigest()

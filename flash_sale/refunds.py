"""Refunds: what they are and how much may still go back. Pure; nothing here sends or stores money.

A refund is written down before a provider hears of it and is known to the provider by its own id,
so asking twice gives money back once.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from flash_sale.errors import Refused
from flash_sale.orders import Order
from flash_sale.payments import Payment, Resolution

REFUND_LINES_MAX = 100
REFUND_QTY_MAX = 1_000_000


class RefundStatus(StrEnum):
    """PENDING until the provider says how it ended; a FAILED one is SETTLED once a person has
    seen to it that the money went back another way."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SETTLED = "settled"


DONE = (RefundStatus.SUCCEEDED, RefundStatus.SETTLED)  # the money is back


class RefundReason(StrEnum):
    """Why staff give money back. Refunds made by the server name other reasons of their own."""

    CHANGED_MIND = "changed_mind"
    DAMAGED = "damaged"
    WRONG_ITEM = "wrong_item"
    NOT_AS_DESCRIBED = "not_as_described"
    NOT_RECEIVED = "not_received"
    OUT_OF_STOCK = "out_of_stock"
    DUPLICATE = "duplicate"
    FRAUD = "fraud"
    GOODWILL = "goodwill"
    OTHER = "other"


class StockReturn(StrEnum):
    """What happens to the pieces: they stay sold unless somebody decided otherwise."""

    KEPT = "kept"
    RETURNING = "returning"  # decided; done once the money is back
    RETURNED = "returned"
    IMPOSSIBLE = "impossible"  # the sale is closed for good, or would have too many pieces


class CouponReturn(StrEnum):
    """What happens to the order's coupons once all of its money is back: they stay used unless
    somebody decided otherwise. One that has lapsed by then comes back lapsed."""

    USED = "used"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Refund:
    """Money to give back, in cents. `key` is None when the server decided by itself."""

    refund_id: str
    payment_id: str
    order_id: str
    amount_cents: int
    currency: str
    reason: str
    created_ms: int
    status: RefundStatus = RefundStatus.PENDING
    key: str | None = None
    fingerprint: str = ""
    actor: str = ""
    lines: tuple[tuple[str, int], ...] = ()
    stock: StockReturn = StockReturn.KEPT
    settled_ms: int | None = None
    settled_by: str | None = None
    note: str | None = None
    coupons: CouponReturn = CouponReturn.USED

    def to_wire(self) -> dict[str, object]:
        return {
            "refund_id": self.refund_id,
            "order_id": self.order_id,
            "payment_id": self.payment_id,
            "amount_cents": self.amount_cents,
            "currency": self.currency,
            "reason": self.reason,
            "status": self.status.value,
            "lines": [{"sku_id": sku_id, "qty": qty} for sku_id, qty in self.lines],
            "stock": self.stock.value,
            "coupons": self.coupons.value,
            "created_ms": self.created_ms,
            "settled_ms": self.settled_ms,
            "settled_by": self.settled_by,
            "note": self.note,
        }


def restock_key(refund_id: str, sku_id: str) -> str:
    """Under which the pieces of a refund come back once."""
    return f"refund {refund_id} {sku_id}"


@dataclass(frozen=True, slots=True)
class RefundAsk:
    """What staff ask for. No amount: the price of `lines`; no lines either: all that is left."""

    reason: RefundReason
    amount_cents: int | None = None
    lines: tuple[tuple[str, int], ...] = ()
    stock: StockReturn = StockReturn.KEPT
    coupons: CouponReturn = CouponReturn.USED

    def fingerprint(self) -> str:
        """Equal for equal asks, so that a key cannot stand for two different ones."""
        back = [self.coupons] if self.coupons is not CouponReturn.USED else []
        text = msgspec.json.encode([self.reason, self.amount_cents, self.lines, self.stock, *back])
        return hashlib.sha256(text).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Settling:
    """What a person says of a refund that its provider refused for good.

    `paid`: the money went back another way. Otherwise nothing is owed any more, which can only be
    said of a refund that staff asked for.
    """

    paid: bool
    note: str
    actor: str


@dataclass(frozen=True, slots=True)
class RefundPlan:
    amount_cents: int
    lines: tuple[tuple[str, int], ...]


def plan(order: Order, payment: Payment, earlier: Sequence[Refund], ask: RefundAsk) -> RefundPlan:
    """How much goes back and for which pieces, after the `earlier` refunds of the payment.

    Refused: conflict (not paid, or more than is left), bad_request (not sensible by itself).
    """
    if payment.resolution is not Resolution.ORDER:
        raise Refused("conflict", "Only the payment of a paid order can be refunded.")
    counted = [refund for refund in earlier if refund.status is not RefundStatus.FAILED]
    left_cents = payment.amount_cents - sum(refund.amount_cents for refund in counted)
    pieces = _pieces_left(order, counted)
    lines = _asked_lines(ask, pieces)
    amount_cents = _asked_cents(ask, _worth_cents(order, lines, pieces), left_cents)
    if not 1 <= amount_cents <= left_cents:
        raise Refused(
            "conflict", "More than is left to refund.", details={"left_cents": left_cents}
        )
    if ask.stock is StockReturn.RETURNING and not lines:
        raise Refused("bad_request", "Stock can only be returned for named lines.")
    return RefundPlan(amount_cents, lines)


def require_pieces_left(order: Order, earlier: Sequence[Refund], refund: Refund) -> None:
    """Refused conflict when pieces of a failed refund were given back by another one since."""
    counted = [one for one in earlier if one.status is not RefundStatus.FAILED]
    left = _pieces_left(order, counted)
    if any(qty > left[sku_id] for sku_id, qty in refund.lines):
        raise Refused("conflict", "These pieces were refunded again since.")


def _pieces_left(order: Order, counted: Sequence[Refund]) -> Counter[str]:
    """Pieces of each SKU that no refund was for yet."""
    left: Counter[str] = Counter()
    for line in order.lines:
        left[line.sku_id] += line.qty
    for refund in counted:
        for sku_id, qty in refund.lines:
            left[sku_id] -= qty
    return left


def _asked_lines(ask: RefundAsk, pieces: Counter[str]) -> tuple[tuple[str, int], ...]:
    if not ask.lines:
        everything = ask.amount_cents is None
        return tuple((sku, qty) for sku, qty in sorted(pieces.items()) if everything and qty > 0)
    asked: Counter[str] = Counter()
    for sku_id, qty in ask.lines[: REFUND_LINES_MAX + 1]:
        if type(qty) is not int or not 1 <= qty <= REFUND_QTY_MAX:
            raise Refused("bad_request", "A quantity is a whole number from 1.")
        asked[sku_id] += qty
    if len(ask.lines) > REFUND_LINES_MAX or asked.keys() - pieces.keys():
        raise Refused("bad_request", "The lines are not those of the order.")
    if any(qty > pieces[sku_id] for sku_id, qty in asked.items()):
        raise Refused("conflict", "More pieces than are left to refund.")
    return tuple(sorted(asked.items()))


def _asked_cents(ask: RefundAsk, worth_cents: int, left_cents: int) -> int:
    if ask.amount_cents is None:
        return worth_cents if ask.lines else left_cents
    if type(ask.amount_cents) is not int or ask.amount_cents < 1:
        raise Refused("bad_request", "An amount is a whole number of cents from 1.")
    if ask.lines and ask.amount_cents > worth_cents:
        raise Refused("bad_request", "The amount is more than the lines cost.")
    return ask.amount_cents


def _worth_cents(order: Order, lines: Sequence[tuple[str, int]], pieces: Counter[str]) -> int:
    """What the pieces of `lines` really cost, discounts taken off; `pieces` are those left.

    Rounded by what the pieces cost so far: given back one by one they come to what was paid.
    """
    worth = 0
    for sku_id, qty in lines:
        mine = [line for line in order.lines if line.sku_id == sku_id]
        paid_cents = sum(line.paid_cents or line.qty * line.unit_cents for line in mine)
        bought = sum(line.qty for line in mine)
        before = bought - pieces[sku_id]
        worth += paid_cents * (before + qty) // bought - paid_cents * before // bought
    return worth

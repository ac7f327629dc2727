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
    """PENDING until the provider says how it ended. Only PENDING is left."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


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
            "created_ms": self.created_ms,
        }


@dataclass(frozen=True, slots=True)
class RefundAsk:
    """What staff ask for. No amount: the price of `lines`; no lines either: all that is left."""

    reason: RefundReason
    amount_cents: int | None = None
    lines: tuple[tuple[str, int], ...] = ()
    stock: StockReturn = StockReturn.KEPT

    def fingerprint(self) -> str:
        """Equal for equal asks, so that a key cannot stand for two different ones."""
        text = msgspec.json.encode([self.reason, self.amount_cents, self.lines, self.stock])
        return hashlib.sha256(text).hexdigest()[:24]


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
    amount_cents = _asked_cents(order, ask, lines, left_cents)
    if not 1 <= amount_cents <= left_cents:
        raise Refused(
            "conflict", "More than is left to refund.", details={"left_cents": left_cents}
        )
    if ask.stock is StockReturn.RETURNING and not lines:
        raise Refused("bad_request", "Stock can only be returned for named lines.")
    return RefundPlan(amount_cents, lines)


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


def _asked_cents(
    order: Order, ask: RefundAsk, lines: tuple[tuple[str, int], ...], left_cents: int
) -> int:
    worth_cents = sum(_worth_cents(order, sku_id, qty) for sku_id, qty in lines)
    if ask.amount_cents is None:
        return worth_cents if ask.lines else left_cents
    if type(ask.amount_cents) is not int or ask.amount_cents < 1:
        raise Refused("bad_request", "An amount is a whole number of cents from 1.")
    if ask.lines and ask.amount_cents > worth_cents:
        raise Refused("bad_request", "The amount is more than the lines cost.")
    return ask.amount_cents


def _worth_cents(order: Order, sku_id: str, qty: int) -> int:
    """What so many pieces of a SKU really cost, discounts taken off, rounded down."""
    lines = [line for line in order.lines if line.sku_id == sku_id]
    paid_cents = sum(line.paid_cents or line.qty * line.unit_cents for line in lines)
    return paid_cents * qty // sum(line.qty for line in lines)

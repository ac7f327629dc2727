"""Reservations and orders: their states, which moves are legal, and how an order looks outside.

Pure. The scripts carry out the reservation's moves, SQL the order's; both follow these tables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import msgspec

from flash_sale.channels import LIVE
from flash_sale.pricing import distribute
from flash_sale.sale import Sale

ORDER_ID_PATTERN = re.compile(r"o((\d{1,15})-[A-Za-z0-9_-]{1,40})")


class ReservationState(StrEnum):
    """As the scripts know it. HELD is left exactly once."""

    HELD = "held"
    PAID = "paid"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class OrderStatus(StrEnum):
    """HELD: only reserved so far. PLACED: its row is in SQL, payable."""

    HELD = "held"
    PLACED = "placed"
    PAID = "paid"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


class OrderMove(StrEnum):
    PLACE = "place"
    PAY = "pay"
    EXPIRE = "expire"
    CANCEL = "cancel"
    RECLAIM = "reclaim"  # money came late and the stock was still there
    REFUND = "refund"  # money came late and went back
    REFUND_PART = "refund_part"  # staff gave some of the money back
    REFUND_REST = "refund_rest"  # and now all of it


# A missing entry is the illegal move.
TRANSITIONS: dict[tuple[OrderStatus, OrderMove], OrderStatus] = {
    (OrderStatus.HELD, OrderMove.PLACE): OrderStatus.PLACED,
    (OrderStatus.PLACED, OrderMove.PAY): OrderStatus.PAID,
    (OrderStatus.PLACED, OrderMove.EXPIRE): OrderStatus.EXPIRED,
    (OrderStatus.PLACED, OrderMove.CANCEL): OrderStatus.CANCELLED,
    (OrderStatus.EXPIRED, OrderMove.RECLAIM): OrderStatus.PAID,
    (OrderStatus.EXPIRED, OrderMove.REFUND): OrderStatus.REFUNDED,
    (OrderStatus.CANCELLED, OrderMove.RECLAIM): OrderStatus.PAID,
    (OrderStatus.CANCELLED, OrderMove.REFUND): OrderStatus.REFUNDED,
    (OrderStatus.PAID, OrderMove.REFUND_PART): OrderStatus.PARTIALLY_REFUNDED,
    (OrderStatus.PARTIALLY_REFUNDED, OrderMove.REFUND_PART): OrderStatus.PARTIALLY_REFUNDED,
    (OrderStatus.PAID, OrderMove.REFUND_REST): OrderStatus.REFUNDED,
    (OrderStatus.PARTIALLY_REFUNDED, OrderMove.REFUND_REST): OrderStatus.REFUNDED,
}


class IllegalMove(Exception):
    """The order cannot make this move from where it is; nothing changed."""


def next_status(status: OrderStatus, move: OrderMove) -> OrderStatus:
    try:
        return TRANSITIONS[status, move]
    except KeyError:
        raise IllegalMove(f"{move} from {status}") from None


def sources(move: OrderMove) -> tuple[OrderStatus, ...]:
    """The statuses `move` may start from: the WHERE of its compare-and-set."""
    return tuple(status for status, its_move in TRANSITIONS if its_move is move)


# What a reservation's state says of its order while that has no row yet.
ORDER_STATUS = {
    ReservationState.HELD: OrderStatus.HELD,
    ReservationState.PAID: OrderStatus.PAID,
    ReservationState.EXPIRED: OrderStatus.EXPIRED,
    ReservationState.CANCELLED: OrderStatus.CANCELLED,
}
RESERVATION_STATE = {
    OrderStatus.HELD: ReservationState.HELD,
    OrderStatus.PLACED: ReservationState.HELD,
    OrderStatus.PAID: ReservationState.PAID,
    OrderStatus.EXPIRED: ReservationState.EXPIRED,
    OrderStatus.CANCELLED: ReservationState.CANCELLED,
    OrderStatus.PARTIALLY_REFUNDED: ReservationState.PAID,
    OrderStatus.REFUNDED: ReservationState.EXPIRED,  # of one never paid in time; else it is PAID
}


# A stampede makes thousands of these a second, and a struct is made in a fraction of a dataclass'
# time; `gc=False`: none can be part of a cycle.


class ReservedLine(msgspec.Struct, frozen=True, gc=False):
    """`origin` is the suffix of the reservation that took the pieces; "" is its own."""

    sku_id: str
    qty: int
    unit_cents: int
    origin: str = ""


class Reservation(msgspec.Struct, frozen=True, gc=False):
    """The scripts' record. `suffix` is what its reservation id and order id share; `returned` is
    what came back to stock of a paid one, by SKU: it no longer counts against the buyer's limit."""

    suffix: str
    state: ReservationState
    user_id: str
    key: str
    amount_cents: int
    created_ms: int
    pay_by_ms: int
    expires_ms: int
    lines: tuple[ReservedLine, ...]
    payment_id: str | None
    journal_seq: int
    channel: str = LIVE
    returned: tuple[tuple[str, int], ...] = ()

    @property
    def order_id(self) -> str:
        return f"o{self.suffix}"

    @property
    def full_cents(self) -> int:
        """What the lines cost before anything is taken off."""
        cents = 0
        for line in self.lines:
            cents += line.qty * line.unit_cents
        return cents


@dataclass(frozen=True, slots=True)
class OrderLine:
    sku_id: str
    product_id: str
    title: str
    qty: int
    unit_cents: int
    paid_cents: int = 0  # what the line costs after all discounts
    origin: str = ""  # as in `ReservedLine`


@dataclass(frozen=True, slots=True)
class Order:
    """Money in cents, times in epoch milliseconds. Price and lines never change."""

    suffix: str
    room_id: str
    sale_id: str
    user_id: str
    status: OrderStatus
    lines: tuple[OrderLine, ...]
    amount_cents: int
    currency: str
    created_ms: int
    pay_by_ms: int
    expires_ms: int
    paid_ms: int | None
    payment_id: str | None
    journal_seq: int
    discounts: tuple[Mapping[str, Any], ...] = ()
    channel: str = LIVE

    @property
    def order_id(self) -> str:
        return f"o{self.suffix}"

    def to_wire(self) -> dict[str, object]:
        return {
            "order_id": self.order_id,
            "reservation_id": f"r{self.suffix}",
            "room_id": self.room_id,
            "sale_id": self.sale_id,
            "user_id": self.user_id,
            "status": self.status.value,
            "lines": [
                {
                    "sku_id": line.sku_id,
                    "product_id": line.product_id,
                    "title": line.title,
                    "qty": line.qty,
                    "unit_cents": line.unit_cents,
                    "paid_cents": line.paid_cents,
                    "reservation_id": f"r{line.origin or self.suffix}",
                }
                for line in self.lines
            ],
            "amount_cents": self.amount_cents,
            "discounts": [dict(discount) for discount in self.discounts],
            "currency": self.currency,
            "created_ms": self.created_ms,
            "pay_by_ms": self.pay_by_ms,
            "expires_ms": self.expires_ms,
            "paid_ms": self.paid_ms,
            "payment_id": self.payment_id,
            "channel": self.channel,
        }


def discounts_in(answer: str | bytes, order_id: str) -> tuple[Mapping[str, Any], ...]:
    """What took cents off, as the stored answer of a buy tells it; of a split, each order's own."""
    told = msgspec.json.decode(answer)
    own = (order for order in told.get("orders", ()) if order["order_id"] == order_id)
    return tuple(next(own, told).get("discounts", ()))


def priced(
    lines: Sequence[OrderLine], amount_cents: int, discounts: Sequence[Mapping[str, Any]]
) -> tuple[OrderLine, ...]:
    """The lines with what each really costs; the sums add up to `amount_cents`."""
    full = [line.qty * line.unit_cents for line in lines]
    parts = [cents - sum(d["lines"][at] for d in discounts) for at, cents in enumerate(full)]
    if sum(parts) != amount_cents:  # what took the rest off is not known: in proportion
        parts = list(distribute(amount_cents, full))
    return tuple(replace(line, paid_cents=cents) for line, cents in zip(lines, parts, strict=True))


def order_of(reservation: Reservation, sale: Sale, answer: str | None = None) -> Order:
    """The order a reservation is while it has no row of its own; `answer` is the buy's."""
    lines = []
    for line in reservation.lines:
        sku = sale.sku(line.sku_id)
        product_id, title = (sku.product_id, sku.title) if sku else ("", line.sku_id)
        origin = line.origin
        lines.append(
            OrderLine(line.sku_id, product_id, title, line.qty, line.unit_cents, origin=origin)
        )
    full = sum(line.qty * line.unit_cents for line in lines)
    discounted = full != reservation.amount_cents
    discounts = discounts_in(answer, reservation.order_id) if answer and discounted else ()
    return Order(
        suffix=reservation.suffix,
        room_id=sale.room_id,
        sale_id=sale.sale_id,
        user_id=reservation.user_id,
        status=ORDER_STATUS[reservation.state],
        lines=priced(lines, reservation.amount_cents, discounts),
        amount_cents=reservation.amount_cents,
        currency=sale.currency,
        created_ms=reservation.created_ms,
        pay_by_ms=reservation.pay_by_ms,
        expires_ms=reservation.expires_ms,
        paid_ms=None,
        payment_id=reservation.payment_id,
        journal_seq=reservation.journal_seq,
        discounts=discounts,
        channel=reservation.channel,
    )


def suffix_of(order_id: str) -> tuple[str, int] | None:
    """The suffix of an order id and the sale's number in it; None if malformed."""
    match = ORDER_ID_PATTERN.fullmatch(order_id)
    return (match[1], int(match[2])) if match else None

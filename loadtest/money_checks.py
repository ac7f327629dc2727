"""Judges what became of money: every captured payment is in exactly one of order and refund.

Pure: the rows of ledger.py in, failures out. What is captured is said by the bank's own books, not
by the shop. Money of another sum than the one due pays for nothing and goes back as it came.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from loadtest.checks import Failure

Row = Mapping[str, Any]


def captured(payment: Row) -> bool:
    """Whether the bank has taken money."""
    return bool(payment["bank_status"] == "succeeded")


def taken_cents(payment: Row) -> int:
    """What it has taken: as a rule what was due."""
    took = payment["bank_cents"]
    return int(payment["amount_cents"] if took is None else took)


def settled(orders: Sequence[Row], payments: Sequence[Row]) -> bool:
    """Whether the shop has decided about all captured money, and the journal has told its orders of
    it; there is nothing to judge before."""
    paid = {order["payment_id"] for order in orders if order["paid_ms"] is not None}
    return all(
        payment["resolution"] == "refund"
        or (payment["resolution"] == "order" and payment["payment_id"] in paid)
        for payment in payments
        if captured(payment)
    )


def money_failures(
    orders: Sequence[Row], payments: Sequence[Row], refunds: Sequence[Row]
) -> list[Failure]:
    """Captured money in neither or in both, orders paid without money, refunds of no money."""
    by_id = {order["order_id"]: order for order in orders}
    given_back: dict[str, list[Row]] = defaultdict(list)
    for refund in refunds:
        given_back[refund["payment_id"]].append(refund)
    failures: list[Failure] = []
    for payment in payments:
        order = by_id.get(payment["order_id"], {})
        failures += _payment_failures(payment, order, given_back[payment["payment_id"]])
    taken = {p["payment_id"] for p in payments if p["resolution"] == "order"}
    for order in orders:
        if order["paid_ms"] is not None and order["payment_id"] not in taken:
            who = str(order["order_id"])
            failures.append(Failure("paid_without_money", who, str(order["payment_id"])))
    sharing = Counter(p["order_id"] for p in payments if p["resolution"] == "order")
    failures += [
        Failure("paid_twice", order_id, f"{count} payments became this order")
        for order_id, count in sharing.items()
        if count > 1
    ]
    return failures


def _payment_failures(payment: Row, order: Row, refunds: Sequence[Row]) -> list[Failure]:
    who = str(payment["payment_id"])
    ordered = order.get("paid_ms") is not None and order.get("payment_id") == who
    if not captured(payment):
        if payment["resolution"] or payment["status"] == "succeeded" or ordered or refunds:
            detail = f"the bank says {payment['bank_status']}, {payment['bank_cents']}"
            return [Failure("money_invented", who, detail)]
        return []
    if not payment["resolution"]:
        return [Failure("money_unresolved", who, f"status {payment['status']}")]
    back = sum(int(refund["amount_cents"]) for refund in refunds)
    if ordered and refunds:
        return [Failure("money_in_both", who, f"order {order['order_id']} and {back} cents back")]
    if payment["resolution"] == "order" and not ordered:
        return [Failure("money_in_neither", who, f"order {payment['order_id']} is not paid by it")]
    if payment["resolution"] == "refund" and back != taken_cents(payment):
        return [Failure("money_in_neither", who, f"{back} of {taken_cents(payment)} cents back")]
    if payment["resolution"] == "order" and taken_cents(payment) != payment["amount_cents"]:
        return [Failure("wrong_sum_taken", who, f"{taken_cents(payment)} cents paid for the order")]
    return []

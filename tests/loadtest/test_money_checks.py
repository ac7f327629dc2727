"""Money in neither, in both, invented or paid twice is caught from the books."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.money_checks import money_failures, settled


def order(order_id: str = "o1", payment: str | None = "p1") -> dict[str, Any]:
    paid_ms = 1 if payment else None
    return {"order_id": order_id, "payment_id": payment, "paid_ms": paid_ms}


def payment(payment_id: str = "p1", **changed: Any) -> dict[str, Any]:
    fair = {
        "payment_id": payment_id,
        "order_id": "o1",
        "amount_cents": 100,
        "status": "succeeded",
        "resolution": "order",
        "bank_status": "succeeded",
        "bank_cents": None,
    }
    return {**fair, **changed}


def refund(payment_id: str = "p1", cents: int = 100) -> dict[str, Any]:
    return {"payment_id": payment_id, "order_id": "o1", "amount_cents": cents}


BACK = payment("p2", resolution="refund")
UNPAID = payment(status="pending", resolution=None, bank_status=None)
OTHER_SUM = payment("p4", resolution="refund", bank_cents=99)


def test_fair_books_pass() -> None:
    orders = [order(), order("o2", None)]
    payments = [payment(), BACK, {**UNPAID, "payment_id": "p3"}, OTHER_SUM]
    assert money_failures(orders, payments, [refund("p2"), refund("p4", 99)]) == []


@pytest.mark.parametrize(
    ("kind", "orders", "payments", "refunds"),
    [
        ("money_unresolved", [order(payment=None)], [payment(resolution=None)], []),
        ("money_in_both", [order()], [payment()], [refund()]),
        ("money_in_neither", [order(payment=None)], [payment()], []),
        ("money_in_neither", [order()], [payment(), BACK], []),
        ("money_in_neither", [order()], [payment(), BACK], [refund("p2", 99)]),
        ("money_in_neither", [order()], [payment(), BACK], [refund("p2"), refund("p2")]),
        ("money_invented", [order()], [payment(bank_status="failed")], []),
        ("money_invented", [order()], [payment(bank_status=None)], []),
        ("wrong_sum_taken", [order()], [payment(bank_cents=99)], []),
        ("money_in_neither", [order()], [payment(), OTHER_SUM], [refund("p4")]),
        ("money_unresolved", [order()], [payment(), {**OTHER_SUM, "resolution": None}], []),
        ("money_invented", [order(payment=None)], [UNPAID], [refund()]),
        ("paid_without_money", [order()], [], []),
        ("paid_twice", [order()], [payment(), payment("p2")], []),
    ],
)
def test_broken_books_are_caught(
    kind: str,
    orders: list[dict[str, Any]],
    payments: list[dict[str, Any]],
    refunds: list[dict[str, Any]],
) -> None:
    assert kind in {failure.kind for failure in money_failures(orders, payments, refunds)}


def test_money_is_judged_when_it_is_settled() -> None:
    assert settled([order()], [payment(), BACK, UNPAID, OTHER_SUM])
    assert not settled([order()], [payment(resolution=None)])
    assert not settled([order(payment=None)], [payment()])  # the journal is yet to tell of it
    assert not settled([], [payment()])

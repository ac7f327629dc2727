"""Every way a sale can go wrong is caught from answers, orders and the audit."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.sale_checks import (
    NOTHING_LOST,
    Lost,
    Purchase,
    audit_failures,
    final_stock_failures,
    limit_failures,
    one_key_failures,
    order_failures,
    purchase_failures,
    units_held,
    vanished_failures,
)


def held(user: str, reservation: str, *, key: str = "k", qty: int = 1) -> Purchase:
    return Purchase(user, key, "sku", qty, reservation, "o-" + reservation)


def refused(user: str, code: str = "sold_out") -> Purchase:
    return Purchase(user, "k", "sku", 1, code=code)


def kinds(
    *answers: Purchase,
    stock: int = 2,
    demand: int = 9,
    per_user: int = 1,
    lost: Lost = NOTHING_LOST,
) -> set[str]:
    failures = purchase_failures(
        answers, stock={"sku": stock}, per_user=per_user, demand={"sku": demand}, lost=lost
    )
    return {failure.kind for failure in failures}


def test_a_fair_sale_passes() -> None:
    assert kinds(held("a", "1"), held("b", "2"), held("b", "2"), refused("c")) == set()


def test_less_demand_than_stock_is_no_undersell() -> None:
    assert kinds(held("a", "1"), demand=1) == set()


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        ("oversold", [held("a", "1"), held("b", "2"), held("c", "3")]),
        ("oversold", [held("a", "1", qty=2), held("b", "2")]),
        ("undersold", [held("a", "1"), refused("b")]),
        ("limit_passed", [held("a", "1"), held("a", "2", key="other")]),
        ("reservation_shared", [held("a", "1"), held("b", "1")]),
        ("key_answered_twice", [held("a", "1"), held("a", "2")]),
    ],
)
def test_a_broken_sale_is_caught(kind: str, answers: list[Purchase]) -> None:
    assert kind in kinds(*answers)


def audit(**changed: int) -> dict[str, Any]:
    sku: dict[str, Any] = {
        "sku_id": "sku",
        "initial": 10,
        "restocked": 2,
        "written_off": 1,
        "available": 4,
        "held": 3,
        "sold": 4,
        "balanced": True,
        **changed,
    }
    return {"balanced": True, "sales": [{"sale_id": "s", "balanced": True, "skus": [sku]}]}


def test_a_balanced_audit_passes() -> None:
    assert audit_failures(audit()) == []


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("unbalanced", {"available": 5}),
        ("unbalanced", {"restocked": 3}),
        ("negative", {"available": -1, "held": 8}),
        ("oversold", {"available": -1, "held": 8}),
    ],
)
def test_a_wrong_audit_is_caught_though_the_server_calls_it_balanced(
    kind: str, changed: dict[str, int]
) -> None:
    assert kind in {failure.kind for failure in audit_failures(audit(**changed))}


def test_the_servers_own_alarm_counts() -> None:
    assert [f.kind for f in audit_failures({"balanced": False, "sales": []})] == ["unbalanced"]


def test_the_audit_must_agree_with_what_buyers_were_told() -> None:
    assert final_stock_failures(audit(), sale_id="s", taken={"sku": 7}) == []
    assert final_stock_failures(audit(), sale_id="s", taken={"sku": 6})
    assert final_stock_failures(audit(), sale_id="absent", taken={"sku": 7})


def order(reservation: str, status: str = "placed", qty: int = 1) -> dict[str, Any]:
    return {
        "reservation_id": reservation,
        "status": status,
        "lines": [{"sku_id": "sku", "qty": qty}],
    }


@pytest.mark.parametrize(
    ("orders", "kind"),
    [
        ({"a": [order("1")], "b": []}, None),
        ({"a": [], "b": []}, "order_missing"),
        ({"a": [order("1"), order("1")], "b": []}, "order_doubled"),
        ({"a": [order("1")], "b": [order("9")]}, "order_unasked"),
    ],
)
def test_each_acknowledged_reservation_is_one_order(
    orders: dict[str, list[dict[str, Any]]], kind: str | None
) -> None:
    found = {f.kind for f in order_failures([held("a", "1"), refused("b")], orders)}
    assert found == ({kind} if kind else set())


def test_units_are_counted_while_an_order_keeps_them() -> None:
    orders = [order("1"), order("2", "paid", 2), order("3", "expired"), order("4", "cancelled")]
    assert units_held(orders, "sku") == 3


def test_the_same_key_gets_the_same_bytes() -> None:
    first = Purchase("a", "k", "sku", 1, "1", "o-1", answer=b"{}")
    other = Purchase("a", "k", "sku", 1, "1", "o-1", answer=b"{ }")
    assert kinds(first, first, stock=1) == set()
    assert kinds(first, other, stock=1) == {"answer_differs"}


def test_one_key_is_one_order_and_one_answer() -> None:
    held, other, late = b'{"ok":{"n":1}}', b'{"ok":{"n":2}}', b'{"err":{"code":"sold_out"}}'
    assert one_key_failures("a", [held] * 100, 1) == []
    assert one_key_failures("a", [late] * 100, 0) == []
    assert [f.kind for f in one_key_failures("a", [held, other], 1)] == ["answer_differs"]
    assert [f.kind for f in one_key_failures("a", [held, late], 1)] == ["answer_differs"]
    assert [f.kind for f in one_key_failures("a", [held], 2)] == ["key_ordered_twice"]
    assert [f.kind for f in one_key_failures("a", [held], 0)] == ["key_ordered_twice"]
    assert [f.kind for f in one_key_failures("a", [late], 1)] == ["key_ordered_twice"]
    assert {f.kind for f in one_key_failures("a", [], 1)} == {"answer_differs", "key_ordered_twice"}


def test_only_what_was_provably_lost_is_excused() -> None:
    """A destroyed hold's key is decided afresh; no other reservation may go with it."""
    answers = [held("a", "1"), held("a", "2"), held("b", "3")]
    assert kinds(*answers, lost=Lost({"1"})) == set()
    assert kinds(*answers, lost=Lost({"3"})) == {"key_answered_twice", "limit_passed"}
    assert kinds(*answers, stock=3, per_user=2, lost=Lost(keys={("a", "k")})) == set()
    orders = {"a": [order("2")], "b": [order("3")]}
    assert order_failures(answers, orders, Lost({"1"})) == []
    assert [f.kind for f in order_failures(answers, orders)] == ["order_missing"]
    assert [f.kind for f in order_failures(answers, {"a": [order("2")]}, Lost({"1"}))] == [
        "order_missing"
    ]


def test_orders_above_the_limit_are_caught() -> None:
    orders = {"a": [order("1"), order("2", "expired")], "b": [order("3"), order("4", "paid")]}
    assert [f.who for f in limit_failures(orders, "sku", 1)] == ["b"]
    assert limit_failures(orders, "sku", 2) == []


def test_what_sql_had_must_stay() -> None:
    assert vanished_failures({"o1"}, {"o1", "o2"}) == []
    assert [f.detail for f in vanished_failures({"o1", "o2"}, {"o1"})] == ["o2"]

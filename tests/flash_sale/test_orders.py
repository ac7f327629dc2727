"""Which moves an order can make, and what its id tells."""

from __future__ import annotations

import itertools

import pytest

from flash_sale.orders import (
    ORDER_STATUS,
    RESERVATION_STATE,
    TRANSITIONS,
    IllegalMove,
    OrderMove,
    OrderStatus,
    Reservation,
    ReservationState,
    ReservedLine,
    next_status,
    order_of,
    sources,
    suffix_of,
)
from flash_sale.sale import Phase, Sale, SkuSpec, Stage


@pytest.mark.parametrize(("status", "move"), list(itertools.product(OrderStatus, OrderMove)))
def test_a_move_missing_from_the_table_is_illegal(status: OrderStatus, move: OrderMove) -> None:
    target = TRANSITIONS.get((status, move))
    if target is None:
        with pytest.raises(IllegalMove):
            next_status(status, move)
    else:
        assert next_status(status, move) is target


def test_each_move_ends_in_one_status() -> None:
    """Its SQL is one UPDATE: from any of its sources to the one target."""
    for move in OrderMove:
        assert len({TRANSITIONS[status, move] for status in sources(move)}) == 1


def test_what_was_refunded_is_never_left() -> None:
    assert OrderStatus.REFUNDED not in {status for status, _ in TRANSITIONS}


def test_paid_money_is_only_left_by_giving_it_back() -> None:
    paid = {OrderStatus.PAID, OrderStatus.PARTIALLY_REFUNDED}
    moves = {move for status, move in TRANSITIONS if status in paid}
    assert moves == {OrderMove.REFUND_PART, OrderMove.REFUND_REST}


def test_every_state_has_its_counterpart() -> None:
    assert set(ORDER_STATUS) == set(ReservationState)
    assert set(RESERVATION_STATE) == set(OrderStatus)
    for state, status in ORDER_STATUS.items():
        assert RESERVATION_STATE[status] is state


@pytest.mark.parametrize(
    ("order_id", "found"),
    [
        ("o1-abc", ("1-abc", 1)),
        ("o12-_-A9", ("12-_-A9", 12)),
        ("r1-abc", None),
        ("o1-", None),
        ("o-abc", None),
        ("oabc", None),
        ("o1-a/b", None),
        ("o1-abc\n", None),
        ("", None),
        ("o" + "9" * 16 + "-a", None),
    ],
)
def test_an_order_id_tells_its_sale(order_id: str, found: tuple[str, int] | None) -> None:
    assert suffix_of(order_id) == found


def a_live_sale() -> Sale:
    return Sale(
        sale_id="s1",
        number=4,
        room_id="room1",
        stage=Stage.SCHEDULED,
        start_ms=1,
        end_ms=2,
        duration_s=1,
        hold_s=2,
        pay_s=1,
        currency="CNY",
        generation=1,
        created_ms=0,
        announced=Phase.LIVE,
        skus=(SkuSpec("a", "p1", "Tea", 5, 100),),
    )


def test_a_reservation_is_an_order_with_the_sales_titles() -> None:
    sale = a_live_sale()
    reservation = Reservation(
        suffix="4-x",
        state=ReservationState.HELD,
        user_id="ann",
        key="k",
        amount_cents=200,
        created_ms=10,
        pay_by_ms=20,
        expires_ms=30,
        lines=(ReservedLine("a", 2, 100),),
        payment_id=None,
        journal_seq=7,
    )
    wire = order_of(reservation, sale).to_wire()
    assert [wire.pop(name) for name in ("room_id", "sale_id")] == ["room1", "s1"]
    assert wire == {
        "order_id": "o4-x",
        "reservation_id": "r4-x",
        "user_id": "ann",
        "status": "held",
        "lines": [
            {
                "sku_id": "a",
                "product_id": "p1",
                "title": "Tea",
                "qty": 2,
                "unit_cents": 100,
                "paid_cents": 200,
                "reservation_id": "r4-x",
            }
        ],
        "amount_cents": 200,
        "discounts": [],
        "currency": "CNY",
        "created_ms": 10,
        "pay_by_ms": 20,
        "expires_ms": 30,
        "paid_ms": None,
        "payment_id": None,
        "channel": "live",
    }

"""How much may go back, for which pieces: never more than was paid, whatever was asked before."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_sale.errors import Refused
from flash_sale.orders import Order, OrderLine, OrderStatus
from flash_sale.payments import Payment, PaymentStatus, Resolution
from flash_sale.refunds import Refund, RefundAsk, RefundReason, RefundStatus, StockReturn, plan

LINES = (OrderLine("a", "pa", "A", 2, 100), OrderLine("b", "pb", "B", 1, 50))
ORDER = Order(
    suffix="1-x",
    room_id="room1",
    sale_id="s1",
    user_id="ann",
    status=OrderStatus.PAID,
    lines=LINES,
    amount_cents=250,
    currency="CNY",
    created_ms=0,
    pay_by_ms=1,
    expires_ms=2,
    paid_ms=1,
    payment_id="p1",
    journal_seq=1,
)
PAYMENT = Payment(
    "p1",
    "o1-x",
    "sandbox",
    250,
    "CNY",
    PaymentStatus.SUCCEEDED,
    0,
    captured_ms=1,
    resolution=Resolution.ORDER,
)
WHY = RefundReason.OTHER


def refund(
    amount_cents: int,
    lines: tuple[tuple[str, int], ...] = (),
    status: RefundStatus = RefundStatus.SUCCEEDED,
) -> Refund:
    return Refund("rf", "p1", "o1-x", amount_cents, "CNY", "other", 0, status, lines=lines)


@pytest.mark.parametrize(
    ("earlier", "ask", "planned"),
    [
        ([], RefundAsk(WHY), (250, (("a", 2), ("b", 1)))),
        ([], RefundAsk(WHY, 70), (70, ())),
        ([], RefundAsk(WHY, lines=(("a", 1),)), (100, (("a", 1),))),
        ([], RefundAsk(WHY, lines=(("a", 1), ("a", 1))), (200, (("a", 2),))),
        ([], RefundAsk(WHY, 30, (("b", 1),)), (30, (("b", 1),))),
        ([refund(70)], RefundAsk(WHY), (180, (("a", 2), ("b", 1)))),
        ([refund(100, (("a", 1),))], RefundAsk(WHY), (150, (("a", 1), ("b", 1)))),
        ([refund(250, status=RefundStatus.FAILED)], RefundAsk(WHY, 250), (250, ())),
        ([refund(249, status=RefundStatus.PENDING)], RefundAsk(WHY, 1), (1, ())),
    ],
)
def test_what_goes_back(
    earlier: list[Refund], ask: RefundAsk, planned: tuple[int, tuple[tuple[str, int], ...]]
) -> None:
    found = plan(ORDER, PAYMENT, earlier, ask)
    assert (found.amount_cents, found.lines) == planned


@pytest.mark.parametrize(
    ("earlier", "ask", "code"),
    [
        ([], RefundAsk(WHY, 251), "conflict"),
        ([], RefundAsk(WHY, 0), "bad_request"),
        ([], RefundAsk(WHY, -1), "bad_request"),
        ([], RefundAsk(WHY, True), "bad_request"),
        ([], RefundAsk(WHY, 101, (("a", 1),)), "bad_request"),
        ([], RefundAsk(WHY, lines=(("a", 3),)), "conflict"),
        ([], RefundAsk(WHY, lines=(("a", 2), ("a", 1))), "conflict"),
        ([], RefundAsk(WHY, lines=(("a", 0),)), "bad_request"),
        ([], RefundAsk(WHY, lines=(("c", 1),)), "bad_request"),
        ([], RefundAsk(WHY, 10, stock=StockReturn.RETURNING), "bad_request"),
        ([refund(250)], RefundAsk(WHY), "conflict"),
        ([refund(249, status=RefundStatus.PENDING)], RefundAsk(WHY, 2), "conflict"),
        ([refund(1, (("a", 2),))], RefundAsk(WHY, lines=(("a", 1),)), "conflict"),
        ([refund(200)], RefundAsk(WHY, lines=(("a", 1),)), "conflict"),
    ],
)
def test_what_does_not(earlier: list[Refund], ask: RefundAsk, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        plan(ORDER, PAYMENT, earlier, ask)
    assert refusal.value.code == code


@pytest.mark.parametrize("resolution", [None, Resolution.REFUND])
def test_only_the_payment_that_became_the_order(resolution: Resolution | None) -> None:
    payment = dataclasses.replace(PAYMENT, resolution=resolution)
    with pytest.raises(Refused, match="conflict"):
        plan(ORDER, payment, [], RefundAsk(WHY))


amounts = st.none() | st.integers(-1, 300)
asked_lines = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=3)
asks = st.builds(
    RefundAsk,
    reason=st.just(WHY),
    amount_cents=amounts,
    lines=asked_lines.map(tuple),
    stock=st.sampled_from([StockReturn.KEPT, StockReturn.RETURNING]),
)


@given(st.lists(st.tuples(asks, st.sampled_from(RefundStatus)), max_size=12))
def test_no_row_of_asks_gives_back_more_than_was_paid(
    row: list[tuple[RefundAsk, RefundStatus]],
) -> None:
    """Neither money nor pieces, whichever of the refunds failed."""
    earlier: list[Refund] = []
    for ask, status in row:
        try:
            planned = plan(ORDER, PAYMENT, earlier, ask)
        except Refused:
            continue
        assert planned.amount_cents >= 1
        assert planned.lines or ask.stock is StockReturn.KEPT
        earlier.append(refund(planned.amount_cents, planned.lines, status))
        counted = [made for made in earlier if made.status is not RefundStatus.FAILED]
        assert sum(made.amount_cents for made in counted) <= PAYMENT.amount_cents
        pieces: Counter[str] = Counter()
        for made in counted:
            for sku_id, qty in made.lines:
                pieces[sku_id] += qty
        assert pieces <= Counter({"a": 2, "b": 1})


@given(st.lists(st.integers(1, 250), max_size=20))
def test_parts_and_the_rest_make_the_whole(parts: list[int]) -> None:
    earlier: list[Refund] = []
    for part in parts:
        try:
            earlier.append(refund(plan(ORDER, PAYMENT, earlier, RefundAsk(WHY, part)).amount_cents))
        except Refused:
            continue
    left = 250 - sum(made.amount_cents for made in earlier)
    if left:
        assert plan(ORDER, PAYMENT, earlier, RefundAsk(WHY)).amount_cents == left


def test_equal_asks_have_equal_fingerprints_and_others_have_not() -> None:
    base = RefundAsk(WHY, 10, (("a", 1),))
    others = [
        dataclasses.replace(base, reason=RefundReason.DAMAGED),
        dataclasses.replace(base, amount_cents=11),
        dataclasses.replace(base, lines=(("a", 2),)),
        dataclasses.replace(base, stock=StockReturn.RETURNING),
    ]
    assert base.fingerprint() == RefundAsk(WHY, 10, (("a", 1),)).fingerprint()
    assert len({ask.fingerprint() for ask in [base, *others]}) == 5

"""Orders split and merged over and over: no cent of price, discount or points is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from flash_sale.errors import Refused
from flash_sale.orders import Order, OrderLine, OrderStatus, priced
from flash_sale.pricing import AddOn, PricedLine, Reduction, quote
from flash_sale.regroup_prices import PartPrice, Piece, dealt, shared

LINES_MAX = 20
cents = st.integers(1, 500)  # small sums: they round the most


def order_of(lines: Sequence[PricedLine], amount: int, discounts: Sequence[object]) -> Order:
    made = [OrderLine(line.sku_id, "p", "t", line.qty, line.unit_cents) for line in lines]
    return Order(
        suffix="1-x",
        room_id="r",
        sale_id="s",
        user_id="u",
        status=OrderStatus.PLACED,
        lines=priced(made, amount, discounts),  # type: ignore[arg-type]
        amount_cents=amount,
        currency="CNY",
        created_ms=0,
        pay_by_ms=0,
        expires_ms=0,
        paid_ms=None,
        payment_id=None,
        journal_seq=0,
        discounts=tuple(discounts),  # type: ignore[arg-type]
    )


def made_of(olds: Sequence[Order], group: Sequence[Piece], price: PartPrice) -> Order:
    lines = [olds[piece.old].lines[piece.position] for piece in group]
    return order_of(
        [
            PricedLine(line.sku_id, piece.qty, line.unit_cents)
            for line, piece in zip(lines, group, strict=True)
        ],
        price.amount_cents,
        price.discounts,
    )


def by_kind(orders: Sequence[Order]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for order in orders:
        for discount in order.discounts:
            found[discount["kind"], discount["id"]] += discount["off_cents"]
    return found


class Regrouping(RuleBasedStateMachine):
    """One discounted order, split and merged at random."""

    @initialize(
        lines=st.lists(
            st.builds(PricedLine, st.sampled_from("abcd"), st.integers(1, 6), cents),
            min_size=1,
            max_size=4,
            unique_by=lambda line: line.sku_id,
        ),
        coupon=st.builds(Reduction, st.just("c"), st.just("C"), st.just(0), off_cents=cents),
        percent=st.integers(0, 60),
        points=st.integers(0, 400),
        add_on=st.none() | st.builds(AddOn, st.sampled_from("abcd"), cents, st.just(1)),
    )
    def buy(
        self,
        lines: list[PricedLine],
        coupon: Reduction,
        percent: int,
        points: int,
        add_on: AddOn | None,
    ) -> None:
        platform = Reduction("p", "P", 0, percent=percent) if percent else None
        priced_at = quote(
            lines,
            add_ons=[add_on] if add_on else (),
            coupon=coupon,
            platform_coupon=platform,
            points=points,
        )
        told = [discount.to_wire() for discount in priced_at.discounts]
        self.whole = order_of(lines, priced_at.amount_cents, told)
        self.points = priced_at.points
        self.orders = [self.whole]
        self.spent = {0: priced_at.points}

    @rule(data=st.data())
    def split(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(self.orders) - 1))
        old = self.orders[at]
        pieces = [line.sku_id for line in old.lines for _ in range(line.qty)]
        where = data.draw(st.lists(st.integers(0, 2), min_size=len(pieces), max_size=len(pieces)))
        parts = [
            Counter(sku for sku, to in zip(pieces, where, strict=True) if to == part)
            for part in sorted(set(where))
        ]
        if len(parts) < 2:
            return
        groups = dealt(
            [(line.sku_id, line.qty) for line in old.lines],
            [list(part.items()) for part in parts],
        )
        self.regroup([at], groups)

    @precondition(lambda self: len(self.orders) > 1)
    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        chosen = data.draw(
            st.lists(st.integers(0, len(self.orders) - 1), min_size=2, max_size=3, unique=True)
        )
        group = [
            Piece(old, position, line.qty)
            for old, at in enumerate(chosen)
            for position, line in enumerate(self.orders[at].lines)
        ]
        if len(group) <= LINES_MAX:
            self.regroup(chosen, [group])

    def regroup(self, chosen: list[int], groups: Sequence[Sequence[Piece]]) -> None:
        olds = [self.orders[at] for at in chosen]
        before = sum(self.spent[at] for at in chosen)
        try:
            prices = shared(olds, groups)
        except Refused as refusal:
            assert "cost nothing" in refusal.message  # noqa: PT017 - the only one that may be
            return
        assert sum(sum(price.points.values()) for price in prices) == before
        news = [made_of(olds, group, price) for group, price in zip(groups, prices, strict=True)]
        kept = [at for at in range(len(self.orders)) if at not in chosen]
        spent = [self.spent[at] for at in kept] + [sum(p.points.values()) for p in prices]
        self.orders = [self.orders[at] for at in kept] + news
        self.spent = dict(enumerate(spent))

    @invariant()
    def the_parts_are_the_whole(self) -> None:
        assert sum(order.amount_cents for order in self.orders) == self.whole.amount_cents
        assert by_kind(self.orders) == by_kind([self.whole])
        assert sum(self.spent.values()) == self.points
        assert all(order.amount_cents >= 1 for order in self.orders)
        for order in self.orders:
            assert all(line.paid_cents >= 0 for line in order.lines)
            assert sum(line.paid_cents for line in order.lines) == order.amount_cents


TestRegrouping = Regrouping.TestCase


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 4)), min_size=1, max_size=4))
def test_pieces_are_dealt_out_once_each(lines: list[tuple[str, int]]) -> None:
    want: Counter[str] = Counter()
    for sku_id, qty in lines:
        want[sku_id] += qty
    parts = [[(sku_id, 1)] for sku_id, qty in want.items() for _ in range(qty)]
    taken: Counter[int] = Counter()
    for (piece,) in dealt(lines, parts):
        taken[piece.position] += piece.qty
    assert [taken[at] for at in range(len(lines))] == [qty for _, qty in lines]


def test_an_order_whose_discounts_are_not_known_stays_as_it_is() -> None:
    strange = order_of([PricedLine("a", 2, 100)], 150, [])
    with pytest.raises(Refused, match="conflict"):
        shared([strange], [[Piece(0, 0, 1)], [Piece(0, 0, 1)]])

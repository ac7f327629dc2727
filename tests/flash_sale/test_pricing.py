"""Prices: one order of stacking, sums kept to the cent, never below one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_sale.pricing import (
    FLOOR_CENTS,
    AddOn,
    BelowThreshold,
    Kind,
    PricedLine,
    Reduction,
    distribute,
    merged,
    quote,
)
from flash_sale.rewards import (
    commission_cents,
    earned_points,
    returned_points,
    reversed_commissions,
)

cents = st.integers(1, 10_000_000)
lines_of = st.lists(
    st.builds(PricedLine, st.sampled_from("abcdefgh"), st.integers(1, 20), cents),
    min_size=1,
    max_size=8,
    unique_by=lambda line: line.sku_id,
)
reductions = st.one_of(
    st.none(),
    st.builds(Reduction, st.just("c"), st.just("t"), st.just(0), off_cents=cents),
    st.builds(Reduction, st.just("c"), st.just("t"), st.just(0), percent=st.integers(1, 99)),
)
add_ons = st.lists(
    st.builds(AddOn, st.sampled_from("abcdefgh"), cents, st.integers(0, 1000)), max_size=3
)


@given(lines_of, add_ons, reductions, reductions, st.integers(0, 10**9))
def test_sums_are_kept_and_an_order_costs_at_least_a_cent(
    lines: list[PricedLine],
    offers: list[AddOn],
    shop: Reduction | None,
    platform: Reduction | None,
    points: int,
) -> None:
    got = quote(lines, add_ons=offers, coupon=shop, platform_coupon=platform, points=points)
    assert got.amount_cents >= FLOOR_CENTS
    assert sum(got.line_cents) == got.amount_cents
    assert min(got.line_cents) >= 0
    assert got.subtotal_cents - sum(d.off_cents for d in got.discounts) == got.amount_cents
    for at, line in enumerate(lines):
        assert line.cents - sum(d.lines[at] for d in got.discounts) == got.line_cents[at]
    for discount in got.discounts:
        assert sum(discount.lines) == discount.off_cents > 0
    kinds = [list(Kind).index(discount.kind) for discount in got.discounts]
    assert kinds == sorted(kinds), "the order of stacking"
    assert got.points <= points


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20), st.data())
def test_what_is_spread_is_all_there_and_in_proportion(
    weights: list[int], data: st.DataObject
) -> None:
    total = data.draw(st.integers(0, sum(weights)))
    parts = distribute(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert part <= weight
        assert abs(part * sum(weights) - total * weight) < max(1, sum(weights))


def test_the_fixed_order() -> None:
    """100.00 → add-on 90.00 → shop 20 % 72.00 → platform 7.00 → 65.00 → 500 points → 60.00."""
    lines = [PricedLine("a", 1, 8_000), PricedLine("b", 1, 2_000)]
    got = quote(
        lines,
        add_ons=[AddOn("b", 1_000, 8_000)],
        coupon=Reduction("c1", "20 % off", 9_000, percent=20),
        platform_coupon=Reduction("c2", "7 off", 7_200, off_cents=700),
        points=500,
    )
    assert [(d.kind.value, d.off_cents) for d in got.discounts] == [
        ("add_on", 1_000),
        ("coupon", 1_800),
        ("platform_coupon", 700),
        ("points", 500),
    ]
    assert got.amount_cents == 6_000


def test_a_threshold_is_judged_by_what_the_steps_before_left() -> None:
    lines = [PricedLine("a", 1, 10_000)]
    shop = Reduction("c1", "", 10_000, off_cents=1)
    quote(lines, coupon=shop, platform_coupon=Reduction("c2", "", 9_999, off_cents=1))
    with pytest.raises(BelowThreshold) as caught:
        quote(lines, coupon=shop, platform_coupon=Reduction("c2", "", 10_000, off_cents=1))
    assert (caught.value.coupon_id, caught.value.missing_cents) == ("c2", 1)


@pytest.mark.parametrize(("base", "off"), [(1, 0), (2, 1), (100, 99), (101, 100)])
def test_a_coupon_larger_than_the_order_leaves_a_cent(base: int, off: int) -> None:
    got = quote([PricedLine("a", 1, base)], coupon=Reduction("c", "", 0, off_cents=100))
    assert got.off_cents == off


def test_an_add_on_needs_its_threshold_without_itself_and_counts_once() -> None:
    offer = [AddOn("b", 100, 5_000)]
    short = [PricedLine("a", 1, 4_999), PricedLine("b", 3, 1_000)]
    enough = [PricedLine("a", 1, 5_000), PricedLine("b", 3, 1_000)]
    assert quote(short, add_ons=offer).amount_cents == 7_999
    assert quote(enough, add_ons=offer).amount_cents == 7_100
    assert quote([PricedLine("b", 9, 1_000)], add_ons=offer).discounts == ()


def test_lines_of_one_sku_are_one() -> None:
    lines = [PricedLine("a", 1, 5), PricedLine("b", 1, 6), PricedLine("a", 2, 5)]
    assert merged(lines) == (PricedLine("a", 3, 5), PricedLine("b", 1, 6))


@given(st.integers(1, 10**9), st.integers(0, 10**6), st.lists(st.integers(1, 10**9), max_size=6))
def test_what_is_refunded_earns_nothing(paid: int, spent: int, steps: list[int]) -> None:
    """Points and commissions fall with each refund and are undone whole by a full one."""
    refunded, earned, back = 0, earned_points(paid), 0
    for step in [*steps, paid]:
        refunded = min(paid, refunded + step)
        assert earned_points(paid, refunded) <= earned
        assert back <= returned_points(spent, paid, refunded) <= spent
        earned, back = earned_points(paid, refunded), returned_points(spent, paid, refunded)
    assert (earned, back) == (0, spent)


@given(st.lists(cents, min_size=1, max_size=8), st.integers(0, 10_000), st.data())
def test_commissions_follow_the_paid_price(
    bases: list[int], rate: int, data: st.DataObject
) -> None:
    paid = sum(bases)
    commissions = [commission_cents(base, rate) for base in bases]
    assert sum(commissions) <= paid * rate // 10_000
    refunded = data.draw(st.integers(0, paid))
    undone = reversed_commissions(commissions, paid, refunded)
    for cents_, gone in zip(commissions, undone, strict=True):
        assert 0 <= gone <= cents_
    assert reversed_commissions(commissions, paid, paid) == tuple(commissions)
    assert sum(reversed_commissions(commissions, paid, 0)) == 0

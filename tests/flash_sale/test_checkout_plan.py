"""Which order of a checkout gets the coupons and the points."""

from __future__ import annotations

import pytest

from flash_sale.checkout_plan import Basket, CheckoutPlan, PlannedSale, allot, plan_of_text
from flash_sale.ports_rewards import BenefitAsk
from flash_sale.pricing import AddOn, PricedLine, Reduction


def baskets(*cents: int) -> list[Basket]:
    return [Basket((PricedLine("a", 1, one),)) for one in cents]


@pytest.mark.parametrize(
    ("prices", "coupon", "where"),
    [
        ((100, 900), Reduction("c", "", 0, percent=10), 1),
        ((900, 100), Reduction("c", "", 0, percent=10), 0),
        ((100, 900), Reduction("c", "", 500, off_cents=50), 1),
        ((100, 900, 900), Reduction("c", "", 0, off_cents=50), 1),  # as much everywhere: the dearer
        ((100, 400), Reduction("c", "", 500, off_cents=50), 1),  # nobody reaches it
        ((100, 900), None, 0),  # no such coupon
    ],
)
def test_a_coupon_goes_where_it_takes_off_most(
    prices: tuple[int, ...], coupon: Reduction | None, where: int
) -> None:
    shares = allot(baskets(*prices), BenefitAsk("c"), coupon, None)
    assert [share.coupon_id for share in shares] == [
        "c" if at == where else None for at in range(len(prices))
    ]


def test_the_second_coupon_sees_what_the_first_left() -> None:
    shop, platform = Reduction("c", "", 0, off_cents=800), Reduction("p", "", 300, percent=50)
    shares = allot(baskets(500, 900), BenefitAsk("c", "p"), shop, platform)
    assert [(one.coupon_id, one.platform_coupon_id) for one in shares] == [(None, "p"), ("c", None)]


def test_points_fill_the_sales_and_leave_a_cent_each() -> None:
    shares = allot(baskets(100, 200, 300), BenefitAsk(points=350), None, None)
    assert [share.points for share in shares] == [99, 199, 52]
    shares = allot([*baskets(100), Basket(())], BenefitAsk(points=350), None, None)
    assert [share.points for share in shares] == [99, 0]


def test_a_plan_is_read_as_it_was_written() -> None:
    offered = Basket((PricedLine("a", 1, 900), PricedLine("b", 1, 90)), (AddOn("b", 10, 500),))
    (share,) = allot([offered], BenefitAsk("c", "p", 7), None, None)
    assert share.add_on_skus == ("b",)
    plan = CheckoutPlan("wish", "shop", (PlannedSale("s1", (("a", 1), ("b", 1)), share),))
    assert plan_of_text(plan.text) == plan

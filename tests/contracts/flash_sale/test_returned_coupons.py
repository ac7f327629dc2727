"""A refund gives the coupon back when staff say so and all the money is back: once."""

from __future__ import annotations

import pytest

from flash_sale.eligibility import Buyer
from flash_sale.errors import Refused
from flash_sale.ports_rewards import BenefitAsk
from flash_sale.refunds import CouponReturn, RefundAsk, RefundReason, RefundStatus
from flash_sale.storage.refunds import SqlRefunds
from tests.contracts.flash_sale.shop import Shop
from tests.contracts.flash_sale.test_regrouped_benefits import (
    POINTS,
    amount,
    coupon_states,
    discounted,
    pay,
    points,
    split,
)

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
BACK, USED = CouponReturn.RETURNED, CouponReturn.USED


async def refund(
    shop: Shop, order_id: str, coupons: CouponReturn, key: str = "k", cents: int | None = None
) -> dict[str, object]:
    ask = RefundAsk(RefundReason.GOODWILL, amount_cents=cents, coupons=coupons)
    return await shop.sale.refunding.request(
        order_id, ask, actor="host", key=key, now_ms=shop.now_ms
    )


async def buy_again(shop: Shop, key: str) -> str:
    answer = await shop.sale.rewards.benefits.reserve(
        "s1", Buyer("ann"), [("a", 4)], key, BenefitAsk(coupon_id="c1"), shop.now_ms
    )
    assert answer.held is not None, answer
    await shop.drain()
    return str(answer.held["order_id"])


async def test_by_decision_and_once(shop: Shop) -> None:
    """It buys again, and no repeat of the refund takes it from the order that has it now."""
    order_id = await discounted(shop)
    assert await pay(shop, order_id) == "paid"
    first = await refund(shop, order_id, BACK)
    assert (first["status"], first["coupons"]) == ("succeeded", "returned")
    assert await coupon_states(shop) == ["claimed"]
    assert await points(shop) == 50, "points spent are back, points earned are gone"
    other = await buy_again(shop, "k2")
    assert await pay(shop, other) == "paid"
    assert await refund(shop, order_id, BACK) == first
    ledger = SqlRefunds(shop.database)
    (stored,) = await ledger.refunds_of(order_id)
    assert not await ledger.finish(stored, RefundStatus.SUCCEEDED, shop.now_ms)
    assert await coupon_states(shop) == ["used"]
    with pytest.raises(Refused, match="key_reused"):
        await refund(shop, order_id, USED)


@SQLITE
async def test_without_the_word_it_stays_used(shop: Shop) -> None:
    order_id = await discounted(shop)
    await pay(shop, order_id)
    assert (await refund(shop, order_id, USED))["coupons"] == "used"
    assert await coupon_states(shop) == ["used"]
    assert await points(shop) == 50


@SQLITE
async def test_it_comes_back_with_the_last_cent(shop: Shop) -> None:
    """Said with a part, it waits for the rest, whatever is said with that."""
    order_id = await discounted(shop)
    await pay(shop, order_id)
    await refund(shop, order_id, BACK, "part", cents=300)
    assert await coupon_states(shop) == ["used"]
    await refund(shop, order_id, USED, "rest")
    assert await shop.order_status(order_id) == "refunded"
    assert await coupon_states(shop) == ["claimed"]
    assert await points(shop) == 50


async def test_one_that_orders_share_comes_back_with_the_last_of_them(shop: Shop) -> None:
    one, two = await split(shop, await discounted(shop), [("a", 3)], [("b", 4)])
    await shop.drain()
    for part in (one, two):
        assert await pay(shop, part) == "paid"
    await refund(shop, one, BACK)
    assert await coupon_states(shop) == ["used"], "the other order has it still"
    await refund(shop, two, BACK)
    assert await coupon_states(shop) == ["claimed"]
    assert await points(shop) == 50


@SQLITE
async def test_one_that_a_lapsed_order_shared_comes_back_with_the_paid_one(shop: Shop) -> None:
    one, two = await split(shop, await discounted(shop), [("a", 3)], [("b", 4)])
    await shop.drain()
    assert await pay(shop, one) == "paid"
    await shop.sale.checkout.cancel(two, "ann", shop.now_ms)
    await shop.drain()
    spent = 50 - await points(shop) + await amount(shop, one) // 100
    assert 0 < spent < POINTS
    await refund(shop, one, BACK)
    assert await coupon_states(shop) == ["claimed"]
    assert await points(shop) == 50

"""Coupons that a paid order brings: once an order, within their rules, through crashes."""

from __future__ import annotations

from typing import Any

import pytest

from flash_sale.coupons import Segment
from flash_sale.repurchase import is_for
from tests.contracts.flash_sale.shop import Shop
from tests.contracts.flash_sale.test_coupons import buy, claim, drop, pay, states


async def paid(shop: Shop, user: str, key: str = "k1") -> str:
    order_id = await shop.hold(user, key)
    await pay(shop, order_id, user, 100)
    return order_id


async def come_back(shop: Shop, **terms: object) -> Any:
    given = {"segment": Segment.BOUGHT, "repurchase": Segment.ALL, "quota": 10, **terms}
    return await drop(shop, **given)


async def test_a_paid_order_brings_a_coupon_once(shop: Shop) -> None:
    await shop.open_sale()
    await come_back(shop, per_user=2, threshold_cents=100)
    told: list[tuple[str, str, object]] = []
    duty = shop.sale.rewards.repurchases
    duty.on_granted = lambda room, user, coupon: told.append((room, user, coupon["order_id"]))
    await shop.hold("bob")
    first = await paid(shop, "ann")
    assert await states(shop) == []
    assert await duty.step() == 1
    await shop.callback(await shop_payment(shop, first), first, event_id="repeated")
    assert (await duty.step(), await states(shop), await states(shop, "bob")) == (
        0,
        ["claimed"],
        [],
    )
    second = await paid(shop, "ann", "k2")
    await paid(shop, "ann", "k3")
    assert await duty.step() == 2
    assert told == [("room1", "ann", first), ("room1", "ann", second)]
    assert await states(shop) == ["claimed", "claimed"], "no more than two a person"
    answer = await buy(shop, "ann", "k4")
    assert answer.held is not None
    assert answer.held["amount_cents"] == 80


async def shop_payment(shop: Shop, order_id: str) -> str:
    (payment,) = await shop.sale.checkout._payments.payments_of([order_id])
    return payment.payment_id


async def test_it_is_for_orders_while_it_is_open_and_lapses(shop: Shop) -> None:
    await shop.open_sale()
    await paid(shop, "old")
    shop.now_ms += 1
    await come_back(shop, valid_s=60)
    await paid(shop, "ann")
    shop.now_ms += 59_999
    await paid(shop, "bob")
    shop.now_ms += 1
    await paid(shop, "late")
    assert await shop.sale.rewards.repurchases.step() == 2
    assert [await states(shop, who) for who in ("old", "ann", "bob", "late")] == [
        [],
        ["expired"],
        ["claimed"],
        [],
    ]


async def test_new_and_returning_customers(shop: Shop) -> None:
    await shop.open_sale()
    await come_back(shop, coupon_id="c-new", repurchase=Segment.NEW)
    await come_back(shop, coupon_id="c-back", repurchase=Segment.BOUGHT)
    await paid(shop, "ann")
    await paid(shop, "ann", "k2")
    await shop.sale.rewards.repurchases.step()
    owned = await shop.sale.rewards.coupons.owned("ann", shop.now_ms)
    assert sorted(str(one["coupon_id"]) for one in owned) == ["c-back", "c-new"]
    await paid(shop, "bob")
    await shop.sale.rewards.repurchases.step()
    owned = await shop.sale.rewards.coupons.owned("bob", shop.now_ms)
    assert [one["coupon_id"] for one in owned] == ["c-new"]


@pytest.mark.parametrize("lost", [False, True])
async def test_a_process_that_dies_after_giving_gives_no_second(
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    lost: bool,
) -> None:
    """With `lost`, Redis forgot everything besides."""
    await shop.open_sale()
    coupon = await come_back(shop, quota=1, per_user=2)
    await paid(shop, "ann")
    duty = shop.sale.rewards.repurchases

    async def die(*_: object) -> bool:
        raise RuntimeError("killed here")

    with monkeypatch.context() as crash:
        crash.setattr(duty._ledger, "decided", die)
        with pytest.raises(RuntimeError):
            await duty.step()
    if lost:
        await shop.redis.flushall()
    heir = shop.another_worker()
    assert await heir.sale.rewards.repurchases.step() == 1
    assert await states(shop) == ["claimed"]
    await shop.sale.rewards.coupons.step(shop.now_ms)
    assert await claim(shop, coupon, "ann", "k2") == "none_left"


@pytest.mark.parametrize(
    ("segment", "new", "returning"),
    [
        (None, False, False),
        (Segment.ALL, True, True),
        (Segment.NEW, True, False),
        (Segment.BOUGHT, False, True),
    ],
)
def test_whom_a_paid_order_brings_it(segment: Segment | None, new: bool, returning: bool) -> None:
    assert is_for(segment, bought_before=False) is new
    assert is_for(segment, bought_before=True) is returning

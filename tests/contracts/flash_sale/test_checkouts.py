"""Checkouts of carts with several sales: whole, the same again, and never twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flash_sale.cart import CartLine
from flash_sale.coupons import Coupon
from flash_sale.eligibility import Buyer
from flash_sale.errors import Refused
from flash_sale.ports_rewards import BenefitAsk
from tests.contracts.flash_sale.shop import ROOM, Shop, sku

DAY_MS = 86_400_000


async def wide_open(_sale_id: str) -> None:
    """Every door."""


async def fill(shop: Shop, *lines: tuple[str, str, int]) -> None:
    for sale_id, sku_id, qty in lines:
        await shop.sale.rewards.carts.add("ann", ROOM, CartLine(sale_id, sku_id, qty), shop.now_ms)
        shop.now_ms += 1


async def check_out(
    shop: Shop, key: str = "k", ask: BenefitAsk | None = None, channel: str = "live"
) -> list[dict[str, Any]]:
    return await shop.sale.rewards.carts.check_out(
        Buyer("ann"), ROOM, key, ask or BenefitAsk(), shop.now_ms, wide_open, channel
    )


async def in_cart(shop: Shop) -> dict[str, int]:
    view = await shop.sale.rewards.carts.view("ann", ROOM, shop.now_ms)
    return {line["sku_id"]: line["qty"] for sale in view for line in sale["lines"]}  # type: ignore[attr-defined]


async def two_sales(shop: Shop, *, dear_stock: int = 10) -> None:
    """Cheap comes first in the cart."""
    await shop.open_sale("s1", skus=(sku("a", cents=1_000),))
    await shop.open_sale("s2", skus=(sku("b", cents=9_000, stock=dear_stock),))
    made = Coupon("c1", ROOM, "a tenth off", 9, shop.now_ms, percent=10)
    desk = shop.sale.rewards.coupons
    await desk.claim(await desk.drop(made), "ann", "k", now_ms=shop.now_ms)
    await desk.step(shop.now_ms)


async def coupon_states(shop: Shop) -> list[object]:
    return [one["state"] for one in await shop.sale.rewards.coupons.owned("ann", shop.now_ms)]


async def test_what_was_refused_is_asked_for_again_and_the_rest_is_told(shop: Shop) -> None:
    await two_sales(shop, dear_stock=1)
    rival = await shop.buy("bob", sale_id="s2", lines=(("b", 1),))
    assert rival.held is not None
    await fill(shop, ("s1", "a", 2), ("s2", "b", 1))
    ask = BenefitAsk(coupon_id="c1")
    first = await check_out(shop, ask=ask)
    assert [one.get("err", {}).get("code") for one in first] == [None, "sold_out"]
    assert first[0]["ok"]["amount_cents"] == 2_000
    assert (await in_cart(shop), await coupon_states(shop)) == ({"b": 1}, ["claimed"])
    await fill(shop, ("s1", "a", 3))
    await shop.drain()
    await shop.sale.checkout.cancel(str(rival.held["order_id"]), "bob", shop.now_ms)
    second = await check_out(shop, ask=ask)
    assert second[0] == first[0]
    assert second[1]["ok"]["amount_cents"] == 8_100
    assert (await in_cart(shop), await coupon_states(shop)) == ({"a": 3}, ["held"])
    assert await check_out(shop, ask=ask) == second
    assert (await in_cart(shop), await shop.pieces("a")) == ({"a": 3}, (8, 2, 0))


@pytest.mark.parametrize("where", ["before", "between", "after"])
async def test_a_process_that_dies_in_the_middle(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Before the first hold, between hold and cart, and after the first sale."""
    await two_sales(shop)
    await fill(shop, ("s1", "a", 1), ("s2", "b", 1))
    carts = shop.sale.rewards.carts
    reserve, seen = carts._reserve, 0

    async def dying(*asked: Any) -> dict[str, object]:
        nonlocal seen
        seen += 1
        answer = {} if where == "before" or seen == 2 else await reserve(*asked)
        if where != "after" or seen == 2:
            raise asyncio.CancelledError
        return answer

    with monkeypatch.context() as dead:
        dead.setattr(carts, "_reserve", dying)
        with pytest.raises(asyncio.CancelledError):
            await check_out(shop, ask=BenefitAsk(coupon_id="c1"))
    await fill(shop, ("s1", "a", 5))
    again = shop.another_worker()
    answers = await check_out(again, ask=BenefitAsk(coupon_id="c1"))
    assert [one["ok"]["amount_cents"] for one in answers] == [1_000, 8_100]
    assert await in_cart(shop) == {"a": 5}
    assert await shop.pieces("a") == (9, 1, 0)
    assert await shop.pieces("b", "s2") == (9, 1, 0)


async def test_two_at_once_make_the_orders_once(shop: Shop) -> None:
    await two_sales(shop)
    await fill(shop, ("s1", "a", 2), ("s2", "b", 1))
    ask = BenefitAsk(coupon_id="c1")
    one, two = await asyncio.gather(
        check_out(shop, ask=ask), check_out(shop.another_worker(), ask=ask)
    )
    assert one == two
    assert (await in_cart(shop), await shop.pieces("a")) == ({}, (8, 2, 0))


async def test_a_key_is_for_one_wish_and_for_a_day(shop: Shop) -> None:
    await two_sales(shop)
    await fill(shop, ("s1", "a", 1))
    (first,) = await check_out(shop)
    for ask, channel in ((BenefitAsk(coupon_id="c1"), "live"), (BenefitAsk(), "shop")):
        with pytest.raises(Refused, match="key_reused"):
            await check_out(shop, ask=ask, channel=channel)
    shop.now_ms += 400_000
    await shop.drain()
    await shop.sale.sweeper.step()
    assert await check_out(shop) == [first], "as sale.buy: the hold as it was"
    carts = shop.sale.rewards.carts
    assert await carts.forget(shop.now_ms) == 0
    assert await carts.forget(shop.now_ms + DAY_MS) == 1
    assert await check_out(shop) == []


async def test_pieces_come_out_of_the_channel_that_was_asked_for(shop: Shop) -> None:
    await two_sales(shop)
    await fill(shop, ("s1", "a", 1))
    (none,) = await check_out(shop, "k1", channel="shop")
    assert "err" in none
    (held,) = await check_out(shop, "k2")
    assert "ok" in held
    assert await in_cart(shop) == {}

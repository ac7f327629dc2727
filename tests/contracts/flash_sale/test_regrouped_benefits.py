"""Discounted orders split and merged: one coupon, all points and each cent, in other orders."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select

from flash_sale.coupons import Coupon
from flash_sale.eligibility import Buyer
from flash_sale.errors import Refused
from flash_sale.ports_rewards import BenefitAsk
from flash_sale.refunds import RefundAsk, RefundReason, RefundStatus
from flash_sale.storage.tables_rewards import coupon_claims
from tests.contracts.flash_sale.shop import ROOM, Shop, sku

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
POINTS = 37
WHOLE = 3 * 333 + 4 * 77 - 120 - POINTS  # of `discounted`


async def pay(shop: Shop, order_id: str) -> str:
    payment = await shop.begin(order_id, "ann")
    cents = await amount(shop, order_id)
    return (await shop.callback(payment, order_id, amount_cents=cents, event_id=order_id)).status


async def amount(shop: Shop, order_id: str) -> int:
    return int((await shop.sale.checkout.order(order_id))["amount_cents"])  # type: ignore[call-overload]


async def points(shop: Shop) -> int:
    return int((await shop.sale.rewards.books.points("ann"))["points"])


async def coupon_states(shop: Shop) -> list[str]:
    async with shop.database.connect() as connection:
        return list((await connection.execute(select(coupon_claims.c.state))).scalars())


async def discounted(shop: Shop) -> str:
    """Ann's order of 3 `a` and 4 `b` with a coupon, 37 of her 50 points, and a commission."""
    await shop.open_sale(
        skus=(sku("a", stock=30, cents=333), sku("b", stock=30, cents=77), sku("z", cents=5000))
    )
    await pay(shop, await shop.hold("ann", "first", lines=(("z", 1),)))
    await shop.sale.rewards.books.set_rate(ROOM, "", "host", 777, actor="op", now_ms=shop.now_ms)
    coupon = Coupon(
        coupon_id="c1",
        room_id=ROOM,
        title="C",
        quota=9,
        off_cents=120,
        threshold_cents=1000,
        created_ms=shop.now_ms,
    )
    await shop.sale.rewards.coupons.drop(coupon)
    await shop.sale.rewards.coupons.claim(coupon, "ann", "k", now_ms=shop.now_ms)
    answer = await shop.sale.rewards.benefits.reserve(
        "s1",
        Buyer("ann"),
        [("a", 3), ("b", 4)],
        "k1",
        BenefitAsk(coupon_id="c1", points=POINTS),
        shop.now_ms,
    )
    assert answer.held is not None, answer
    return str(answer.held["order_id"])


async def split(shop: Shop, order_id: str, *parts: Any, key: str = "s1") -> list[str]:
    answer: Any = await shop.sale.rewards.regrouping.split(order_id, "ann", parts, key, shop.now_ms)
    return [order["order_id"] for order in answer["orders"]]


async def merge(shop: Shop, *order_ids: str, key: str = "m1") -> str:
    answer: Any = await shop.sale.rewards.regrouping.merge(order_ids, "ann", key, shop.now_ms)
    return str(answer["orders"][0]["order_id"])


async def cancel(shop: Shop, order_id: str) -> None:
    await shop.sale.checkout.cancel(order_id, "ann", shop.now_ms)


async def commission(shop: Shop) -> int:
    books = await shop.sale.rewards.books.commissions(ROOM, 1000)
    return sum(line["commission_cents"] for line in books["commissions"] if line["state"] != "void")


def off(orders: list[Any]) -> Counter[str]:
    found: Counter[str] = Counter()
    for order in orders:
        for discount in order["discounts"]:
            found[discount["kind"]] += discount["off_cents"]
    return found


@pytest.mark.parametrize("seed", [2])
async def test_whatever_is_split_and_merged_the_sums_stay(shop: Shop, seed: int) -> None:
    chance = random.Random(seed)
    open_ids = [await discounted(shop)]
    await shop.drain()
    whole_commission = await commission(shop)
    for step in range(5):
        if len(open_ids) > 1 and chance.random() < 0.4:
            some = chance.sample(open_ids, 2)
            new = [await merge(shop, *some, key=f"m{step}")]
        else:
            some = [max(open_ids, key=lambda _: chance.random())]
            order: Any = await shop.sale.checkout.order(some[0])
            pieces = [line["sku_id"] for line in order["lines"] for _ in range(line["qty"])]
            chance.shuffle(pieces)
            if len(pieces) < 2:
                continue
            cut = chance.randrange(1, len(pieces))
            parts = [list(Counter(half).items()) for half in (pieces[:cut], pieces[cut:])]
            new = await split(shop, some[0], *parts, key=f"s{step}")
        open_ids = [one for one in open_ids if one not in some] + new
        await shop.drain()
        orders: list[Any] = [await shop.sale.checkout.order(one) for one in open_ids]
        assert sum(order["amount_cents"] for order in orders) == WHOLE
        assert off(orders) == {"coupon": 120, "points": POINTS}
        assert await commission(shop) == whole_commission
        assert await coupon_states(shop) == ["held"]
        assert await points(shop) == 50 - POINTS
    paid, gone = open_ids[::2], open_ids[1::2]
    earned = 0
    for order_id in gone:
        await cancel(shop, order_id)
    for order_id in paid:
        assert await pay(shop, order_id) == "paid"
        earned += await amount(shop, order_id) // 100
    await shop.drain()
    spent = off([await shop.sale.checkout.order(one) for one in paid])["points"]
    assert await points(shop) == 50 - spent + earned
    assert await coupon_states(shop) == ["used"]
    await shop.pieces("a")


async def test_the_coupon_comes_back_with_the_last_part_that_nobody_paid(shop: Shop) -> None:
    one, two = await split(shop, await discounted(shop), [("a", 3)], [("b", 4)])
    await shop.drain()
    await cancel(shop, one)
    assert await coupon_states(shop) == ["held"]
    shop.now_ms += 400_000
    await shop.sale.sweeper.step(shop.now_ms)
    await shop.drain()
    assert await shop.order_status(two) == "expired"
    assert await coupon_states(shop) == ["claimed"]
    assert await points(shop) == 50


async def test_late_money_takes_the_coupon_again_for_the_parts_once(shop: Shop) -> None:
    """Both parts lapsed, both are paid late: one coupon, one redemption."""
    one, two = await split(shop, await discounted(shop), [("a", 3)], [("b", 4)])
    begun = {part: await shop.begin(part, "ann") for part in (one, two)}
    shop.now_ms += 400_000
    await shop.sale.stock.release("s1", [one[1:], two[1:]], "expired", shop.now_ms)
    await shop.drain()
    assert await coupon_states(shop) == ["claimed"]
    for part, payment in begun.items():
        cents = await amount(shop, part)
        outcome = await shop.callback(payment, part, amount_cents=cents, event_id=part)
        assert outcome.status == "paid"
    assert await coupon_states(shop) == ["used"]
    assert await points(shop) == 50 - POINTS + sum(
        [await amount(shop, part) // 100 for part in (one, two)]
    )


async def test_late_money_for_an_order_that_was_split_goes_back(shop: Shop) -> None:
    order_id = await discounted(shop)
    payment = await shop.begin(order_id, "ann")
    one, two = await split(shop, order_id, [("a", 3)], [("b", 4)])
    await shop.drain()
    outcome = await shop.callback(payment, order_id, amount_cents=WHOLE)
    assert outcome.status == "refunded"
    assert await pay(shop, one) == await pay(shop, two) == "paid"
    assert await coupon_states(shop) == ["used"]


async def test_a_part_gives_back_what_was_paid_for_it_piece_by_piece(shop: Shop) -> None:
    one, _ = await split(shop, await discounted(shop), [("a", 3), ("b", 1)], [("b", 3)])
    await pay(shop, one)
    paid, given = await amount(shop, one), 0
    for n, sku_id in enumerate("abaa"):
        ask = RefundAsk(RefundReason.OTHER, lines=((sku_id, 1),))
        refund: Any = await shop.sale.refunding.request(
            one, ask, actor="op", key=f"r{n}", now_ms=shop.now_ms
        )
        assert refund["status"] == RefundStatus.SUCCEEDED
        given += refund["amount_cents"]
    assert given == paid
    assert await shop.order_status(one) == "refunded"
    assert await coupon_states(shop) == ["used"]


@SQLITE
async def test_a_plan_that_never_came_to_be_holds_nothing_back(shop: Shop) -> None:
    """The worker dies between the plan and the script; then the order is cancelled."""
    order_id = await discounted(shop)

    async def die(*_: object) -> tuple[str, str]:
        raise ConnectionError("killed")

    regrouping = shop.another_worker().sale.rewards.regrouping
    regrouping._store.regroup = die  # type: ignore[method-assign]
    parts = ([("a", 3)], [("b", 4)])
    with pytest.raises(ConnectionError):
        await regrouping.split(order_id, "ann", parts, "s1", shop.now_ms)
    await cancel(shop, order_id)
    await shop.drain()
    assert await coupon_states(shop) == ["held"]
    for dropped in (0, 2):
        shop.now_ms += 31_000
        assert await shop.sale.rewards.regrouping.step(shop.now_ms) == dropped
    assert await coupon_states(shop) == ["claimed"]
    assert await points(shop) == 50


@SQLITE
async def test_a_part_that_would_cost_nothing_is_refused(shop: Shop) -> None:
    order_id = await discounted(shop)
    (rest, tiny) = await split(shop, order_id, [("a", 3), ("b", 3)], [("b", 1)])
    assert await amount(shop, rest) + await amount(shop, tiny) == WHOLE
    await shop.open_sale("s2", skus=(sku("c", cents=1),))
    answer = await shop.sale.rewards.benefits.reserve(
        "s2", Buyer("ann"), [("c", 2)], "k", BenefitAsk(points=1), shop.now_ms
    )
    assert answer.held is not None
    with pytest.raises(Refused, match="cost nothing"):
        await split(shop, str(answer.held["order_id"]), [("c", 1)], [("c", 1)], key="s9")

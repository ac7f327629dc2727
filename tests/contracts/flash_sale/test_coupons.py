"""Coupons and points on real stores: exact quotas, one discount a coupon, nothing lost."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from flash_sale.coupons import Coupon, Scope, Segment, Task
from flash_sale.eligibility import Buyer
from flash_sale.errors import Refused
from flash_sale.ports_rewards import BenefitAsk
from flash_sale.reserve import Answer
from flash_sale.storage import keys
from tests.contracts.flash_sale.shop import ROOM, START_MS, Shop, sku

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def drop(shop: Shop, coupon_id: str = "c1", **terms: object) -> Coupon:
    """20 off 50 unless told otherwise."""
    given = {"title": "20 off", "quota": 10, "off_cents": 20, "threshold_cents": 50, **terms}
    coupon = Coupon(coupon_id=coupon_id, room_id=ROOM, created_ms=shop.now_ms, **given)  # type: ignore[arg-type]
    return await shop.sale.rewards.coupons.drop(coupon)


async def claim(shop: Shop, coupon: Coupon, user: str, key: str = "k", **more: int) -> str:
    """The outcome's code."""
    try:
        await shop.sale.rewards.coupons.claim(coupon, user, key, now_ms=shop.now_ms, **more)
    except Refused as refusal:
        return refusal.code
    return "claimed"


async def buy(
    shop: Shop,
    user: str,
    key: str = "k1",
    *,
    coupon: str | None = "c1",
    lines: object = (("a", 1),),
    **more: object,
) -> Answer:
    ask = BenefitAsk(coupon_id=coupon, **more)  # type: ignore[arg-type]
    return await shop.sale.rewards.benefits.reserve(
        "s1",
        Buyer(user),
        lines,
        key,
        ask,
        shop.now_ms,  # type: ignore[arg-type]
    )


async def refused(shop: Shop, user: str, key: str = "k1", **more: object) -> str:
    with pytest.raises(Refused) as caught:
        await buy(shop, user, key, **more)  # type: ignore[arg-type]
    return caught.value.code


async def states(shop: Shop, user: str = "ann") -> list[object]:
    return [owned["state"] for owned in await shop.sale.rewards.coupons.owned(user, shop.now_ms)]


async def pay(shop: Shop, order_id: str, user: str, amount_cents: int) -> None:
    payment = await shop.begin(order_id, user)
    await shop.callback(payment, order_id, amount_cents=amount_cents, event_id=f"e-{order_id}")


# -- claiming -----------------------------------------------------------------------------------


@SQLITE
@pytest.mark.parametrize("quota", [1, 7, 100])
async def test_300_people_on_two_workers_get_exactly_the_quota(shop: Shop, quota: int) -> None:
    coupon = await drop(shop, quota=quota)
    other = shop.another_worker()
    codes = await asyncio.gather(
        *(claim((shop, other)[n % 2], coupon, f"u{n}") for n in range(300))
    )
    assert codes.count("claimed") == quota
    assert codes.count("none_left") == 300 - quota
    assert await shop.sale.rewards.coupons.step(shop.now_ms) == quota


async def test_a_claim_is_answered_again_and_counts_once(shop: Shop) -> None:
    coupon = await drop(shop, quota=2, per_user=2)
    desk = shop.sale.rewards.coupons
    first = await desk.claim(coupon, "ann", "k", now_ms=shop.now_ms)
    assert first == {
        "coupon_id": "c1",
        "number": 1,
        "claimed_ms": START_MS,
        "expires_ms": START_MS + 86_400_000,
        "remaining": 1,
    }
    shop.now_ms += 5
    assert await desk.claim(coupon, "ann", "k", now_ms=shop.now_ms) == first
    assert await claim(shop, coupon, "ann", "k2") == "claimed"
    assert await claim(shop, coupon, "ann", "k3") == "limit_reached"
    assert await claim(shop, coupon, "bob") == "none_left"
    await desk.step(shop.now_ms)
    assert await states(shop) == ["claimed", "claimed"]
    assert await desk.step(shop.now_ms) == 0


async def test_what_a_redis_lost_is_put_back_from_sql(shop: Shop, redis: Redis) -> None:
    coupon = await drop(shop, quota=2)
    assert await claim(shop, coupon, "ann") == "claimed"
    await shop.sale.rewards.coupons.step(shop.now_ms)
    await redis.flushall()
    assert await claim(shop, coupon, "ann") == "claimed"
    assert await claim(shop, coupon, "bob") == "claimed"
    assert await claim(shop, coupon, "cy") == "none_left"


async def test_tasks_and_segments(shop: Shop) -> None:
    await shop.open_sale()
    watch = await drop(shop, "c-watch", task=Task.WATCH, watch_s=60)
    assert await claim(shop, watch, "ann", watched_ms=59_999) == "not_qualified"
    assert await claim(shop, watch, "ann", watched_ms=60_000) == "claimed"
    talk = await drop(shop, "c-talk", task=Task.COMMENT)
    assert await claim(shop, talk, "ann") == "not_qualified"
    await shop.sale.rewards.coupons.note_deed(talk, "ann")
    assert await claim(shop, talk, "ann") == "claimed"
    back = await drop(shop, "c-back", segment=Segment.BOUGHT)
    fresh = await drop(shop, "c-new", segment=Segment.NEW)
    assert await claim(shop, back, "ann") == "not_eligible"
    assert await claim(shop, fresh, "ann") == "claimed"
    order_id = await shop.hold("bob")
    await pay(shop, order_id, "bob", 100)
    assert await claim(shop, back, "bob") == "claimed"
    assert await claim(shop, fresh, "bob") == "not_eligible"


@SQLITE
@pytest.mark.parametrize(
    "terms",
    [
        {"quota": 0},
        {"off_cents": 0},
        {"percent": 10},
        {"off_cents": 0, "percent": 100},
        {"task": Task.WATCH},
        {"title": " "},
        {"valid_s": 0},
        {"per_user": 0},
    ],
)
async def test_senseless_coupons_are_not_made(shop: Shop, terms: dict[str, object]) -> None:
    with pytest.raises(Refused, match="bad_request"):
        await drop(shop, **terms)


async def test_a_coupon_dropped_again_is_the_same(shop: Shop) -> None:
    await drop(shop)
    await drop(shop)
    with pytest.raises(Refused, match="conflict"):
        await drop(shop, quota=11)


# -- buying -------------------------------------------------------------------------------------


async def test_the_price_is_shown_paid_and_the_coupon_used(shop: Shop) -> None:
    await shop.open_sale(skus=(sku("a"), sku("b", cents=33)))
    await claim(shop, await drop(shop), "ann")
    answer = await buy(shop, "ann", lines=(("a", 1), ("b", 1)))
    assert answer.held is not None
    assert answer.held["amount_cents"] == 113
    assert answer.held["discounts"] == [
        {"kind": "coupon", "id": "c1", "title": "20 off", "off_cents": 20, "lines": [15, 5]}
    ]
    order_id = str(answer.held["order_id"])
    await shop.drain()
    assert await states(shop) == ["held"]
    await pay(shop, order_id, "ann", 113)
    order = await shop.sale.checkout.order(order_id)
    assert (order["status"], order["amount_cents"]) == ("paid", 113)
    assert order["discounts"] == answer.held["discounts"]
    assert [line["paid_cents"] for line in order["lines"]] == [85, 28]  # type: ignore[attr-defined]
    assert await states(shop) == ["used"]
    assert (await buy(shop, "ann", lines=(("a", 1), ("b", 1)))).raw == answer.raw
    assert await refused(shop, "ann", "k2") == "coupon_unavailable"


@pytest.mark.parametrize("how", ["cancel", "expire"])
async def test_the_coupon_comes_back_with_the_stock(shop: Shop, how: str) -> None:
    await shop.open_sale()
    await claim(shop, await drop(shop), "ann")
    held = (await buy(shop, "ann")).held
    assert held is not None
    await shop.drain()
    if how == "cancel":
        await shop.sale.checkout.cancel(str(held["order_id"]), "ann", shop.now_ms)
    else:
        shop.now_ms += 400_000
        await shop.sale.sweeper.step()
    await shop.drain()
    assert await states(shop) == ["claimed"]
    if how == "cancel":
        assert (await buy(shop, "ann", "k2")).code == "held"


async def test_a_refused_buy_keeps_no_coupon_and_its_key_may_try_again(shop: Shop) -> None:
    await shop.open_sale(stock=1)
    await claim(shop, await drop(shop), "ann")
    order_id = await shop.hold("bob")
    assert (await buy(shop, "ann")).code == "sold_out"
    assert await states(shop) == ["claimed"]
    await shop.sale.checkout.cancel(order_id, "bob", shop.now_ms)
    answer = await buy(shop, "ann")
    assert answer.held is not None
    assert answer.held["amount_cents"] == 80
    assert await states(shop) == ["held"]


async def test_a_coupon_of_one_use_raced_200_times_gives_one_discount(shop: Shop) -> None:
    """With 200 different keys over two workers, stock for all of them."""
    await shop.open_sale(stock=500)
    await claim(shop, await drop(shop), "ann")
    other = shop.another_worker()

    async def race(n: int) -> str:
        try:
            return (await buy((shop, other)[n % 2], "ann", f"k{n}")).code
        except Refused as refusal:
            return refusal.code

    codes = await asyncio.gather(*(race(n) for n in range(200)))
    assert sorted(codes) == ["coupon_unavailable"] * 199 + ["held"]
    await shop.drain()
    orders = await shop.sale.checkout.orders("ann")
    assert [order["amount_cents"] for order in orders] == [80]


@SQLITE
async def test_one_key_raced_is_one_order_with_identical_bytes(shop: Shop) -> None:
    await shop.open_sale(stock=500)
    await claim(shop, await drop(shop), "ann")
    other = shop.another_worker()
    answers = await asyncio.gather(*(buy((shop, other)[n % 2], "ann") for n in range(50)))
    assert len({answer.raw for answer in answers}) == 1
    assert (await buy(shop, "ann", coupon=None, points=0, lines=(("a", 2),))).code == "key_reused"


@SQLITE
async def test_an_unknown_outcome_keeps_the_coupon_until_the_key_tells(
    shop: Shop, redis: Redis
) -> None:
    await shop.open_sale(stock=5)
    await claim(shop, await drop(shop), "ann")
    await shop.sale.rewards.coupons.step(shop.now_ms)
    await redis.client_pause(3000, all=False)
    assert (await buy(shop, "ann")).code == "unknown_outcome"
    assert await refused(shop, "ann", "k2") == "coupon_unavailable"
    await redis.client_unpause()
    assert (await buy(shop, "ann")).code == "held"
    for _ in range(3):
        shop.now_ms += 31_000
        assert await shop.sale.rewards.benefits.step(shop.now_ms) == 0
    assert await states(shop) == ["held"]


@SQLITE
async def test_what_no_reservation_has_is_given_back_after_the_second_look(
    shop: Shop, redis: Redis
) -> None:
    """The worker died between keeping the coupon and asking for stock."""
    await shop.open_sale(stock=5)
    await claim(shop, await drop(shop), "ann")
    await shop.sale.rewards.coupons.step(shop.now_ms)
    await redis.hset(keys.sale("s1"), "fenced", "1")  # type: ignore[misc]
    assert (await buy(shop, "ann")).code == "unknown_outcome"
    await redis.hset(keys.sale("s1"), "fenced", "0")  # type: ignore[misc]
    shop.now_ms += 31_000
    assert await shop.sale.rewards.benefits.step(shop.now_ms) == 0
    assert await states(shop) == ["held"]
    shop.now_ms += 31_000
    assert await shop.sale.rewards.benefits.step(shop.now_ms) == 1
    assert await states(shop) == ["claimed"]


async def test_late_money_for_a_price_whose_coupon_is_elsewhere_goes_back(shop: Shop) -> None:
    await shop.open_sale(stock=5)
    await claim(shop, await drop(shop), "ann")
    first = str((await buy(shop, "ann")).held["order_id"])  # type: ignore[index]
    payment = await shop.begin(first, "ann")
    shop.now_ms += 400_000
    await shop.sale.stock.release("s1", [first[1:]], "expired", shop.now_ms)
    await shop.drain()
    await drop(shop, "c2")
    assert (await buy(shop, "ann", "k2")).code == "held"
    outcome = await shop.callback(payment, first, amount_cents=80)
    assert outcome.status == "refunded"
    assert await shop.pieces() == (4, 1, 0)


async def test_late_money_takes_its_coupon_again_when_it_can(shop: Shop) -> None:
    await shop.open_sale(stock=5)
    await claim(shop, await drop(shop), "ann")
    first = str((await buy(shop, "ann")).held["order_id"])  # type: ignore[index]
    payment = await shop.begin(first, "ann")
    shop.now_ms += 400_000
    await shop.sale.stock.release("s1", [first[1:]], "expired", shop.now_ms)
    await shop.drain()
    assert await states(shop) == ["claimed"]
    assert (await shop.callback(payment, first, amount_cents=80)).status == "paid"
    assert await states(shop) == ["used"]


async def test_thresholds_scopes_and_lapsed_coupons(shop: Shop) -> None:
    await shop.open_sale(stock=5)
    await claim(shop, await drop(shop, threshold_cents=101), "ann")
    await claim(shop, await drop(shop, "c2", scope=Scope.PLATFORM, off_cents=0, percent=10), "ann")
    await claim(shop, await drop(shop, "c3", valid_s=1), "ann")
    assert await refused(shop, "ann") == "below_threshold"
    assert await refused(shop, "ann", coupon="c2") == "coupon_unavailable"
    assert await refused(shop, "ann", coupon="nope") == "not_found"
    answer = await buy(shop, "ann", coupon="c1", lines=(("a", 2),), platform_coupon_id="c2")
    assert answer.held is not None
    assert answer.held["amount_cents"] == 162
    shop.now_ms += 1000
    assert await refused(shop, "ann", "k3", coupon="c3") == "coupon_unavailable"

"""A coupon of one use, when Redis or a worker dies before SQL knows: used once, never lost."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from server.database import make_engine
from server.embedded import EmbeddedRedis
from tests.contracts.flash_sale.mortal import kill, start_again, the_log
from tests.contracts.flash_sale.shop import Shop
from tests.contracts.flash_sale.test_coupons import buy, claim, drop, pay, refused, states

LOOK_MS = 31_000


@pytest.fixture
async def mortal(mortal_redis: EmbeddedRedis, database_url: str) -> AsyncIterator[Shop]:
    """A shop whose Redis can be killed, with a coupon of one use claimed by ann."""
    client = Redis.from_url(mortal_redis.url, retry=Retry(NoBackoff(), 0), socket_timeout=1.0)
    engine = make_engine(database_url)
    shop = Shop(client, engine, itertools.count(1))
    await with_a_coupon(shop)
    yield shop
    await client.aclose()
    await engine.dispose()


async def with_a_coupon(shop: Shop) -> None:
    await shop.open_sale(stock=5)
    await claim(shop, await drop(shop), "ann")
    await shop.sale.rewards.coupons.step(shop.now_ms)
    await shop.drain()


async def look_twice(shop: Shop) -> list[int]:
    """What the duty gives back, with the time it needs to be sure."""
    given = []
    for _ in range(3):
        shop.now_ms += LOOK_MS
        given.append(await shop.sale.rewards.benefits.step(shop.now_ms))
    return given


async def one_discount(shop: Shop, order_id: str) -> None:
    """The order has the coupon, no other buy gets it, and paying uses it once."""
    await shop.drain()
    assert await states(shop) == ["held"]
    assert await refused(shop, "ann", "more") == "coupon_unavailable"
    await pay(shop, order_id, "ann", 80)
    assert await states(shop) == ["used"]
    orders = await shop.sale.checkout.orders("ann")
    assert [(one["order_id"], one["amount_cents"]) for one in orders] == [(order_id, 80)]
    assert await shop.pieces() == (4, 0, 1)


async def test_redis_is_killed_before_the_journal_reached_sql(
    mortal: Shop, mortal_redis: EmbeddedRedis
) -> None:
    """What it acknowledged is on its disk: the hold is still there, and so is its coupon."""
    held = await buy(mortal, "ann")
    assert held.held is not None
    kill(mortal_redis)
    assert (await buy(mortal, "ann")).code == "unknown_outcome"
    assert await refused(mortal, "ann", "other") == "unknown_outcome"
    start_again(mortal_redis)
    assert sum(await look_twice(mortal)) == 0, "a hold that exists keeps its coupon"
    assert (await buy(mortal, "ann")).raw == held.raw
    await one_discount(mortal, str(held.held["order_id"]))


@pytest.mark.parametrize("again", [True, False], ids=["asked again", "never asked again"])
async def test_redis_lost_the_hold_before_the_journal_reached_sql(
    mortal: Shop,
    mortal_redis: EmbeddedRedis,
    again: bool,
) -> None:
    """A power cut took the newest of the log. Asked again, the coupon goes with the new hold; else
    it comes back to its owner."""
    size = the_log(mortal_redis).stat().st_size
    lost = await buy(mortal, "ann")
    assert lost.held is not None
    kill(mortal_redis)
    with the_log(mortal_redis).open("r+b") as file:
        file.truncate(size)
    start_again(mortal_redis)
    assert await refused(mortal, "ann", "other") == "coupon_unavailable"
    if again:
        for _ in range(2):  # the first may find the sale fenced until it was looked at
            answer = await buy(mortal, "ann")
            await mortal.sale.recovery.step()
        assert answer.held is not None
        assert answer.held["amount_cents"] == 80
        assert sum(await look_twice(mortal)) == 0
        await one_discount(mortal, str(answer.held["order_id"]))
        return
    assert await look_twice(mortal) == [0, 1, 0]
    assert await states(mortal) == ["claimed"]
    await mortal.sale.recovery.step()
    fresh = await buy(mortal, "ann", "other")
    assert fresh.held is not None
    await one_discount(mortal, str(fresh.held["order_id"]))


@pytest.mark.parametrize("point", ["coupon kept", "stock held", "entries read"])
async def test_the_worker_dies(shop: Shop, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    """Between coupon and stock, before it answers, and between the journal and SQL."""
    await with_a_coupon(shop)
    reserve = shop.sale.engine.reserve

    async def dying(*asked: Any, **more: Any) -> Any:
        if point != "coupon kept":
            await reserve(*asked, **more)
        raise asyncio.CancelledError

    async def unwritten(*_asked: Any) -> Any:
        raise asyncio.CancelledError

    with monkeypatch.context() as crash:
        if point == "entries read":
            assert (await buy(shop, "ann")).code == "held"
            crash.setattr(shop.sale.consumer, "move", unwritten)
        else:
            crash.setattr(shop.sale.engine, "reserve", dying)
        with pytest.raises(asyncio.CancelledError):
            await (shop.sale.consumer.step() if point == "entries read" else buy(shop, "ann"))
    heir = shop.another_worker()
    assert await refused(heir, "ann", "other") == "coupon_unavailable"
    if point == "coupon kept":
        assert await look_twice(heir) == [0, 1, 0]
        assert await states(heir) == ["claimed"]
    else:
        assert sum(await look_twice(heir)) == 0
    answer = await buy(heir, "ann")
    assert answer.held is not None
    await one_discount(heir, str(answer.held["order_id"]))

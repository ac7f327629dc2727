"""After Redis died, forgot or went back in time: nothing acknowledged is lost or sold twice."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from flash_sale.errors import Refused
from flash_sale.storage import keys
from server.database import make_engine
from server.embedded import EmbeddedRedis
from tests.contracts.flash_sale.mortal import kill, start_again, the_log
from tests.contracts.flash_sale.shop import Shop


@pytest.fixture
async def mortal(mortal_redis: EmbeddedRedis, sqlite_template: Path) -> AsyncIterator[Shop]:
    """A shop on it."""
    client = Redis.from_url(mortal_redis.url, retry=Retry(NoBackoff(), 0), socket_timeout=1.0)
    copy = mortal_redis.directory / "shop.sqlite3"
    shutil.copy(sqlite_template, copy)
    engine = make_engine(f"sqlite+aiosqlite:///{copy}")
    yield Shop(client, engine, itertools.count(1))
    await client.aclose()
    await engine.dispose()


async def test_a_kill_with_intact_data_changes_nothing(
    mortal: Shop, mortal_redis: EmbeddedRedis
) -> None:
    shop = mortal
    await shop.open_sale(stock=50, per_user=1)
    first = await shop.buy("ann")
    await shop.drain()
    await shop.buy("bob")  # still in the journal when the lights go out
    kill(mortal_redis)
    assert (await shop.buy("cy")).code == "unknown_outcome"
    with pytest.raises(Refused) as refusal:
        await shop.sale.recovery.step()
    assert refusal.value.code == "unknown_outcome"
    start_again(mortal_redis)
    assert (await shop.buy("cy")).code == "held"  # the scripts are back, no fence in the way
    assert await shop.sale.recovery.step() == 0
    assert (await shop.buy("ann")).raw == first.raw
    assert (await shop.buy("bob", "k2", lines=[("a", 2)])).code == "limit_reached"
    assert await shop.pieces() == (47, 3, 0)
    assert await shop.drain() == 2
    sale = await shop.sale.desk.get("s1")
    assert sale is not None
    assert sale.generation == 1


async def test_data_that_went_back_in_time_is_fenced_before_the_first_buy(
    mortal: Shop, mortal_redis: EmbeddedRedis
) -> None:
    """The log's tail is cut off, as by a power cut that took what the disk had promised."""
    shop = mortal
    await shop.open_sale(stock=3)
    log = the_log(mortal_redis)
    await shop.hold("ann")
    await shop.drain()
    size_then = log.stat().st_size
    second = await shop.buy("bob")
    paid = await shop.hold("cy")
    await shop.callback(await shop.begin(paid, "cy"), paid)
    await shop.drain()
    kill(mortal_redis)
    with log.open("r+b") as file:
        file.truncate(size_then)
    start_again(mortal_redis)
    # Redis believes two are left. The first call finds the scripts forgotten, looks, and fences.
    assert (await shop.buy("dan")).code == "unknown_outcome"
    assert await shop.sale.recovery.step() == 1
    assert (await shop.buy("dan")).code == "sold_out"
    assert (await shop.buy("bob")).raw == second.raw
    assert await shop.pieces() == (0, 2, 1)
    await shop.sale.checkout.cancel("o1-t1", "ann", shop.now_ms)
    assert (await shop.buy("dan")).code == "held"
    assert await shop.drain() == 2
    assert await shop.sale.recovery.step() == 0


async def test_a_flushed_redis_is_rebuilt_from_sql(shop: Shop, redis: Redis) -> None:
    await shop.open_sale(stock=10, per_user=2)
    first = await shop.buy("ann")
    paid, gone = await shop.hold("bob"), await shop.hold("cy")
    payment_id = await shop.begin(paid, "bob")
    await shop.callback(payment_id, paid)
    await shop.sale.checkout.cancel(gone, "cy", shop.now_ms)
    await shop.sale.desk.restock("s1", "a", 4, actor="host")
    await shop.sale.desk.write_off("s1", "a", 1, actor="host")
    await shop.drain()
    before = (await shop.sale.desk.levels("s1"))["a"]
    await redis.flushall()
    assert (await shop.buy("dan")).code == "unknown_outcome"
    with pytest.raises(Refused):
        await shop.sale.desk.stop("s1")
    assert await shop.sale.recovery.step() == 1
    assert await shop.pieces() == (11, 1, 1)
    after = (await shop.sale.desk.levels("s1"))["a"]
    assert after.left == before.left
    assert after.v > before.v
    assert shop.stock_seen[-1] == {"a": after}
    # Answers, limits, deadlines and payments are what they were.
    assert (await shop.buy("ann")).raw == first.raw
    assert (await shop.buy("ann", "k2")).code == "held"
    assert (await shop.buy("ann", "k3", lines=[("a", 2)])).code == "limit_reached"
    assert (await shop.callback(payment_id, paid, event_id="e2")).status == "paid"
    shop.now_ms += 330_000
    assert await shop.sale.sweeper.step() == 2
    assert await shop.pieces() == (12, 0, 1)
    await shop.drain()
    assert await shop.sale.recovery.step() == 0
    sale = await shop.sale.desk.get("s1")
    assert sale is not None
    assert sale.generation == 2


async def test_a_hold_sql_never_heard_of_is_gone_and_can_be_tried_again(
    shop: Shop, redis: Redis
) -> None:
    await shop.open_sale(stock=2)
    await shop.drain()
    lost = await shop.hold("ann")
    await redis.flushall()
    await shop.sale.recovery.step()
    with pytest.raises(Refused) as refusal:
        await shop.sale.checkout.order(lost)
    assert refusal.value.code == "not_found"
    assert (await shop.buy("ann")).code == "held"
    assert await shop.pieces() == (1, 1, 0)


async def test_a_lost_journal_tail_does_not_forget_an_order_being_paid(
    shop: Shop, redis: Redis
) -> None:
    """Its row was made on the request path, the journal had not been read so far."""
    await shop.open_sale(stock=2)
    before = {key: await redis.dump(key) for key in await redis.keys("liveroom:{s1}:*")}
    order_id = await shop.hold("ann")
    payment_id = await shop.begin(order_id, "ann")
    await redis.flushall()
    for key, packed in before.items():
        await redis.restore(key, 0, packed)
    assert await shop.sale.recovery.step() == 1
    assert (await shop.callback(payment_id, order_id)).status == "paid"
    assert await shop.pieces() == (1, 0, 1)


async def test_a_rebuild_that_died_half_way_is_done_again(
    shop: Shop, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.open_sale(stock=5)
    await shop.hold("ann")
    await shop.drain()
    await redis.flushall()

    async def die(*args: object) -> bool:
        raise RuntimeError("killed here")

    with monkeypatch.context() as crash:
        crash.setattr(shop.sale.stock, "load", die)
        with pytest.raises(RuntimeError):
            await shop.sale.recovery.step()
    assert (await shop.buy("bob")).code == "unknown_outcome"
    assert await shop.sale.recovery.step() == 1
    assert await shop.pieces() == (4, 1, 0)


async def test_two_workers_that_rebuild_at_once_end_with_one_right_state(
    shop: Shop, redis: Redis
) -> None:
    await shop.open_sale(stock=5)
    await shop.hold("ann")
    await shop.drain()
    await redis.flushall()
    other = shop.another_worker()
    await asyncio.gather(shop.sale.recovery.step(), other.sale.recovery.step())
    await shop.sale.recovery.step()
    assert await shop.pieces() == (4, 1, 0)
    assert (await other.buy("bob")).code == "held"


async def test_many_reservations_come_back_page_by_page(shop: Shop, redis: Redis) -> None:
    await shop.open_sale(stock=1_300)
    await asyncio.gather(*(shop.buy(f"u{n}") for n in range(1_200)))
    await shop.drain()
    await redis.flushall()
    assert await shop.sale.recovery.step() == 1
    assert await shop.pieces() == (100, 1_200, 0)


async def test_a_sale_only_sql_heard_of_is_laid_down(shop: Shop, redis: Redis) -> None:
    """Its creation was interrupted between the two."""
    await shop.open_sale(stock=5)
    await redis.unlink(*keys.all_of("s1"))
    assert await shop.sale.recovery.step() == 1
    assert await shop.pieces() == (5, 0, 0)


async def test_a_fenced_sale_changes_nothing(shop: Shop) -> None:
    await shop.open_sale(stock=5)
    order_id = await shop.hold("ann")
    payment_id = await shop.begin(order_id, "ann")
    await shop.sale.stock.fence("s1")
    assert (await shop.buy("bob")).code == "unknown_outcome"
    assert (await shop.callback(payment_id, order_id)).status == "pending"
    for act in (
        shop.sale.checkout.cancel(order_id, "ann", shop.now_ms),
        shop.sale.desk.restock("s1", "a", 1, actor="host"),
        shop.sale.desk.stop("s1"),
    ):
        with pytest.raises(Refused) as refusal:
            await act
        assert refusal.value.code in ("unknown_outcome", "order_closed")
    assert await shop.pieces() == (4, 1, 0)
    assert await shop.sale.recovery.step() == 1  # drains the journal, then rebuilds
    assert await shop.sale.reconciler.step(shop.now_ms) == 1
    assert await shop.pieces() == (4, 0, 1)

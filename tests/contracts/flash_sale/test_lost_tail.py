"""Redis went back in time while its last entries were on their way to SQL: no journal forks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from flash_sale.errors import Refused
from flash_sale.storage import scripts
from flash_sale.storage.scripts import Scripts
from tests.contracts.flash_sale.shop import Shop


class Tail:
    """The sale's data of one moment, to go back to as a Redis does that lost the end of its log."""

    def __init__(self, redis: Redis, kept: dict[bytes, bytes]) -> None:
        self._redis, self._kept = redis, kept

    @classmethod
    async def mark(cls, redis: Redis) -> Tail:
        names = await redis.keys("liveroom:{s1}:*")
        return cls(redis, {name: await redis.dump(name) for name in names})

    async def cut(self) -> None:
        await self._redis.flushall()
        await self._redis.script_flush()
        for name, packed in self._kept.items():
            await self._redis.restore(name, 0, packed)


async def test_what_the_shorter_log_still_has_is_kept(shop: Shop, redis: Redis) -> None:
    """SQL had heard of a later entry, by a payment, but had not read the journal so far."""
    await shop.open_sale(stock=3)
    kept = await shop.buy("ann")
    tail = await Tail.mark(redis)
    paying = await shop.hold("bob")
    await shop.begin(paying, "bob")
    await tail.cut()
    assert (await shop.buy("cy")).code == "unknown_outcome"
    assert await shop.sale.recovery.step() == 1
    assert (await shop.buy("ann")).raw == kept.raw
    assert await shop.order_status(paying) == "placed"
    assert await shop.pieces() == (1, 2, 0)


async def test_entries_of_before_are_not_written_down_after(
    shop: Shop, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read from the old Redis, they reach SQL when the new one has sold the pieces again."""
    await shop.open_sale(stock=2)
    await shop.drain()
    tail = await Tail.mark(redis)
    await shop.hold("ann")
    read = shop.sale.stock.entries_after

    async def slowly(*asked: Any) -> Any:
        entries = await read(*asked)
        monkeypatch.undo()
        await tail.cut()
        for late in ("bob", "cy"):
            assert (await shop.buy(late)).code == "held"
        return entries

    monkeypatch.setattr(shop.sale.stock, "entries_after", slowly)
    assert await shop.sale.consumer.step() == 0
    assert await shop.drain() == 2
    assert await shop.sale.recovery.step() == 0
    assert await shop.pieces() == (0, 2, 0)
    owners = {order["user_id"] for order in await shop.sale.checkout.room_orders("room1")}
    assert owners == {"bob", "cy"}


async def test_a_payment_begun_on_a_lost_hold_makes_no_order(
    shop: Shop, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.open_sale(stock=1)
    await shop.drain()
    tail = await Tail.mark(redis)
    lost = await shop.hold("ann")
    look = shop.sale.stock.stored_answer

    async def slowly(*asked: Any) -> Any:
        found = await look(*asked)
        await tail.cut()
        assert (await shop.buy("bob")).code == "held"
        return found

    with monkeypatch.context() as slow:
        slow.setattr(shop.sale.stock, "stored_answer", slowly)
        with pytest.raises(Refused) as refusal:
            await shop.begin(lost, "ann")
    assert refusal.value.code == "unknown_outcome"
    with pytest.raises(Refused) as refusal:
        await shop.begin(lost, "ann")
    assert refusal.value.code == "not_found"
    await shop.drain()
    assert await shop.sale.recovery.step() == 0
    assert await shop.pieces() == (0, 1, 0)


async def test_late_money_that_retook_a_lost_piece_is_settled_again(
    shop: Shop, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The retaking was lost with the log's end and the piece sold to another: no second order."""
    await shop.open_sale(stock=1)
    order_id = await shop.hold("ann")
    payment_id = await shop.begin(order_id, "ann")
    await shop.drain()
    shop.now_ms += 330_000
    await shop.sale.sweeper.step()
    await shop.drain()
    tail = await Tail.mark(redis)
    retake = shop.sale.stock.reclaim

    async def slowly(*asked: Any) -> Any:
        taken = await retake(*asked)
        await tail.cut()
        assert (await shop.buy("bob")).code == "held"
        return taken

    with monkeypatch.context() as slow:
        slow.setattr(shop.sale.stock, "reclaim", slowly)
        first = await shop.callback(payment_id, order_id)
    assert first.status == "pending"
    await shop.sale.reconciler.step(shop.now_ms)
    assert await shop.order_status(order_id) == "refunded"
    await shop.drain()
    assert await shop.pieces() == (0, 1, 0)


async def test_a_rebuild_waits_for_every_entry(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that fails because Redis began anew is tried again, not passed over."""
    await shop.open_sale(stock=2)
    held = await shop.buy("ann")
    move = shop.sale.consumer.move

    async def first_too_late(progress: Any) -> int:
        monkeypatch.undo()
        await shop.sale.recovery.fence_lost()
        return await move(progress)

    await shop.sale.stock.fence("s1")
    monkeypatch.setattr(shop.sale.consumer, "move", first_too_late)
    assert await shop.sale.recovery.step() == 1
    assert (await shop.buy("ann")).raw == held.raw
    assert await shop.pieces() == (1, 1, 0)


async def test_a_slow_look_is_not_waited_for_and_not_trusted(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQL is slow while the scripts are loaded again: callers are told; the next look is whole."""
    monkeypatch.setattr(scripts, "GUARD_WAIT_S", 0.05)
    looks, answered = 0, asyncio.Event()

    async def look(_lives_there: Any) -> None:
        nonlocal looks
        looks += 1
        await answered.wait()

    calls = Scripts(redis)
    calls.on_forgotten = look
    await redis.script_flush()
    with pytest.raises(TimeoutError):
        await calls.run("fence", "s9", 0, "1")
    assert looks == 1
    answered.set()
    assert await calls.run("fence", "s9", 0, "1") == b"missing"
    assert looks == 2

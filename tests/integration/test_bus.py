"""Between workers: whoever listens hears everything, and where nobody does nothing much is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis.asyncio import Redis

from room.ports import Sequenced
from room.storage import keys
from room.storage.redis import RedisRooms
from server.bus import Bus, ChatBatch
from server.outbox import ChatItem
from tests.conftest import redis_client
from tests.waiting import eventually, until_async

ROOM = "r1"
LONG = b'{"t":"comment","d":{"text":"%s"}}' % (b"x" * 2_000)


class Ear:
    """What one worker hears."""

    def __init__(self) -> None:
        self.chat: list[str] = []
        self.private: list[bytes] = []
        self.lost = 0

    def on_critical(self, room_id: str, epoch: str, events: list[Sequenced]) -> None: ...

    def on_rebased(self, room_id: str, epoch: str) -> None: ...

    def on_chat(self, room_id: str, batch: ChatBatch) -> None:
        self.chat += [item.comment_id for item in batch.chat]
        self.private += [event for _, event in batch.private]
        self.lost += sum(batch.lost.values())

    def on_reconnected(self) -> None: ...


Open = Callable[[str], Awaitable[tuple[Bus, Ear]]]


@pytest.fixture
async def opened(redis: Redis, redis_url: str) -> AsyncIterator[Open]:
    """Workers' ends of the room's channel."""
    ends: list[tuple[Bus, Redis]] = []

    async def open_one(worker_id: str) -> tuple[Bus, Ear]:
        client, ear = redis_client(redis_url), Ear()
        bus = Bus(client, RedisRooms(redis), worker_id)
        bus.listener = ear
        await bus.start()
        await bus.subscribe(ROOM)
        ends.append((bus, client))
        return bus, ear

    yield open_one
    for bus, client in ends:
        await bus.stop()
        await client.aclose()


def say(bus: Bus, name: str) -> None:
    bus.tell_chat(ROOM, ChatItem("comment", "u", "viewer", LONG, comment_id=name))


async def remembered(redis: Redis, count: int) -> None:
    async def all_of_them() -> bool:
        return await redis.llen(keys.comments(ROOM)) == count

    await eventually(all_of_them)


async def test_alone_a_worker_sends_no_talk_and_the_first_who_comes_hears_the_next_word(
    opened: Open, redis: Redis
) -> None:
    one, _ = await opened("w1")
    for number in range(5):
        say(one, f"alone{number}")
        await remembered(redis, number + 1)
    await until_async(lambda: ROOM in one._unheard and one._probed > 0)
    _, ear = await opened("w2")
    say(one, "c1")
    one.tell_user(ROOM, "u", b"private")
    await until_async(lambda: ear.chat == ["c1"] and ear.private == [b"private"])
    say(one, "c2")
    await until_async(lambda: ear.chat == ["c1", "c2"])
    assert ear.lost == 0


async def test_who_was_deaf_for_a_while_is_told_how_much_it_missed(
    opened: Open, redis: Redis
) -> None:
    """Also when the speaker thought itself alone and sent nothing meanwhile."""
    one, _ = await opened("w1")
    other, ear = await opened("w2")
    say(one, "c1")
    await until_async(lambda: ear.chat == ["c1"])
    await other._pubsub.unsubscribe(RedisRooms(redis).channel(ROOM))
    for number in range(2, 6):
        say(one, f"c{number}")
        await remembered(redis, number)
    await other.resubscribe(ROOM)
    say(one, "c6")
    await until_async(lambda: "c6" in ear.chat)
    assert len(ear.chat) + ear.lost == 6


async def test_one_listener_who_is_not_oneself_gets_everything(opened: Open, redis: Redis) -> None:
    """A worker whose own subscription is gone must not take the other's for it."""
    one, _ = await opened("w1")
    say(one, "alone")
    await remembered(redis, 1)
    await until_async(lambda: ROOM in one._unheard)
    await one._pubsub.unsubscribe(RedisRooms(redis).channel(ROOM))

    async def gone() -> bool:
        return dict(await redis.pubsub_numsub(keys.bus(ROOM)))[keys.bus(ROOM).encode()] == 0

    await eventually(gone)
    _, ear = await opened("w2")
    say(one, "c1")
    await until_async(lambda: ear.chat == ["c1"])


async def test_many_words_at_once_are_few_messages(opened: Open, redis: Redis) -> None:
    """Not one for each turn of the loop in which something was said."""
    one, _ = await opened("w1")
    _, ear = await opened("w2")
    before = (await redis.info("commandstats")).get("cmdstat_publish", {}).get("calls", 0)
    for number in range(200):
        say(one, f"c{number}")
        await asyncio.sleep(0)
    await until_async(lambda: len(ear.chat) == 200)
    assert ear.chat == [f"c{number}" for number in range(200)]
    after = (await redis.info("commandstats"))["cmdstat_publish"]["calls"]
    assert after - before < 100

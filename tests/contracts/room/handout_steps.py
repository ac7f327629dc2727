"""A rain, a gift and their people, for the tests of stores and use cases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis

from room import gifts, rain
from room.conditions import Standing
from room.errors import Refused
from room.handout_duty import HandoutDuty
from room.handouts import Handouts
from room.replica import Replica
from room.room import Rooms
from room.shapes import Claim, Gift, Rain, User
from room.storage.handouts_redis import RedisHandouts
from room.storage.handouts_sql import SqlHandouts
from server.database import make_engine
from tests.room.people import NOW_MS

SEED = bytes(range(32))


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[SqlHandouts]:
    """SQL of each kind: a test that takes it runs twice."""
    engine = make_engine(database_url)
    yield SqlHandouts(engine)
    await engine.dispose()


@pytest.fixture
async def handouts(
    rooms: Rooms,
    redis: Redis,
    ledger: SqlHandouts,
    new_id: Callable[[str], str],
) -> Handouts:
    hand = RedisHandouts(redis)
    duty = HandoutDuty(rooms, hand, ledger)
    return Handouts(duty, hand, ledger, new_id=new_id, random_bytes=lambda _: SEED)


def person(nth: int) -> User:
    return User(f"u{nth}", f"名{nth}", "viewer")


async def raining(handouts: Handouts, replica: Replica, **asked: int) -> Rain:
    spec = rain.spec(**({"total_cents": 1_000, "count": 10, "seconds": 60} | asked))
    return await handouts.start_rain(replica, spec, NOW_MS)


async def offered(
    handouts: Handouts, replica: Replica, quota: int = 3, watch_s: int | None = None
) -> Gift:
    spec = gifts.spec(title="杯子", quota=quota, watch_s=watch_s, now_ms=NOW_MS)
    return await handouts.open_gift(replica, spec, NOW_MS)


async def grabbed(
    handouts: Handouts, replica: Replica, rain_id: str, nth: int, key: str = ""
) -> Claim | str:
    """The claim, or the code of the refusal."""
    try:
        return await handouts.grab(replica, rain_id, person(nth), key, NOW_MS)
    except Refused as refused:
        return refused.code


async def claimed(handouts: Handouts, replica: Replica, gift_id: str, nth: int) -> Claim | str:
    try:
        return await handouts.claim(replica, gift_id, person(nth), Standing())
    except Refused as refused:
        return refused.code


async def all_grab(
    handouts: Handouts, replica: Replica, rain_id: str, people: int
) -> list[Claim | str]:
    return list(
        await asyncio.gather(*(grabbed(handouts, replica, rain_id, nth) for nth in range(people)))
    )

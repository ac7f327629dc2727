"""Following: decided in SQL of each kind, answered from a Redis that may forget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from room.errors import Refused
from room.follows import Following, Follows
from room.ports import FollowPage
from room.storage.follows import RedisFollows, SqlFollows
from server.database import make_engine
from tests.room.people import NOW_MS


@pytest.fixture
async def archive(database_url: str) -> AsyncIterator[SqlFollows]:
    engine = make_engine(database_url)
    yield SqlFollows(engine)
    await engine.dispose()


@pytest.fixture
def follows(redis: Redis, archive: SqlFollows) -> Follows:
    return Follows(RedisFollows(redis), archive)


async def follow(follows: Follows, user_id: str, *, following: bool = True) -> Following:
    return await follows.change("h1", user_id, following=following, now_ms=NOW_MS)


async def test_following_twice_counts_once_and_survives_a_lost_redis(
    follows: Follows, redis: Redis
) -> None:
    assert not await follows.follows("h1", "u1")
    assert await follow(follows, "u1") == Following(True, 1)
    assert await follow(follows, "u1") == Following(True, 1)
    assert await follow(follows, "u2") == Following(True, 2)
    assert await follow(follows, "u2", following=False) == Following(False, 1)
    assert await follow(follows, "u2", following=False) == Following(False, 1)
    await redis.flushall()
    assert await follows.follows("h1", "u1")
    assert not await follows.follows("h1", "u2")
    assert not await follows.follows("h2", "u1")
    assert await follows.followers(["h1", "h2"]) == {"h1": 1, "h2": 0}
    with pytest.raises(Refused, match="you are the host"):
        await follow(follows, "h1")


async def test_a_thousand_at_once_are_all_counted(follows: Follows, archive: SqlFollows) -> None:
    """Over two workers; who changes their mind ends where they ended."""
    other = Follows(follows._cache, archive)
    people = [f"u{nth}" for nth in range(1_000)]
    both = [follow((follows, other)[nth % 2], one) for nth, one in enumerate(people)]
    await asyncio.gather(*both)
    await asyncio.gather(*(follow(follows, one, following=False) for one in people[:300]))
    assert await other.followers(["h1"]) == {"h1": 700}
    answers = await asyncio.gather(*(other.follows("h1", one) for one in people))
    assert answers == [False] * 300 + [True] * 700


async def test_an_old_answer_never_stands_over_a_newer_one(redis: Redis) -> None:
    cache = RedisFollows(redis)
    await cache.keep("h1", FollowPage(8, 5), {"u1": True})
    await cache.keep("h1", FollowPage(7, 4), {"u1": False, "u2": False})
    assert await cache.known("h1", ["u1", "u2", "u3"]) == {"u1": True, "u2": False}
    assert await cache.followers(["h1", "h2"]) == {"h1": 5}

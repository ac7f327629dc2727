"""Commands over one connection: in order, and none takes another's answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from flash_sale.storage.in_order import InOrder, in_order

COUNTED = "return redis.call('INCR', KEYS[1])"
LARGE = b"x" * 1_000_000  # more than Redis reads at once: over another connection it is overtaken


@pytest.fixture
async def pool(redis: Redis, redis_url: str) -> AsyncIterator[BlockingConnectionPool]:
    pool = BlockingConnectionPool.from_url(redis_url)
    yield pool
    await pool.aclose()


async def test_commands_are_done_in_the_order_they_were_given(pool: BlockingConnectionPool) -> None:
    command = InOrder(pool).command
    texts = [LARGE if n % 2 == 0 else b"" for n in range(10)]
    done = await asyncio.gather(*(command("EVAL", COUNTED, 1, "count", text) for text in texts))
    assert done == list(range(1, 11))


async def test_what_follows_a_call_without_answer_has_none_either(
    redis: Redis, pool: BlockingConnectionPool
) -> None:
    """Its late answer may not be taken for theirs; the next call has a new connection."""
    command = InOrder(pool).command
    silent = asyncio.ensure_future(command("BLPOP", "nothing", 0))
    behind = asyncio.ensure_future(command("ECHO", "behind"))
    while not any(each["cmd"] == "blpop" for each in await redis.client_list()):  # noqa: ASYNC110
        await asyncio.sleep(0)
    silent.cancel()
    with pytest.raises(RedisConnectionError):
        await behind
    assert await command("ECHO", "after") == b"after"


async def test_an_error_is_an_answer_like_any_other(pool: BlockingConnectionPool) -> None:
    command = InOrder(pool).command
    wrong = command("NO-SUCH-COMMAND")
    done = await asyncio.gather(wrong, command("ECHO", "next"), return_exceptions=True)
    assert isinstance(done[0], ResponseError)
    assert done[1] == b"next"


async def test_a_client_that_does_more_has_one_at_a_time(redis: Redis, redis_url: str) -> None:
    """Such as one that waits for replicas: it needs its connections for itself."""

    class Slow(Redis):
        under_way = 0
        most = 0

        async def execute_command(self, *words: object, **options: object) -> object:  # type: ignore[override]
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            done = await super().execute_command(*words, **options)  # type: ignore[arg-type]
            self.under_way -= 1
            return done

    slow = Slow.from_url(redis_url)
    command = in_order(slow)
    done = await asyncio.gather(*(command("EVAL", COUNTED, 1, "count") for _ in range(5)))
    assert (done, slow.most) == ([1, 2, 3, 4, 5], 1)
    await slow.aclose()

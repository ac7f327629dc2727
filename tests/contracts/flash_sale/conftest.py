"""A whole flash sale on real Redis and real SQL, with a clock the test turns."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from server.database import make_engine
from server.embedded import EmbeddedRedis
from tests.contracts.flash_sale.shop import Shop


@pytest.fixture
async def sale_redis(redis: Redis, redis_url: str) -> AsyncIterator[Redis]:
    """A client as the server makes it: no retries, answers or an error within a second."""
    client = Redis.from_url(redis_url, retry=Retry(NoBackoff(), 0), socket_timeout=1.0)
    yield client
    await client.aclose()


@pytest.fixture
def mortal_redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A server of this test alone, to be killed."""
    server = EmbeddedRedis.start(tmp_path)
    yield server
    server.stop()


@pytest.fixture
async def shop(sale_redis: Redis, database_url: str) -> AsyncIterator[Shop]:
    """On each kind of database."""
    engine = make_engine(database_url)
    shop = Shop(sale_redis, engine, itertools.count(1))
    await shop.sale.open()
    yield shop
    await shop.sale.close()
    await engine.dispose()

"""Stores on a real Redis and real databases, with ids and seeds that a test can foresee."""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from room.giveaways import Giveaways
from room.replica import Replica
from room.room import Rooms
from room.storage.lottery_journal import SqlJournal
from room.storage.lottery_redis import RedisLotteries
from room.storage.redis import RedisRooms
from room.storage.sql import SqlArchive
from server.database import make_engine
from tests.room.people import HOST, NOW_MS


@pytest.fixture
def new_id() -> Callable[[str], str]:
    numbers = itertools.count(1)
    return lambda prefix: f"{prefix}{next(numbers)}"


@pytest.fixture
def store(redis: Redis) -> RedisRooms:
    return RedisRooms(redis)


@pytest.fixture
def lotteries(redis: Redis) -> RedisLotteries:
    return RedisLotteries(redis)


@pytest.fixture
async def archive(database_url: str) -> AsyncIterator[SqlArchive]:
    """SQL of each kind: a test that takes it runs twice."""
    engine = make_engine(database_url)
    yield SqlArchive(engine)
    await engine.dispose()


@pytest.fixture
async def sqlite_archive(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[SqlArchive]:
    """One kind is enough where SQL is not what is tested."""
    path = tmp_path / "archive.sqlite3"
    shutil.copy(sqlite_template, path)
    engine = make_engine(f"sqlite+aiosqlite:///{path}")
    yield SqlArchive(engine)
    await engine.dispose()


@pytest.fixture
def journal(sqlite_archive: SqlArchive) -> SqlJournal:
    return SqlJournal(sqlite_archive._engine)


@pytest.fixture
def rooms(store: RedisRooms, sqlite_archive: SqlArchive, new_id: Callable[[str], str]) -> Rooms:
    return Rooms(store, sqlite_archive, new_id=new_id)


@pytest.fixture
def giveaways(
    rooms: Rooms,
    store: RedisRooms,
    lotteries: RedisLotteries,
    sqlite_archive: SqlArchive,
    journal: SqlJournal,
    new_id: Callable[[str], str],
) -> Giveaways:
    return Giveaways(
        rooms,
        store,
        lotteries,
        sqlite_archive,
        journal,
        new_id=new_id,
        random_bytes=lambda count: hashlib.sha256(b"seed").digest()[:count],
    )


@pytest.fixture
async def replica(rooms: Rooms) -> Replica:
    await rooms.create(room_id="r1", title="直播", stream_url="", host=HOST, now_ms=NOW_MS)
    found = await rooms.open("r1", NOW_MS)
    assert found is not None
    return found

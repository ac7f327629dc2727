"""The engine and the migrations, on both databases."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import inspect, text

from server.database import async_url, make_engine, migrate, ping


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("sqlite:///x.sqlite3", "sqlite+aiosqlite:///x.sqlite3"),
        ("postgresql://u@h/d", "postgresql+asyncpg://u@h/d"),
        ("postgres://u@h/d", "postgresql+asyncpg://u@h/d"),
        ("postgresql+asyncpg://u@h/d", "postgresql+asyncpg://u@h/d"),
    ],
)
def test_an_address_gets_the_driver_we_use(given: str, used: str) -> None:
    """A plain address is enough in the settings."""
    assert async_url(given) == used


async def test_a_migrated_database_answers(database_url: str) -> None:
    """The tables' version is recorded, and the engine answers."""
    engine = make_engine(database_url)
    await ping(engine)
    async with engine.connect() as connection:
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    await engine.dispose()
    assert "alembic_version" in tables


async def test_migrating_twice_changes_nothing(empty_database_url: str) -> None:
    """A second start finds today's tables and leaves them."""
    await asyncio.to_thread(migrate, empty_database_url)
    await asyncio.to_thread(migrate, empty_database_url)


async def test_sqlite_is_durable_and_takes_one_writer_at_a_time(tmp_path: object) -> None:
    """WAL and full syncs are set on every connection; a second writer waits instead of failing."""
    engine = make_engine(f"sqlite:///{tmp_path}/one.sqlite3")
    async with engine.begin() as connection:
        assert (await connection.execute(text("PRAGMA journal_mode"))).scalar() == "wal"
        assert (await connection.execute(text("PRAGMA synchronous"))).scalar() == 2
        await connection.execute(text("CREATE TABLE n (v INTEGER)"))
        await connection.execute(text("INSERT INTO n VALUES (0)"))

    async def add_one() -> None:
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE n SET v = v + 1"))

    await asyncio.gather(*(add_one() for _ in range(20)))
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT v FROM n"))).scalar() == 20
    await engine.dispose()

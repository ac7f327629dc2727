"""The SQL engine and the way to today's tables.

Which tables there are is said by the migrations beside this file; what is written to them belongs
to the storage modules of `room` and `flash_sale`. No statement about rooms or money lives here.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

MIGRATIONS = Path(__file__).parent / "migrations"
SQLITE_BUSY_MS = 10_000  # one writer at a time: others wait this long before they fail
POOL_CONNECTIONS_MAX = 10  # a worker; N workers must stay below PostgreSQL's max_connections of 100
CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 15.0
MIGRATION_LOCK_KEY = 0x6C697665726F6F6D  # "liveroom"; machines that start together migrate in turn
DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}


def async_url(database_url: str) -> str:
    """The address with the driver we use: `sqlite:///x` becomes `sqlite+aiosqlite:///x`."""
    scheme, separator, rest = database_url.partition("://")
    return DRIVERS.get(scheme, scheme) + separator + rest


def make_engine(database_url: str) -> AsyncEngine:
    """An engine for one worker. SQLite in WAL with full syncs; PostgreSQL with a bounded pool.

    On SQLite a transaction takes the write lock at its first write (BEGIN IMMEDIATE), so that a
    competing writer waits for SQLITE_BUSY_MS at that point and never fails in the middle.
    """
    url = make_url(async_url(database_url))
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(
            url,
            connect_args={"isolation_level": "IMMEDIATE", "timeout": SQLITE_BUSY_MS / 1000},
            json_serializer=_to_json,
            json_deserializer=orjson.loads,
        )
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        return engine
    return create_async_engine(
        url,
        pool_size=POOL_CONNECTIONS_MAX,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={"timeout": CONNECT_TIMEOUT_S, "command_timeout": STATEMENT_TIMEOUT_S},
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
    )


async def ping(engine: AsyncEngine) -> None:
    """Ask the database for an answer; raises whatever the driver raises when there is none."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))


def migrate(database_url: str) -> None:
    """Bring the tables up to date. Not to be called from a running event loop."""
    asyncio.run(_migrate(database_url))


async def _migrate(database_url: str) -> None:
    engine = make_engine(database_url)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade)
            await connection.commit()
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # Ends with the transaction.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK_KEY})
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # a committed order survives a power cut
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _to_json(value: object) -> str:
    return orjson.dumps(value).decode()

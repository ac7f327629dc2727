"""The SQL engine, and what every statement of this folder needs. No tables, no statements."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Connection, Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from flash_sale.errors import UNKNOWN_RETRY_MS, Refused

BUSY_TIMEOUT_MS = 5000  # SQLite has one writer; the others wait this long
POOL_CONNECTIONS = 5


def open_engine(url: str) -> AsyncEngine:
    """An engine for `sqlite+aiosqlite:///…` or `postgresql+asyncpg://…`.

    SQLite runs in WAL with full sync (a commit survives a power cut), and its write transactions
    take the write lock at once, so none fails half-way for having read first.
    """
    if not url.startswith("sqlite"):
        return create_async_engine(url, pool_size=POOL_CONNECTIONS, pool_pre_ping=True)
    engine = create_async_engine(url, pool_size=POOL_CONNECTIONS)
    event.listen(engine.sync_engine, "connect", _configure_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def reading(engine: AsyncEngine) -> AsyncEngine:
    """The same engine for statements that only read: they never wait for a writer."""
    return engine.execution_options(liveroom_reads=True)


def insert_new(connection: AsyncConnection, table: Table, key: Sequence[str]) -> Any:  # noqa: ANN401
    """An INSERT that leaves a row with the same `key` as it is."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing(index_elements=list(key))


@asynccontextmanager
async def sql_answering() -> AsyncIterator[None]:
    """Turn a database that is away into a refusal; faults in a statement stay what they are."""
    try:
        yield
    except (PoolTimeoutError, OSError, TimeoutError) as trouble:
        raise unavailable() from trouble
    except DBAPIError as trouble:
        if trouble.connection_invalidated or is_away(trouble):
            raise unavailable() from trouble
        raise


def unavailable() -> Refused:
    return Refused("unavailable", "The database did not answer.", UNKNOWN_RETRY_MS)


def is_away(trouble: DBAPIError) -> bool:
    """Whether the database, not the statement, is the trouble."""
    text = str(trouble.orig).lower()
    return any(word in text for word in ("locked", "connect", "closed", "shutting down"))


def _configure_sqlite(dbapi_connection: Any, _record: object) -> None:  # noqa: ANN401
    dbapi_connection.isolation_level = None  # transactions begin where `_begin_sqlite` says
    cursor = dbapi_connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("liveroom_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

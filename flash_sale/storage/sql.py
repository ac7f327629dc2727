"""What every statement of this folder needs, on SQLite and PostgreSQL alike. No tables here.

The engine is handed in. On SQLite a write transaction must begin with its first write: every one
of this folder does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from flash_sale.errors import UNKNOWN_RETRY_MS, Refused


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

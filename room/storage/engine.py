"""What every class over the room's SQL tables begins with: a transaction, and an upsert."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import Integer, Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from room.errors import Unavailable

# Statements that duties ask all the time are made once, with this as their limit: to make one costs
# more than its answer when there is nothing to do.
MOST = bindparam("most", type_=Integer)


class SqlStore:
    """SQLite and PostgreSQL alike."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """One transaction. A database that is away or locked is `Unavailable`."""
        try:
            async with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except (DBAPIError, PoolTimeoutError, OSError) as silent:
            raise Unavailable(f"SQL did not answer: {type(silent).__name__}") from silent

    def _insert(self, table: Table) -> Any:  # noqa: ANN401 - the two dialects share no type
        """An INSERT that knows ON CONFLICT, which SQLAlchemy has per dialect only."""
        if self._engine.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)

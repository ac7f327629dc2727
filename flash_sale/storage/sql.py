"""What every statement of this folder needs, on SQLite and PostgreSQL alike. No tables here.

The engine is handed in. On SQLite a write transaction must begin with its first write: every one
of this folder does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from sqlalchemy import Integer, Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from flash_sale.errors import UNKNOWN_RETRY_MS, Refused

# Classes of SQLSTATE (PostgreSQL's manual, appendix A) in which asking again can help: no
# connection, a standby's read-only state, no such database or user, a lost race, nothing left of a
# resource, not ready, stopped by an operator, a system error, an internal one.
PASSING_CLASSES = frozenset({"08", "25", "28", "3D", "40", "53", "55", "57", "58", "XX"})
# Of what was to be written: out of range, against a constraint.
DATA_CLASSES = frozenset({"22", "23"})

# Statements that duties ask all the time are made once, with this as their limit: to make one costs
# more than its answer when there is nothing to do.
MOST = bindparam("most", type_=Integer)


def insert_new(connection: AsyncConnection, table: Table, key: Sequence[str]) -> Any:  # noqa: ANN401
    """An INSERT that leaves a row with the same `key` as it is."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing(index_elements=list(key))


async def insert_many(
    connection: AsyncConnection,
    table: Table,
    key: Sequence[str],
    columns: Sequence[str],
    rows: Sequence[tuple[object, ...]],
) -> None:
    """Insert rows given as tuples; those whose `key` is there are left out.

    Straight to the driver, which is what makes it quick: values are not looked at on their way.
    PostgreSQL gets one statement with an array for each column, in place of one for each row.
    """
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        statement = _insert_arrays(table, tuple(key), tuple(columns))
        await connection.exec_driver_sql(statement, tuple(map(list, zip(*rows, strict=True))))
    else:
        statement = _insert_values(table.name, tuple(key), tuple(columns))
        await connection.exec_driver_sql(statement, list(rows))


@cache
def _insert_arrays(table: Table, key: tuple[str, ...], columns: tuple[str, ...]) -> str:
    # As text, not as varchar(n): a cast to that would cut off silently what is too long.
    kinds = ["bigint" if isinstance(table.c[name].type, Integer) else "text" for name in columns]
    arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(kinds, start=1))
    into = f"INSERT INTO {table.name} ({_quoted(columns)})"
    rows = f"SELECT * FROM unnest({arrays})"  # noqa: S608 - names of tables and columns alone
    return f"{into} {rows} ON CONFLICT ({_quoted(key)}) DO NOTHING"


@cache
def _insert_values(table: str, key: tuple[str, ...], columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" for _ in columns)
    into = f"INSERT INTO {table} ({_quoted(columns)})"
    return f"{into} VALUES ({marks}) ON CONFLICT ({_quoted(key)}) DO NOTHING"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


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


@asynccontextmanager
async def journal_writing() -> AsyncIterator[None]:
    """The same, and stricter: nothing but an entry's own data lets a fault through.

    An entry that is set aside is an acknowledged act missing from the books. That must not come of
    a crowded server, a lost race or a table that is not there yet.
    """
    async with sql_answering():
        try:
            yield
        except DBAPIError as trouble:
            if is_of_the_data(trouble):
                raise
            raise unavailable() from trouble


def unavailable() -> Refused:
    return Refused("unavailable", "The database did not answer.", UNKNOWN_RETRY_MS)


def is_away(trouble: DBAPIError) -> bool:
    """Whether the database, not the statement, is the trouble."""
    if sqlstate := _sqlstate(trouble):
        return sqlstate[:2] in PASSING_CLASSES
    text = str(trouble.orig).lower()
    return any(word in text for word in ("locked", "connect", "closed", "shutting down", "disk"))


def is_of_the_data(trouble: DBAPIError) -> bool:
    """Whether what was to be written is the trouble, so that asking again is of no use."""
    if sqlstate := _sqlstate(trouble):
        return sqlstate[:2] in DATA_CLASSES
    return isinstance(trouble, DataError | IntegrityError)


def _sqlstate(trouble: DBAPIError) -> str:
    """Five characters; empty of SQLite, and of a fault in the driver itself."""
    return getattr(trouble.orig, "sqlstate", None) or ""

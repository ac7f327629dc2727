"""Takes the database of a server of our own away for a while, from outside.

SQLite: somebody else holds the write lock. PostgreSQL: its processes are stopped, or it ends every
connection and refuses new ones. Only a database that runs below our own command is touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
from pathlib import Path
from typing import Protocol

import asyncpg
from sqlalchemy.engine import make_url

LOCK_TIMEOUT_S = 10.0


class Away(Protocol):
    """How to do without a database."""

    async def stay_away(self, seconds: float, rng: random.Random) -> None: ...


class SqliteAway:
    """Holds the write lock; readers of the write-ahead log go on, as they would beside a backup."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def stay_away(self, seconds: float, rng: random.Random) -> None:
        connection = await asyncio.to_thread(self._lock)
        try:
            await asyncio.sleep(seconds)
        finally:
            connection.close()

    def _lock(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("BEGIN EXCLUSIVE")
        return connection


class PostgresAway:
    """`url` is SQLAlchemy's address of the server's database, on a cluster we may stop."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)

    async def stay_away(self, seconds: float, rng: random.Random) -> None:
        if rng.random() < 0.5:
            await self._stopped(seconds)
        else:
            await self._refusing(seconds)

    async def _stopped(self, seconds: float) -> None:
        connection = await self._connect("postgres")
        try:
            store = Path(await connection.fetchval("SHOW data_directory"))
        finally:
            await connection.close()
        postmaster = int((store / "postmaster.pid").read_text().split()[0])
        family = [postmaster, *_children(postmaster)]
        try:
            for pid in family:
                _signal(pid, signal.SIGSTOP)
            await asyncio.sleep(seconds)
        finally:
            for pid in family:
                _signal(pid, signal.SIGCONT)

    async def _refusing(self, seconds: float) -> None:
        connection = await self._connect("postgres")
        name = self._url.database
        try:
            await connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
            )
            await asyncio.sleep(seconds)
        finally:
            await connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            await connection.close()

    async def _connect(self, database: str) -> asyncpg.Connection:
        host = self._url.host or self._url.query.get("host")
        return await asyncpg.connect(
            host=host, port=self._url.port, user=self._url.username, database=database,
            password=self._url.password,
        )  # fmt: skip


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)

"""Workers for the tests of the whole: in this process on real sockets, or as real processes.

A `House` is one shop: a Redis, a database and any number of workers over them, all in the test's
own event loop, so that a test can speak the public protocol and still reach inside.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
import uvloop
from aiohttp import web
from aiohttp.test_utils import TestClient
from redis.asyncio import Redis

from tests.integration.house import House, Place
from tests.redis_cluster import RedisCluster
from tests.running_server import RunningServer

Http = TestClient[web.Request, web.Application]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Test on the loop that the server runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh, migrated SQLite database, where the kind of SQL does not matter."""
    path = tmp_path / "house.sqlite3"
    shutil.copy(sqlite_template, path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
async def house(
    redis: Redis, redis_url: str, sqlite_url: str, tmp_path: Path
) -> AsyncIterator[House]:
    """A shop without workers; `await house.worker()` opens one."""
    async with aiohttp.ClientSession() as session:
        built = House(redis_url, sqlite_url, tmp_path / "data", session)
        try:
            yield built
        finally:
            await built.close()


@pytest.fixture
async def place(house: House) -> Place:
    """One worker and an open room."""
    worker = await house.worker()
    return await house.room(worker)


@pytest.fixture
async def two_places(house: House) -> tuple[Place, Place]:
    """One open room as seen at two workers."""
    first = await house.room(await house.worker())
    return first, first.at(await house.worker())


@pytest.fixture
async def http(house: House, aiohttp_client: Callable[[web.Application], Awaitable[Http]]) -> Http:
    """A client of a worker's application, served by pytest-aiohttp's own server."""
    worker = await house.worker()
    return await aiohttp_client(worker.app)


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """Three primaries; the first of them has a replica. Whoever kills one brings it back."""
    cluster = RedisCluster(tmp_path_factory.mktemp("redis_cluster"), replicas=1)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Real processes for the tests of a module; all are ended with it."""
    servers = Servers(tmp_path_factory.mktemp("served"))
    yield servers
    servers.end()


class Servers:
    """Starts `liveroom serve`, and again on the same data after it has ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: dict[str, RunningServer] = {}

    def running(self, data: str, *flags: str) -> RunningServer:
        """The server on this data directory: the one that runs, or a new one."""
        server = self._started.get(data)
        if server is None or server.process.poll() is not None:
            server = RunningServer(self._folder / data, "--log-level", "warning", *flags)
            self._started[data] = server.__enter__()
        return server

    def end(self) -> None:
        for server in self._started.values():
            server.__exit__()

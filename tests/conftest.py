"""What every test may ask for: a real Redis, and a real database of both kinds.

Servers are started once a run, in temporary folders, and end with it. Nothing here is a fake.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from redis.asyncio import Redis

from server.database import migrate
from server.embedded import EmbeddedRedis
from tests.postgres_cluster import PostgresCluster
from tests.waiting import process_runs

# Time limits belong to pytest-timeout: a slow shared machine must not turn into a flaky test.
hypothesis_settings.register_profile("liveroom", deadline=None, print_blob=True)
hypothesis_settings.load_profile("liveroom")

_numbers = itertools.count(1)


SHARED_MEMORY = Path("/dev/shm")
SHARED_MEMORY_BYTES_MIN = 8 * 2**30  # a whole run leaves about 1 GB there until it ends
SCRATCH = pytest.StashKey[Path]()
ASYNC_LIMIT_S = 100  # below pytest-timeout's, which ends the whole process, and with it the run


def pytest_configure(config: pytest.Config) -> None:
    """Keep a developer's own settings out of the tests, and the tests' data off a slow disk."""
    for name in [name for name in os.environ if name.startswith("LIVEROOM_")]:
        del os.environ[name]
    if "TMPDIR" not in os.environ and _free_bytes(SHARED_MEMORY) > SHARED_MEMORY_BYTES_MIN:
        # What is killed here are processes, never the machine: nothing is lost by memory. But a
        # disk that somebody else is busy with may stand still for longer than an answer may take.
        for old in SHARED_MEMORY.glob("lr-*"):
            pid = old.name.removeprefix("lr-")
            if pid.isdigit() and not process_runs(int(pid)):
                shutil.rmtree(old, ignore_errors=True)  # of a run that was killed
        # A short name: a socket's whole path has 107 characters.
        scratch = SHARED_MEMORY / f"lr-{os.getpid()}"
        scratch.mkdir(mode=0o755)  # PostgreSQL comes here as another user than root
        config.stash[SCRATCH] = scratch
        os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)


def pytest_unconfigure(config: pytest.Config) -> None:
    scratch = config.stash.get(SCRATCH, None)
    if scratch is not None:
        shutil.rmtree(scratch, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test on an event loop that waits for what never comes fails, and the others go on."""
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = _limited(item.obj)


def _limited(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def within_the_limit(**arguments: object) -> None:
        async with asyncio.timeout(ASYNC_LIMIT_S):
            await test(**arguments)

    return within_the_limit


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free if folder.is_dir() else 0


@pytest.fixture(scope="session")
def embedded_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """The Redis server of this run (appendfsync always, a Unix socket)."""
    server = EmbeddedRedis.start(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_url(embedded_redis: EmbeddedRedis) -> str:
    """Its address. Only a test that also takes `redis` starts on an empty one."""
    return embedded_redis.url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client on an empty Redis; answers are bytes."""
    client = redis_client(redis_url)
    await client.flushall()
    await client.script_flush()
    yield client
    await client.aclose()


def redis_client(url: str) -> Redis:
    """A client as the tests use it."""
    return Redis.from_url(url, decode_responses=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresCluster]:
    """The PostgreSQL server of this run; fails, with what to install, when there is none."""
    cluster = PostgresCluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresCluster) -> str:
    """A migrated database to copy from: a copy is quicker than a migration."""
    postgres.sql("CREATE DATABASE template_liveroom")
    _migrate(postgres.url("template_liveroom"))
    return "template_liveroom"


@pytest.fixture(scope="session")
def postgres_database(postgres: PostgresCluster, postgres_template: str) -> str:
    """A migrated database that one test after the other gets empty."""
    postgres.sql(f"CREATE DATABASE liveroom TEMPLATE {postgres_template}")
    return "liveroom"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy from."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    _migrate(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh, migrated database of each kind."""
    if request.param == "sqlite":
        path = tmp_path / "liveroom.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite+aiosqlite:///{path}"
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres")
    name: str = request.getfixturevalue("postgres_database")
    cluster.empty(name)  # a tenth of what a fresh copy takes
    yield cluster.url(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind without any table."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres")
    name = f"empty_{next(_numbers)}"
    cluster.sql(f"CREATE DATABASE {name} TEMPLATE template0")
    yield cluster.url(name)
    cluster.sql(f"DROP DATABASE {name} WITH (FORCE)")


def _migrate(url: str) -> None:
    # In a thread of its own: `migrate` runs an event loop, and this thread's belongs to pytest.
    with ThreadPoolExecutor(1) as threads:
        threads.submit(migrate, url).result()

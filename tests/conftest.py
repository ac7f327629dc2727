"""What every test may ask for: a real Redis, and a real database of both kinds.

Servers are started once a run, in temporary folders, and end with it. Nothing here is a fake.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from redis.asyncio import Redis

from server.database import migrate
from server.embedded import EmbeddedRedis
from tests.postgres_cluster import PostgresCluster

# Time limits belong to pytest-timeout: a slow shared machine must not turn into a flaky test.
hypothesis_settings.register_profile("liveroom", deadline=None, print_blob=True)
hypothesis_settings.load_profile("liveroom")

_numbers = itertools.count(1)


def pytest_configure() -> None:
    """Keep a developer's own settings out of the tests."""
    for name in [name for name in os.environ if name.startswith("LIVEROOM_")]:
        del os.environ[name]


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
    """A migrated database to copy from: a copy takes milliseconds, a migration does not."""
    postgres.sql("CREATE DATABASE template_liveroom")
    _migrate(postgres.url("template_liveroom"))
    return "template_liveroom"


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
    template: str = request.getfixturevalue("postgres_template")
    yield from _postgres_database(cluster, template)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind without any table."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    yield from _postgres_database(request.getfixturevalue("postgres"), "template0")


def _postgres_database(cluster: PostgresCluster, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    cluster.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield cluster.url(name)
    cluster.sql(f"DROP DATABASE {name} WITH (FORCE)")


def _migrate(url: str) -> None:
    # In a thread of its own: `migrate` runs an event loop, and this thread's belongs to pytest.
    with ThreadPoolExecutor(1) as threads:
        threads.submit(migrate, url).result()

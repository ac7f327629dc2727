"""Connecting a worker to its Redis: one server or a cluster, named by the address.

`redis+cluster://` is said by who runs it rather than found out: the address names several nodes,
so that a start does not hang on one of them, and a proxy that hides a cluster stays a plain Redis.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AsyncExitStack
from typing import Any, Final, Protocol

import redis.asyncio as redis_asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from server.cluster.client import ClusterRedis
from server.cluster.confirming import ConfirmingRedis
from server.cluster.nodes import Nodes
from server.cluster.slots import ClusterAddress, Place, is_cluster, parse_address

ANSWER_S: Final = 0.8  # after this the outcome is unknown, and said so within the second
CONNECTIONS_MAX: Final = 64  # a client, and on a cluster a node of it


class Opens(Protocol):
    """Makes one client more over the same Redis."""

    def __call__(
        self, *, answer_s: float | None = ANSWER_S, uncounted: Collection[str] = ()
    ) -> redis_asyncio.Redis: ...


async def connect(url: str, stack: AsyncExitStack, *, replicas: int = 0) -> Opens:
    """What opens clients that never repeat a call by themselves: a repeated one could count twice.

    With `replicas` every script's answer waits for that many. `stack` closes all of them.
    """
    if is_cluster(url):
        return await _cluster(parse_address(url), stack, replicas)

    def open_one(
        *, answer_s: float | None = ANSWER_S, uncounted: Collection[str] = ()
    ) -> redis_asyncio.Redis:
        pool = redis_asyncio.BlockingConnectionPool.from_url(url, **_options(answer_s))
        stack.push_async_callback(pool.aclose)
        return _client(pool, replicas, uncounted)

    return open_one


async def _cluster(address: ClusterAddress, stack: AsyncExitStack, replicas: int) -> Opens:
    def node_of(
        place: Place, answer_s: float | None = ANSWER_S, uncounted: Collection[str] = ()
    ) -> redis_asyncio.Redis:
        options = _options(answer_s) | {"host": place.host, "port": place.port}
        options |= {"username": address.username, "password": address.password}
        if address.tls == "tls":
            options["connection_class"] = redis_asyncio.SSLConnection
        return _client(redis_asyncio.BlockingConnectionPool(**options), replicas, uncounted)

    nodes = Nodes(address, node_of)
    stack.push_async_callback(nodes.close)
    await nodes.connect()

    def open_one(
        *, answer_s: float | None = ANSWER_S, uncounted: Collection[str] = ()
    ) -> redis_asyncio.Redis:
        client = ClusterRedis(nodes, lambda place: node_of(place, answer_s, uncounted))
        stack.push_async_callback(client.aclose)
        return client

    return open_one


def _options(answer_s: float | None) -> dict[str, Any]:
    return {
        "max_connections": CONNECTIONS_MAX,
        "timeout": ANSWER_S,
        "socket_timeout": answer_s,
        "socket_connect_timeout": ANSWER_S,
        "retry": Retry(NoBackoff(), 0),
    }


def _client(
    pool: redis_asyncio.ConnectionPool, replicas: int, uncounted: Collection[str]
) -> redis_asyncio.Redis:
    if replicas:
        return ConfirmingRedis(connection_pool=pool, replicas=replicas, uncounted=uncounted)
    return redis_asyncio.Redis(connection_pool=pool)

"""Looks once, at the start, at the Redis in use: is it there, new enough, as durable as promised?

Only looks: a Redis that was given is configured by whoever runs it. Of a cluster every primary is
looked at, and one that is away does not keep a server from starting.
"""

from __future__ import annotations

import re
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from server.cluster.slots import (
    ClusterAddress,
    Place,
    SlotTable,
    is_cluster,
    parse_address,
    spans_of,
)
from server.embedded import VERSION_MIN
from server.telemetry import log

ANSWER_S = 5.0


class UnfitRedis(Exception):
    """It cannot be used; the message says why, without the password in the address."""


def check(url: str, *, wait_replicas: int = 0) -> None:
    """Raise UnfitRedis unless it answers and is new enough; warn when a crash would lose data."""
    try:
        if is_cluster(url):
            _check_cluster(parse_address(url), wait_replicas)
            return
        client = redis.Redis.from_url(url, **_options())
    except ValueError as error:
        raise UnfitRedis(str(error)) from None
    try:
        with client:
            _check_one(client, wait_replicas, node="")
            if client.info("cluster").get("cluster_enabled"):
                raise UnfitRedis("it is a node of a cluster: write redis+cluster://host:port,…")
    except redis.RedisError as error:
        raise UnfitRedis(f"{type(error).__name__}: {error}") from None


def _check_cluster(address: ClusterAddress, wait_replicas: int) -> None:
    """Every primary that answers; there must be one for each slot."""
    table = _table_of(address)
    if not table.is_whole:
        raise UnfitRedis("some slots of the cluster have no node; see CLUSTER INFO")
    answered = 0
    for place in table.places:
        name = f"{place.host}:{place.port}"
        try:
            with _client(address, place) as client:
                _check_one(client, wait_replicas, node=name)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            log.warning("redis_node_away", node=name, error=str(error))
        except redis.RedisError as error:
            raise UnfitRedis(f"{name}: {type(error).__name__}: {error}") from None
        else:
            answered += 1
    if not answered:
        raise UnfitRedis("no primary of the cluster answers")


def _table_of(address: ClusterAddress) -> SlotTable:
    """From the first node named that tells."""
    trouble = ""
    for place in address.seeds:
        try:
            with _client(address, place) as client, client.pipeline(transaction=False) as pipe:
                pipe.execute_command("CLUSTER", "SLOTS")  # two words: the raw form
                (answer,) = pipe.execute()
        except redis.RedisError as error:
            trouble = f"{type(error).__name__}: {error}"
            continue
        table = SlotTable()
        table.take(spans_of(answer, place))
        return table
    raise UnfitRedis(trouble)


def _client(address: ClusterAddress, place: Place) -> redis.Redis:
    return redis.Redis(
        host=place.host,
        port=place.port,
        username=address.username,
        password=address.password,
        ssl=address.tls == "tls",
        **_options(),
    )


def _options() -> dict[str, Any]:
    return {
        "socket_timeout": ANSWER_S,
        "socket_connect_timeout": ANSWER_S,
        "retry": Retry(NoBackoff(), 0),
    }


def _check_one(client: redis.Redis, wait_replicas: int, *, node: str) -> None:
    version = str(client.info("server")["redis_version"])
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers < VERSION_MIN:
        raise UnfitRedis(f"version {version} is older than {'.'.join(map(str, VERSION_MIN))}")
    _warn_when_lossy(client, node)
    replicas = int(client.info("replication").get("connected_slaves", 0))
    if replicas < wait_replicas:
        log.warning("redis_lacks_replicas", node=node, replicas=replicas, wanted=wait_replicas)


def _warn_when_lossy(client: redis.Redis, node: str) -> None:
    """CONFIG is often forbidden on a hosted Redis: then there is nothing to warn of."""
    try:
        settings = client.config_get("append*")
    except redis.ResponseError:
        return
    if settings.get("appendonly") != "yes" or settings.get("appendfsync") != "always":
        log.warning(
            "redis_may_lose_writes",
            appendonly=settings.get("appendonly"),
            appendfsync=settings.get("appendfsync"),
            wanted="appendonly yes, appendfsync always",
            **({"node": node} if node else {}),
        )

"""Looks once, at the start, at the Redis in use: is it there, new enough, as durable as promised?

Only looks: a Redis that was given is configured by whoever runs it.
"""

from __future__ import annotations

import re

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from server.embedded import VERSION_MIN
from server.telemetry import log

ANSWER_S = 5.0


class UnfitRedis(Exception):
    """It cannot be used; the message says why, without the password in the address."""


def check(url: str) -> None:
    """Raise UnfitRedis unless it answers and is 6.2 or newer; warn when a crash would lose data."""
    try:
        client = redis.Redis.from_url(
            url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S, retry=_never_again()
        )
    except ValueError as error:
        raise UnfitRedis(str(error)) from None
    try:
        with client:
            _check_version(str(client.info("server")["redis_version"]))
            _warn_when_lossy(client)
    except redis.RedisError as error:
        raise UnfitRedis(f"{type(error).__name__}: {error}") from None


def _never_again() -> Retry:
    return Retry(NoBackoff(), 0)


def _check_version(version: str) -> None:
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers < VERSION_MIN:
        raise UnfitRedis(f"version {version} is older than 6.2")


def _warn_when_lossy(client: redis.Redis) -> None:
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
        )

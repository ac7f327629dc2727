"""Logs are one safe line each; metrics of all workers come as one text."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import cast

import msgpack
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from server.telemetry import Metrics, configure_logging, merge_expositions
from server.tokens import Tokens


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged, with the real configuration; undone afterwards."""
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging("info", "json", worker_index=3)
    yield written
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_one_event_is_one_line_of_json(lines: io.StringIO) -> None:
    """A newline in what a user wrote cannot fake a second event."""
    structlog.stdlib.get_logger().info("comment_refused", text='x"}\n{"event":"fake"}')
    (line,) = lines.getvalue().splitlines()
    record = json.loads(line)
    assert record["event"] == "comment_refused"
    assert record["worker"] == 3
    assert record["level"] == "info"
    assert isinstance(record["ts"], int)


def test_libraries_log_the_same_way(lines: io.StringIO) -> None:
    """Whatever uses the standard library's logging comes out as the same JSON."""
    logging.getLogger("aiohttp.server").warning("late %s", "answer")
    assert json.loads(lines.getvalue())["event"] == "late answer"


def test_no_secret_reaches_a_log(lines: io.StringIO) -> None:
    """By the field's name, by the look of the text, nested or in an exception."""
    token = Tokens("s" * 32).mint(sub="ann", ttl_s=60, now_ms=0)
    signature = "ab" * 32
    logger = structlog.stdlib.get_logger()
    logger.info("a", token=token, jwt_secret="hush", authorization="Bearer hush")
    logger.info("b", text=f"see {token}", header=f"t=1,v1={signature}", deep={"x": [token]})
    logger.info("c", url="redis://user:hush@host/0", nested={"password": "hush"})
    try:
        raise ValueError(f"bad {token}")
    except ValueError:
        logger.exception("d")
    text = lines.getvalue()
    assert len(text.splitlines()) == 4
    assert not any(secret in text for secret in (token, "hush", signature))


def test_long_values_are_cut(lines: io.StringIO) -> None:
    """A log line is not a place to store things."""
    structlog.stdlib.get_logger().info("long", text="x" * 100_000)
    assert len(lines.getvalue()) < 3_000


def test_merged_metrics_parse_and_keep_the_workers_apart() -> None:
    """One HELP and TYPE per metric, then the samples of every worker."""
    first, second = Metrics("0"), Metrics("1")
    first.sockets(5, rooms=1)
    second.sockets(7, rooms=2)
    first.commanded("like.add", "ok", 0.002)
    second.commanded("like.add", "ok", 0.002)
    text = merge_expositions([first.exposition(), second.exposition()]).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    sockets = {s.labels["worker"]: s.value for s in families["liveroom_sockets"].samples}
    assert sockets == {"0": 5, "1": 7}
    assert text.count("# TYPE liveroom_commands_total") == 1


class Kept:
    """Stands where Redis would: keeps the record it is given."""

    def __init__(self) -> None:
        self.records: list[bytes] = []

    def pipeline(self, *, transaction: bool) -> Kept:
        return self

    async def __aenter__(self) -> Kept:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    def hset(self, _key: str, _worker: str, record: bytes) -> None:
        self.records.append(record)

    def expire(self, _key: str, _seconds: int) -> None: ...

    async def execute(self) -> None: ...


async def test_what_is_left_for_the_others_is_the_whole_text_and_holds_nobody_up() -> None:
    """Others have their turns while it is put together."""
    metrics, kept, turns = Metrics("w0"), Kept(), 0
    for number in range(30):
        metrics.commanded(f"op{number}", "ok", 0.01)
    published = asyncio.create_task(metrics.publish(cast(Redis, kept), now_ms=5))
    while not published.done():
        await asyncio.sleep(0)
        turns += 1
    assert msgpack.unpackb(kept.records[0]) == [5, metrics.exposition()]
    assert turns >= len(list(metrics.registry.collect())) > 20

"""What the server says about itself: logs and metrics.

One log line per event as JSON, user text escaped by the encoder, secrets replaced before anything
is written. One registry per worker; any worker answers for all, since they share one port.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import time
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import msgpack
import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:  # the supervisor logs too and has no other use for these
    from redis.asyncio import Redis

from server.outbox import Tick

METRICS_KEY: Final = "liveroom:metrics"
METRICS_STALE_S: Final = 10  # a worker silent for longer is no longer shown
METRICS_FORGET_S: Final = 3600
AUDIT_FORGET_S = 20.0  # longer than a few audits take
LOG_TEXT_CHARACTERS_MAX: Final = 2000  # of one value: a log line is not a place to store things
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

HIDDEN: Final = "[hidden]"
_SECRET_NAME: Final = re.compile(r"token|secret|signature|authorization|password|cookie", re.I)
_SECRET_TEXT: Final = (
    re.compile(r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"),  # a JWT
    re.compile(r"(?i)(?<=bearer )\S+"),
    re.compile(r"(?i)(?<=v1=)[0-9a-f]{64}"),  # a callback's signature
    re.compile(r"(?<=://)[^/\s@]+(?=@)"),  # user and password in an address
)

log: Final = structlog.stdlib.get_logger()


def configure_logging(level: str, format: str, worker_index: int | None = None) -> None:
    """Set the process's one way of logging, for structlog and for libraries alike.

    `format` is "json" or "console". Lines go to standard error, each carrying the worker's index.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _stamp,
        _worker(worker_index),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        scrub,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_to_json)
        if format == "json"
        else structlog.dev.ConsoleRenderer()
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("aiohttp.access", "alembic.runtime"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def scrub(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what must never be in a log, by the name of the field and by the look of the text."""
    for key, value in event.items():
        if _SECRET_NAME.search(key):
            event[key] = HIDDEN
        else:
            event[key] = _scrubbed(value, depth=3)
    return event


def _scrubbed(value: object, depth: int) -> object:
    if isinstance(value, str):
        for pattern in _SECRET_TEXT:
            value = pattern.sub(HIDDEN, value)
        return value[:LOG_TEXT_CHARACTERS_MAX]
    if depth and isinstance(value, Mapping):
        return {
            key: HIDDEN if _SECRET_NAME.search(str(key)) else _scrubbed(inner, depth - 1)
            for key, inner in value.items()
        }
    if depth and isinstance(value, list | tuple):
        return [_scrubbed(inner, depth - 1) for inner in value]
    return value


def _stamp(
    _logger: object, _name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    event["ts"] = time.time_ns() // 1_000_000
    return event


def _worker(index: int | None) -> structlog.typing.Processor:
    def add(_logger: object, _name: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        if index is not None:
            event["worker"] = index
        return event

    return add


def _to_json(value: object, **_options: object) -> str:
    return orjson.dumps(value, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()


@dataclass(frozen=True, slots=True)
class _Alone(Collector):
    """One metric, where a whole registry is asked for."""

    metric: Metric

    def collect(self) -> Iterable[Metric]:
        return (self.metric,)


class Metrics:
    """The numbers of one worker, and the merged text of all of them."""

    def __init__(self, worker: str) -> None:
        self.worker = worker
        self.registry = CollectorRegistry()
        self._meters: dict[tuple[str, str], tuple[Counter, Histogram]] = {}  # found by labels once

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"liveroom_{name}", what, ["worker", *labels], registry=self.registry)

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"liveroom_{name}", what, ["worker", *labels], registry=self.registry)

        def histogram(name: str, what: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(
                f"liveroom_{name}",
                what,
                ["worker", *labels],
                buckets=buckets,
                registry=self.registry,
            )

        short_s = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
        self._sockets = gauge("sockets", "Open WebSockets.")
        self._rooms = gauge("rooms", "Rooms with viewers on this worker.")
        self._connections = counter("connections", "WebSockets accepted.")
        self._closes = counter("closes", "WebSockets closed, by close code.", "code")
        self._commands = counter("commands", "Commands, by outcome.", "op", "outcome")
        self._command_seconds = histogram("command_seconds", "From read to answer.", short_s, "op")
        self._requests = counter("requests", "HTTP requests.", "route", "status")
        self._events = counter("events", "Events of rooms, by lane.", "lane")
        self._room_reads = counter("room_reads", "Rooms or their history read from the store.")
        self._frames = counter("frames", "Frames written to viewers.")
        self._delivered = counter("delivered", "Events delivered to viewers, by lane.", "lane")
        self._reviews = counter("reviews", "Comments put to the reviewer, by outcome.", "outcome")
        self._folded = counter("folded", "Comments told as a count on an earlier one.")
        self._dropped = counter("dropped", "Chat events not shown to a viewer.", "kind")
        self._tick_seconds = histogram("tick_seconds", "Work of one tick.", short_s)
        self._lag_seconds = gauge("loop_lag_seconds", "How late the event loop runs.")
        self._made_ticks = counter("made_ticks", "Ticks made for readers over plain HTTP.")
        self._tick_requests = counter("tick_requests", "Requests for such ticks.")
        self._pause_seconds = gauge("gc_pause_seconds", "Longest garbage collection of a second.")
        self._duty_failures = counter("duty_failures", "Run-once duties that failed.", "duty")
        self._orders = counter("orders", "Order transitions.", "status")
        self._audit = gauge("audit_balanced", "Whether stock is accounted for (1) or not.", "sale")
        self._unbalanced = gauge("audit_unbalanced", "Open sales whose stock does not balance.")
        self._failed_refunds = gauge("refunds_failed", "Failed refunds nobody has seen to yet.")
        self._audited: set[str] = set()
        self._audited_s = 0.0

    def sockets(self, open_now: int, rooms: int) -> None:
        """Set the present numbers."""
        if self._audited and time.monotonic() - self._audited_s > AUDIT_FORGET_S:
            self.audited({})  # another worker has the lease now, and knows better
        self._sockets.labels(self.worker).set(open_now)
        self._rooms.labels(self.worker).set(rooms)

    def connected(self) -> None:
        self._connections.labels(self.worker).inc()

    def read_room(self) -> None:
        self._room_reads.labels(self.worker).inc()

    def closed(self, code: int) -> None:
        self._closes.labels(self.worker, str(code)).inc()

    def commanded(self, op: str, outcome: str, seconds: float) -> None:
        """`op` must be a registered name (or "unknown"): labels come from us, not from clients."""
        meters = self._meters.get((op, outcome))
        if meters is None:
            counted = self._commands.labels(self.worker, op, outcome)
            timed = self._command_seconds.labels(self.worker, op)
            meters = self._meters[op, outcome] = (counted, timed)
        meters[0].inc()
        meters[1].observe(seconds)

    def requested(self, route: str, status: int) -> None:
        """`route` is the pattern, not the path."""
        self._requests.labels(self.worker, route, str(status)).inc()

    def told(self, tick: Tick, *, viewers: int) -> None:
        """Count one flush of a room with so many viewers."""
        lanes = (("critical", len(tick.critical)), ("chat", len(tick.chosen)))
        for lane, events in lanes:
            if events:
                self._events.labels(self.worker, lane).inc(events)
                self._delivered.labels(self.worker, lane).inc(events * viewers)
        for kind, count in tick.drops.items():
            self._dropped.labels(self.worker, kind).inc(count * viewers)
        self._folded.labels(self.worker).inc(len(tick.folded) * viewers)
        self._frames.labels(self.worker).inc(viewers)

    def reviewed(self, outcome: str) -> None:
        self._reviews.labels(self.worker, outcome).inc()

    def ticked(self, seconds: float) -> None:
        self._tick_seconds.labels(self.worker).observe(seconds)

    def made_tick(self) -> None:
        self._made_ticks.labels(self.worker).inc()

    def asked_for_tick(self) -> None:
        self._tick_requests.labels(self.worker).inc()

    def lagged(self, seconds: float) -> None:
        self._lag_seconds.labels(self.worker).set(seconds)

    def paused(self, seconds: float) -> None:
        self._pause_seconds.labels(self.worker).set(seconds)

    def duty_failed(self, duty: str) -> None:
        self._duty_failures.labels(self.worker, duty).inc()

    def ordered(self, status: str) -> None:
        self._orders.labels(self.worker, status).inc()

    def audited(self, problems: Mapping[str, int], failed_refunds: int = 0) -> None:
        """Problems by sale, of the sales that are open now; the lease holder's worker knows."""
        self._failed_refunds.labels(self.worker).set(failed_refunds)
        for sale in self._audited - problems.keys():
            self._audit.remove(self.worker, sale)
        for sale, count in problems.items():
            self._audit.labels(self.worker, sale).set(int(count == 0))
        self._unbalanced.labels(self.worker).set(sum(count > 0 for count in problems.values()))
        self._audited, self._audited_s = set(problems), time.monotonic()

    def exposition(self) -> bytes:
        """This worker's numbers as Prometheus text."""
        return generate_latest(self.registry)

    async def _exposition_in_parts(self) -> bytes:
        """The same, one metric in each turn of the loop: all at once takes several milliseconds."""
        parts = []
        for family in self.registry.collect():
            parts.append(generate_latest(_Alone(family)))
            await asyncio.sleep(0)
        return b"".join(parts)

    async def publish(self, redis: Redis, now_ms: int) -> None:
        """Leave this worker's text where the others find it. To be called every second."""
        record: bytes = msgpack.packb((now_ms, await self._exposition_in_parts()))
        async with redis.pipeline(transaction=False) as pipe:
            pipe.hset(METRICS_KEY, self.worker, record)
            pipe.expire(METRICS_KEY, METRICS_FORGET_S)
            await pipe.execute()

    async def merged(self, redis: Redis, now_ms: int) -> bytes:
        """The text of every worker heard of lately, this one's always fresh."""
        texts = {self.worker.encode(): self.exposition()}
        records = cast(dict[bytes, bytes], await redis.hgetall(METRICS_KEY))
        for worker, record in records.items():
            said_ms, text = msgpack.unpackb(record)
            if now_ms - said_ms > METRICS_FORGET_S * 1000:
                await redis.hdel(METRICS_KEY, worker)
            elif now_ms - said_ms <= METRICS_STALE_S * 1000:
                texts.setdefault(worker, text)
        return merge_expositions(texts[worker] for worker in sorted(texts))


def merge_expositions(texts: Iterable[bytes]) -> bytes:
    """Join expositions so that each metric's HELP and TYPE stand once, before all its samples."""
    heads: dict[bytes, list[bytes]] = {}
    samples: dict[bytes, list[bytes]] = {}
    for text in texts:
        family = b""
        for line in text.splitlines():
            if line.startswith(b"# "):
                family = line.split(b" ", 3)[2]
                head = heads.setdefault(family, [])
                if len(head) < 2 and line not in head:
                    head.append(line)
            elif line:
                samples.setdefault(family, []).append(line)
    lines = [line for family in heads for line in (*heads[family], *samples.get(family, []))]
    return b"\n".join(lines) + b"\n"

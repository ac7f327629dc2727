"""Viewers over plain HTTP, as cheap as they can be: one kept-alive connection each.

Each asks for a tick, and for the next as soon as it has it. What all of them are given must be the
same bytes, so each tick is looked into once; every viewer's critical events must be without a gap.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from loadtest.report import Histogram

CONNECT_AT_ONCE = 200
HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"


@dataclass(frozen=True, slots=True)
class Told:
    """One tick, looked into once."""

    body: bytes
    made_ms: int
    seqs: list[int]
    seq: int


@dataclass
class Watchers:
    """All viewers of one run, and what they saw."""

    host: str
    port: int
    room: str
    seen: dict[int, Told] = field(default_factory=dict)
    ages: Histogram = field(default_factory=Histogram)
    measuring: bool = False
    delivered: int = 0
    bytes_read: int = 0
    broken: list[str] = field(default_factory=list)
    viewers: list[Watcher] = field(default_factory=list)

    async def join(self, count: int, begin: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        """Seat so many, some at once, each from a start object of that moment on."""
        loop = asyncio.get_running_loop()

        async def one(start: dict[str, Any]) -> None:
            _, viewer = await loop.create_connection(
                lambda: Watcher(self, start["next"], start["seq"]), self.host, self.port
            )
            self.viewers.append(viewer)

        while (left := count - len(self.viewers)) > 0:
            start = await begin()
            await asyncio.gather(*(one(start) for _ in range(min(left, CONNECT_AT_ONCE))))

    def take(self, viewer: Watcher, body: bytes) -> None:
        """A tick has come for one of them."""
        told = self.seen.get(viewer.n)
        if told is None:
            told = self.seen[viewer.n] = _look(body)
        elif told.body != body:
            self.broken.append(f"tick {viewer.n} has other bytes for another viewer")
        if told.seqs and told.seqs != list(range(viewer.seq + 1, told.seq + 1)):
            self.broken.append(f"after {viewer.seq} tick {viewer.n} tells {told.seqs}")
        elif not told.seqs and told.seq != viewer.seq:
            self.broken.append(f"after {viewer.seq} tick {viewer.n} is at {told.seq}")
        viewer.seq = told.seq
        if self.measuring:
            self.delivered += 1
            self.bytes_read += len(body)
            self.ages.record(int(time.time() * 1_000_000) - told.made_ms * 1_000)

    def lowest_seq(self) -> int:
        """As far as everybody has been told."""
        return min(viewer.seq for viewer in self.viewers)

    def leave(self) -> None:
        for viewer in self.viewers:
            viewer.leave()


def _look(body: bytes) -> Told:
    tick = orjson.loads(body)
    seqs = [event["seq"] for event in tick.get("ev", ()) if "seq" in event]
    return Told(body, tick["ts"], seqs, tick["seq"])


class Watcher(asyncio.Protocol):
    """One viewer."""

    __slots__ = ("_buffer", "_crowd", "_leaving", "_transport", "n", "seq")

    def __init__(self, crowd: Watchers, n: int, seq: int) -> None:
        self.n, self.seq = n, seq
        self._crowd = crowd
        self._buffer = b""
        self._leaving = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(HEAD_END)
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        length_at = head.find(LENGTH)
        length = int(head[length_at + len(LENGTH) :].split(b"\r\n", 1)[0]) if length_at >= 0 else 0
        end = head_end + len(HEAD_END) + length
        if len(self._buffer) < end:
            return
        body, self._buffer = self._buffer[head_end + len(HEAD_END) : end], self._buffer[end:]
        self._answered(int(head.split(b" ", 2)[1]), body)

    def _answered(self, status: int, body: bytes) -> None:
        if status == 200:
            self._crowd.take(self, body)
            self.n += 1
        elif status != 204:
            self._crowd.broken.append(f"tick {self.n} was answered {status}")
            self._leaving = True
        if not self._leaving:
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._leaving:
            self._crowd.broken.append(f"a viewer lost its line at tick {self.n}: {exc}")

    def leave(self) -> None:
        self._leaving = True
        if self._transport is not None:
            self._transport.abort()

    def _ask(self) -> None:
        assert self._transport is not None
        path = f"/v1/rooms/{self._crowd.room}/ticks/{self.n}"
        self._transport.write(f"GET {path} HTTP/1.1\r\nHost: {self._crowd.host}\r\n\r\n".encode())

"""Clients that cost next to nothing: bytes made beforehand, one request in flight a connection.

What a server answers is only counted by a mark in it; whoever measures checks the rest afterwards.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Callable, Iterator
from typing import cast

from loadtest import frames
from loadtest.client import SUBPROTOCOL
from loadtest.report import Histogram

Questions = Iterator[bytes]


class Tally:
    """What all connections of one round saw."""

    def __init__(self) -> None:
        self.good = 0
        self.bad: list[bytes] = []
        self.latency = Histogram()


class Asker(asyncio.Protocol):
    """Asks the next question as soon as the last one is answered, until there are no more."""

    def __init__(self, good: bytes) -> None:
        self._good = good
        self._questions: Questions = iter(())
        self._tally = Tally()
        self._asked_ns = 0
        self._held = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError("the server ended the connection"))
            self.done.exception()  # read here: nobody waits where no question was asked

    def start(self, questions: Questions, tally: Tally) -> asyncio.Future[None]:
        self._questions, self._tally = questions, tally
        self.done = asyncio.get_running_loop().create_future()
        self._ask()
        return self.done

    def _ask(self) -> None:
        question = next(self._questions, None)
        if question is None:
            if not self.done.done():
                self.done.set_result(None)
            return
        self._asked_ns = time.perf_counter_ns()
        self.transport.write(question)

    def answered(self, answer: bytes) -> None:
        tally = self._tally
        tally.latency.record((time.perf_counter_ns() - self._asked_ns) // 1000)
        if self._good in answer:
            tally.good += 1
        elif len(tally.bad) < 10:
            tally.bad.append(answer[:300])
        self._ask()


class SocketAsker(Asker):
    """Over WebSocket. Text frames that do not begin as an answer does are the room's: ignored."""

    def __init__(self, good: bytes, begins: bytes) -> None:
        super().__init__(good)
        self._begins = begins
        self._reader = frames.FrameReader()
        self._upgrading = True
        self.ready: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        if self._upgrading:
            self._held += data
            reply = frames.read_handshake(self._held)
            if reply is None:
                return
            if reply.status != 101:
                self.ready.set_exception(ConnectionError(f"status {reply.status}"))
                return
            self._upgrading = False
            data = reply.rest
            self.ready.set_result(b"")
        for frame in self._reader.feed(data):
            if frame.opcode == frames.TEXT and frame.payload.startswith(self._begins):
                self.answered(frame.payload)


class PostAsker(Asker):
    """Over HTTP with keep-alive; every answer has a Content-Length."""

    def data_received(self, data: bytes) -> None:
        self._held += data
        head_end = self._held.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._held[:head_end].lower()
        at = head.index(b"content-length:") + 15
        line_end = head.find(b"\r\n", at)
        length = int(head[at : line_end if line_end >= 0 else None])
        end = head_end + 4 + length
        if len(self._held) < end:
            return
        answer, self._held = self._held[:end], self._held[end:]
        self.answered(answer)


def text_frame(payload: bytes) -> bytes:
    return frames.masked_frame(frames.TEXT, payload, os.urandom(4))


def post_request(path: str, body: bytes, *, token: str = "") -> bytes:
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"{bearer}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def open_socket(port: int, path: str, *, good: bytes, begins: bytes) -> SocketAsker:
    """An upgraded socket of liveroom's JSON protocol."""
    loop = asyncio.get_running_loop()
    make: Callable[[], SocketAsker] = lambda: SocketAsker(good, begins)  # noqa: E731
    _, asker = await loop.create_connection(make, "127.0.0.1", port)
    key = base64.b64encode(os.urandom(16)).decode()
    upgrade = frames.handshake_request("bench", path, key, subprotocol=SUBPROTOCOL)
    asker.transport.write(upgrade)
    await asker.ready
    return asker


async def open_post(port: int, *, good: bytes) -> PostAsker:
    loop = asyncio.get_running_loop()
    _, asker = await loop.create_connection(lambda: PostAsker(good), "127.0.0.1", port)
    return asker

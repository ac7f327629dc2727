"""A viewer's app for tests: speaks the protocol, folds what it is told, keeps all of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import aiohttp
import msgpack
import orjson

PATIENCE_S = 10.0


class Visitor:
    """One socket. `state` is folded from hello and deltas as the protocol says."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, codec: str) -> None:
        self.socket = socket
        self.codec = codec
        self.welcome: dict[str, Any] = {}
        self.state: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []
        self.drops: Counter[str] = Counter()
        self.folds: Counter[str] = Counter()
        self.replies: dict[Any, dict[str, Any]] = {}
        self.seq = 0
        self.close_code: int | None = None
        self._next_id = 1
        self._news = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._may_read = asyncio.Event()
        self._may_read.set()

    def start(self) -> None:
        self._reader = asyncio.create_task(self._read())

    # -- reading --------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            await self._may_read.wait()
            message = await self.socket.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                assert self.codec == "json", "a text frame on a msgpack socket"
                self._take(orjson.loads(message.data))
            elif message.type is aiohttp.WSMsgType.BINARY:
                assert self.codec == "msgpack", "a binary frame on a JSON socket"
                self._take(msgpack.unpackb(message.data))
            else:
                self.close_code = self.socket.close_code
                self._news.set()
                return

    def _take(self, frame: dict[str, Any]) -> None:
        for reply in frame.get("re", ()):
            self.replies[reply["id"]] = reply
        for event in frame.get("ev", ()):
            if "seq" in event:
                assert event["seq"] == self.seq + 1, "a gap or a repeat in the critical lane"
                self.seq = event["seq"]
            self.events.append(event)
        fold(self.state, frame.get("st", {}))
        self.seq = frame.get("seq", self.seq)
        self.drops.update(frame.get("drop", {}))
        self.folds.update(frame.get("fold", {}))
        self._news.set()

    def pause(self) -> None:
        """Stop reading after the next frame: the socket's buffers fill up."""
        self._may_read.clear()

    def go_on(self) -> None:
        self._may_read.set()

    async def until(
        self, holds: Callable[[], object], what: str = "", patience_s: float = PATIENCE_S
    ) -> None:
        """Return once the condition holds; fail when it does not in time or the socket closes."""
        async with asyncio.timeout(patience_s):
            while not holds():
                assert self.close_code is None, f"closed with {self.close_code} before {what}"
                self._news.clear()
                await self._news.wait()

    async def closed(self, patience_s: float = PATIENCE_S) -> int | None:
        """The close code, once the socket is closed."""
        async with asyncio.timeout(patience_s):
            while self.close_code is None:
                self._news.clear()
                await self._news.wait()
        return self.close_code

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The `d` of every event of a kind so far."""
        return [event["d"] for event in self.events if event["t"] == kind]

    @property
    def criticals(self) -> list[dict[str, Any]]:
        """Replayed and live critical events, in order."""
        return [*self.welcome.get("events", ()), *(e for e in self.events if "seq" in e)]

    @property
    def texts(self) -> list[str]:
        return [comment["text"] for comment in self.of("comment")]

    async def event(self, kind: str, n: int = 1) -> dict[str, Any]:
        """The `d` of the n-th event of a kind, once it is here."""
        await self.until(lambda: len(self.of(kind)) >= n, f"{kind} {n}")
        return self.of(kind)[n - 1]

    # -- asking ---------------------------------------------------------------------------------

    async def send(self, message: Any) -> None:
        """Send any object as one frame of this socket's codec."""
        if self.codec == "json":
            await self.socket.send_str(orjson.dumps(message).decode())
        else:
            await self.socket.send_bytes(msgpack.packb(message))

    async def say(self, op: str, **params: Any) -> int:
        """Send a command without waiting; returns its id."""
        self._next_id += 1
        await self.send({"id": self._next_id, "op": op, **params})
        return self._next_id

    async def reply(self, command_id: Any) -> dict[str, Any]:
        await self.until(lambda: command_id in self.replies, f"the reply to {command_id}")
        return self.replies[command_id]

    async def ask(self, op: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its whole reply."""
        return await self.reply(await self.say(op, **params))

    async def do(self, op: str, **params: Any) -> dict[str, Any]:
        """The `ok` of a command that must succeed."""
        reply = await self.ask(op, **params)
        assert "ok" in reply, reply
        answer: dict[str, Any] = reply["ok"]
        return answer

    async def refused(self, op: str, **params: Any) -> str:
        """The code of a command that must be refused."""
        reply = await self.ask(op, **params)
        assert "err" in reply, reply
        return str(reply["err"]["code"])

    async def hello(
        self, token: str | None = None, resume: dict[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        """Say hello and take the snapshot; fails when it is refused."""
        self.welcome = await self.do("hello", token=token, resume=resume, **more)
        self.state = {**self.welcome["state"], **self.state}
        self.seq = max(self.seq, self.welcome["seq"])
        return self.welcome

    @property
    def position(self) -> dict[str, Any]:
        """What to resume from."""
        return {"epoch": self.welcome["epoch"], "seq": self.seq}

    async def leave(self) -> None:
        """Close politely and stop reading."""
        self._may_read.set()
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(2):
                await self.socket.close()

    def cut(self) -> None:
        """End without a close frame, as a lost network does."""
        transport = self.socket._response.connection
        assert transport is not None
        assert transport.transport is not None
        transport.transport.abort()


async def connect(
    session: aiohttp.ClientSession, url: str, codec: str, headers: dict[str, str]
) -> Visitor:
    """Upgrade to a WebSocket and start reading. Raises WSServerHandshakeError."""
    socket = await session.ws_connect(
        url, protocols=[f"liveroom.v1.{codec}"], headers=headers, max_msg_size=0, autoclose=True
    )
    assert socket.protocol == f"liveroom.v1.{codec}"
    visitor = Visitor(socket, codec)
    visitor.start()
    return visitor


def fold(state: dict[str, Any], changes: dict[str, Any]) -> None:
    """Apply `st`: whole keys replaced, `stock` merged per SKU taking the higher version."""
    for key, value in changes.items():
        if key == "stock":
            stock = dict(state.get("stock", {}))
            for sku, level in value.items():
                if sku not in stock or level["v"] >= stock[sku]["v"]:
                    stock[sku] = level
            state["stock"] = stock
        else:
            state[key] = value

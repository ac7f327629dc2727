"""One simulated viewer: an asyncio WebSocket that speaks protocol version 1.

A socket costs a few kilobytes and no task, so a process can hold ten thousand. It keeps the
viewer's position and history; what it then does in the room belongs to swarm.py or audience.py.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import orjson

from loadtest import frames
from loadtest.history import History, Joined, Left, Position, Told
from loadtest.messages import Message, MessageCache, saw

CONNECT_TIMEOUT_S = 15.0  # handshake and hello; above the server's own 5 s for a hello
REPLY_TIMEOUT_S = 10.0  # a reply later than this is a failure of its own
SUBPROTOCOL = "liveroom.v1.json"
ABNORMAL = 1006


class Refused(Exception):
    """The server answered a command with an error."""

    def __init__(self, code: str, message: str = "", retry_ms: int = 0) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.retry_ms = retry_ms


class Lost(Exception):
    """The connection ended before the answer came: its outcome is unknown."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"connection lost ({code} {reason})")
        self.code = code


class Address(NamedTuple):
    """Where a room is served."""

    host: str
    port: int
    room: str
    tls: bool = False

    @classmethod
    def of(cls, url: str, room: str) -> Address:
        parts = urlsplit(url)
        tls = parts.scheme in ("https", "wss")
        return cls(parts.hostname or "127.0.0.1", parts.port or (443 if tls else 80), room, tls)


class Wire(asyncio.Protocol):
    """Frames on one socket. Answers pings; hands whole text payloads to its viewer."""

    __slots__ = ("_head", "_key", "_reader", "close_code", "opened", "transport", "viewer")

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.transport: asyncio.Transport | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.close_code = ABNORMAL
        self._key = base64.b64encode(os.urandom(16)).decode("ascii")
        self._reader = frames.FrameReader()
        self._head: bytes | None = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        address = self.viewer.address
        host, path = f"{address.host}:{address.port}", f"/v1/rooms/{address.room}/ws"
        self.transport.write(
            frames.handshake_request(host, path, self._key, subprotocol=SUBPROTOCOL)
        )

    def data_received(self, data: bytes) -> None:
        try:
            if self._head is not None:
                data = self._read_head(self._head + data)
            for opcode, payload in self._reader.feed(data):
                if opcode == frames.TEXT:
                    self.viewer.receive(payload)
                else:
                    self._control(opcode, payload)
        except (frames.FrameError, ValueError) as error:
            self._fail(error)

    def _read_head(self, data: bytes) -> bytes:
        reply = frames.read_handshake(data)
        if reply is None:
            self._head = data
            return b""
        self._head = None
        accepted = reply.headers.get("sec-websocket-accept") == frames.accept_token(self._key)
        if reply.status != 101 or not accepted:
            raise frames.FrameError(f"upgrade refused with status {reply.status}")
        if not self.opened.done():
            self.opened.set_result(None)
        return reply.rest

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == frames.PING:
            self.write(frames.PONG, payload)
        elif opcode == frames.CLOSE:
            self.close_code, _ = frames.read_close(payload)
            self.write(frames.CLOSE, payload[:2])
            if self.transport is not None:
                self.transport.close()

    def _fail(self, error: Exception) -> None:
        if not self.opened.done():
            self.opened.set_exception(error)
        else:
            self.viewer.broken.append(str(error))
        if self.transport is not None:
            self.transport.abort()

    def write(self, opcode: int, payload: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(frames.masked_frame(opcode, payload, os.urandom(4)))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(Lost(self.close_code, str(exc or "")))
            self.opened.exception()  # read here: nobody may be waiting for it any more
        self.viewer.wire_lost(self)


def _nothing(viewer: Viewer, message: Message) -> None:
    return None


def _not_minded(viewer: Viewer, code: int) -> None:
    return None


class Viewer:
    """A viewer of one room over any number of connections.

    `on_message` is called with every frame, replies included; `on_lost` once for each connection
    that ended after its hello was answered.
    """

    __slots__ = (
        "_asked_from", "_pending", "_ping_timer", "_wire", "address", "broken", "entry", "epoch",
        "history", "last_id", "messages", "name", "on_lost", "on_message", "seq", "token", "user",
        "welcome",
    )  # fmt: skip

    def __init__(
        self,
        address: Address,
        *,
        name: str,
        token: str | None = None,
        entry: Mapping[str, str] | None = None,
        messages: MessageCache | None = None,
        on_message: Callable[[Viewer, Message], None] = _nothing,
        on_lost: Callable[[Viewer, int], None] = _not_minded,
    ) -> None:
        self.address = address
        self.entry = entry or {}  # where this viewer says it came from: src, channel, …
        self.name = name
        self.token = token
        self.messages = messages or MessageCache()
        self.on_message = on_message
        self.on_lost = on_lost
        self.history = History(name)
        self.epoch = ""
        self.seq = 0
        self.last_id = 0
        self.user: dict[str, Any] = {}
        self.broken: list[str] = []  # violations of the framing, at most one per connection
        self.welcome = False  # whether this connection's hello was answered
        self._asked_from: Position | None = None
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._wire: Wire | None = None
        self._ping_timer: asyncio.TimerHandle | None = None

    @property
    def connected(self) -> bool:
        return self._wire is not None and self.welcome

    @property
    def waits(self) -> bool:
        """Whether an answer is still due, a keep-alive ping's too."""
        return bool(self._pending)

    @property
    def position(self) -> Position | None:
        return Position(self.epoch, self.seq) if self.epoch else None

    async def connect(self, *, resume: bool = True) -> dict[str, Any]:
        """Join, or rejoin where we were. Returns the answer to hello.

        Raises Lost, Refused, OSError, TimeoutError or FrameError; the viewer is then not connected.
        """
        loop = asyncio.get_running_loop()
        wire = Wire(self)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                host, port, _, tls = self.address
                await loop.create_connection(lambda: wire, host, port, ssl=tls or None)
                await wire.opened
                self._wire = wire
                return await self._say_hello(self.position if resume else None)
        except BaseException:
            # The answer may come in the very moment we give up: whoever called tries again, so
            # nobody else must be told of a loss and come back a second time.
            self.welcome = False
            if wire.transport is not None:
                wire.transport.abort()
            raise

    async def _say_hello(self, resumed: Position | None) -> dict[str, Any]:
        params: dict[str, Any] = {"token": self.token, "entry": self.entry}
        self._asked_from = resumed
        if resumed is not None:
            params["resume"] = {"epoch": resumed.epoch, "seq": resumed.seq}
        hello = await self.send("hello", **params)
        self._ping_every(float(hello.get("ping_s", 25)))
        return hello

    def _joined(self, hello: dict[str, Any]) -> None:
        at = Position(hello["epoch"], hello["seq"])
        replayed = tuple(saw(event) for event in hello.get("events", ()))
        recovered = bool(hello.get("recovered"))
        self.history.records.append(Joined(at, self._asked_from, recovered, replayed))
        self.epoch, self.seq = at
        self.user = hello.get("user", {})
        self.welcome = True

    def send(self, op: str, **params: object) -> asyncio.Future[dict[str, Any]]:
        """Ask for `op`; the future ends with the `ok`, or raises Refused or Lost."""
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        if self._wire is None:
            future.set_exception(Lost(ABNORMAL, "not connected"))
            return future
        self.last_id += 1
        self._pending[self.last_id] = future
        self.history.asked.add(self.last_id)
        self._wire.write(frames.TEXT, orjson.dumps({"id": self.last_id, "op": op, **params}))
        return future

    async def command(self, op: str, **params: object) -> dict[str, Any]:
        """`send` and wait. Raises Refused, Lost or TimeoutError."""
        # Not `wait_for`: in Python 3.11 it swallows a cancel in the turn in which the answer comes.
        async with asyncio.timeout(REPLY_TIMEOUT_S):
            return await self.send(op, **params)

    def receive(self, payload: bytes) -> None:
        message = self.messages.read(payload)
        for reply in message.replies:
            self._reply(reply)
        if message.criticals:
            self.history.records.extend(message.criticals)
            self.seq = max(self.seq, message.criticals[-1].seq)
        if message.last_seq is not None:
            self.history.records.append(Told(message.last_seq))
        self.on_message(self, message)

    def _reply(self, reply: dict[str, Any]) -> None:
        self.history.replied.append(reply["id"])
        future = self._pending.pop(reply["id"], None)
        answer = reply.get("ok")
        if isinstance(answer, dict) and "recovered" in answer and "state" in answer:
            self._joined(answer)
        if future is None or future.done():
            return
        if answer is not None:
            future.set_result(answer)
        else:
            error = reply.get("err") or {}
            code, text = error.get("code", "missing"), error.get("message", "")
            future.set_exception(Refused(code, text, int(error.get("retry_ms") or 0)))
            future.exception()  # read here: not every sender waits for its answer

    def _ping_every(self, seconds: float) -> None:
        if self._wire is None:
            return
        self.send("ping")
        loop = asyncio.get_running_loop()
        self._ping_timer = loop.call_later(seconds, self._ping_every, seconds)

    def wire_lost(self, wire: Wire) -> None:
        if self._wire is not wire:
            return
        self._wire = None
        if self._ping_timer is not None:
            self._ping_timer.cancel()
        self.history.records.append(Left(wire.close_code))
        self.history.given_up.update(self._pending)
        pending, self._pending = self._pending, {}
        for future in pending.values():
            if not future.done():
                future.set_exception(Lost(wire.close_code))
                future.exception()  # read here: a sender may have stopped waiting
        if self.welcome:
            self.welcome = False
            self.on_lost(self, wire.close_code)

    def cut(self) -> None:
        """End without a close frame, as a lost network does."""
        if self._wire is not None and self._wire.transport is not None:
            self._wire.transport.abort()

    def leave(self) -> None:
        """Close politely."""
        if self._wire is not None:
            self._wire.write(frames.CLOSE, frames.close_payload(1000))

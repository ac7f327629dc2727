"""A Locust user on a liveroom socket. Imports locust: only locust's own process may import this.

Every command is a Locust request named by its op; every comment heard is one of type EV, measured
from the event's server time. Refusals that are part of the game count as answers, not as failures.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import socket
import time
from typing import Any

import gevent
import orjson
import websocket
from gevent.event import AsyncResult
from locust import FastHttpUser

from loadtest.client import Lost, Refused
from loadtest.history import History, Joined, Left, Position, Told
from loadtest.messages import Message, MessageCache, saw

CONNECT_TIMEOUT_S = 10
REPLY_TIMEOUT_S = 10
PING_S = 20
FAIR_REFUSALS = frozenset({
    "sold_out", "limit_reached", "not_started", "ended", "slow_mode", "rate_limited",
    "not_qualified", "closed",
})  # fmt: skip
COMMENTS_KEPT = 1000  # ids a user remembers, to notice one that is shown twice
MESSAGES = MessageCache()
SEATED: set[WebSocketUser] = set()  # everyone of this process who is in a room now
_numbers = itertools.count(1)


class WebSocketUser(FastHttpUser):
    """Joins at start, leaves at stop. Subclasses set `room` and use `command`."""

    abstract = True
    host: str  # from --host
    room = "locust"
    token: str | None = None

    def on_start(self) -> None:
        self.history = History(f"{type(self).__name__}-{next(_numbers)}")
        self.shown = self.doubled = 0
        self.refusal = ""  # the code of the last command that was refused, or empty
        self._recent: dict[str, None] = {}
        SEATED.add(self)
        self.socket: websocket.WebSocket | None = None
        self.position: Position | None = None
        self._pending: dict[int, AsyncResult] = {}
        self._last_id = 0
        self._closing = self._was_cut = False
        self._reader = gevent.spawn(self._stay)
        self._wait_until_in()

    def on_stop(self) -> None:
        """Leave; what was asked and not answered is given up, as the user was stopped."""
        self._closing = True
        SEATED.discard(self)
        self._reader.kill()
        if self.socket is not None:
            with contextlib.suppress(OSError, websocket.WebSocketException):
                self.socket.close(timeout=0)
        self._lost()

    def cut(self) -> None:
        """Lose the connection as a network does; the user comes back to where it was."""
        if self.socket is not None and self.socket.sock is not None:
            self._was_cut = True
            with contextlib.suppress(OSError):
                self.socket.sock.shutdown(socket.SHUT_RDWR)

    def _wait_until_in(self) -> None:
        with gevent.Timeout(CONNECT_TIMEOUT_S, False):
            while self.position is None:
                gevent.sleep(0.05)

    def _wait_until_back(self) -> None:
        with gevent.Timeout(CONNECT_TIMEOUT_S, False):
            while self.socket is None and not self._closing:
                gevent.sleep(0.05)

    def _stay(self) -> None:
        """Connect, read until the connection is lost, again from where we were."""
        while not self._closing:
            try:
                self._connect()
                while True:
                    self._receive(self._recv())
            except (OSError, websocket.WebSocketException, Lost):
                self._lost()
                gevent.sleep(0.5)

    def _connect(self) -> None:
        url = self.host.replace("http", "ws", 1).rstrip("/") + f"/v1/rooms/{self.room}/ws"
        self.socket = websocket.create_connection(
            url, timeout=PING_S, subprotocols=["liveroom.v1.json"], suppress_origin=True
        )
        params: dict[str, Any] = {"token": self.token}
        self._resumed = self.position
        if self.position is not None:
            params["resume"] = self.position._asdict()
        self._send("hello", params)

    def _recv(self) -> bytes:
        assert self.socket is not None
        while True:
            try:
                text = self.socket.recv()
            except websocket.WebSocketTimeoutException:
                self._send("ping", {})
                continue
            if not text:
                raise Lost(1006)
            return text.encode() if isinstance(text, str) else text

    def _send(self, op: str, params: dict[str, Any]) -> tuple[int, AsyncResult]:
        if self.socket is None:
            raise Lost(1006)
        self._last_id += 1
        answer = self._pending[self._last_id] = AsyncResult()
        self.history.asked.add(self._last_id)
        self.socket.send(orjson.dumps({"id": self._last_id, "op": op, **params}).decode())
        return self._last_id, answer

    def command(self, op: str, **params: object) -> dict[str, Any] | None:
        """The `ok`, or None when it was refused or lost (which locust is told).

        A loss that we made ourselves is an answer under a name of its own, no failure.
        """
        self._wait_until_back()
        began = time.perf_counter()
        error: BaseException | None = None
        answer: dict[str, Any] = {}
        name = op
        self.refusal = ""
        try:
            _, pending = self._send(op, params)
            answer = pending.get(timeout=REPLY_TIMEOUT_S)
        except Refused as refusal:
            self.refusal = refusal.code
            if refusal.code in FAIR_REFUSALS:
                name = f"{op} ({refusal.code})"
            else:
                error = refusal
        except (Lost, OSError, websocket.WebSocketException, gevent.Timeout) as lost:
            if self._was_cut:
                name = f"{op} (cut)"
            else:
                error = lost
        self._report("WS", name, began, error)
        return answer if error is None and name == op else None

    def _report(self, kind: str, name: str, began: float, error: BaseException | None) -> None:
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=(time.perf_counter() - began) * 1000,
            response_length=0,
            exception=error,
            context={},
        )

    def _receive(self, payload: bytes) -> None:
        message = MESSAGES.read(payload)
        for reply in message.replies:
            self._reply(reply)
        if message.criticals:
            self.history.records.extend(message.criticals)
            last = message.criticals[-1].seq
            if self.position is not None:
                self.position = Position(self.position.epoch, last)
        if message.last_seq is not None:
            self.history.records.append(Told(message.last_seq))
        self.hear(message)

    def _reply(self, reply: dict[str, Any]) -> None:
        self.history.replied.append(reply["id"])
        answer = reply.get("ok")
        if isinstance(answer, dict) and "recovered" in answer:
            at = Position(answer["epoch"], answer["seq"])
            replayed = tuple(saw(event) for event in answer.get("events", ()))
            recovered = bool(answer["recovered"])
            self.history.records.append(Joined(at, self._resumed, recovered, replayed))
            self.position = at
            self._was_cut = False
            self.joined(answer)
        pending = self._pending.pop(reply["id"], None)
        if pending is None:
            return
        if answer is not None:
            pending.set(answer)
        else:
            error = reply["err"]
            pending.set_exception(Refused(error["code"], error.get("message", "")))

    def _lost(self) -> None:
        if self.socket is None:
            return
        self.socket = None
        self.history.records.append(Left(1006))
        self.history.given_up.update(self._pending)
        pending, self._pending = self._pending, {}
        for answer in pending.values():
            answer.set_exception(Lost(1006))

    def joined(self, hello: dict[str, Any]) -> None:
        """The answer to a hello, with the room's state; for subclasses."""

    def hear(self, message: Message) -> None:
        """Measures comments; subclasses add what they react to."""
        now_ms = time.time() * 1000
        for event in message.events:
            if event["t"] == "comment":
                self._shown(event["d"]["id"])
                self.environment.events.request.fire(
                    request_type="EV",
                    name="comment",
                    response_time=max(0.0, now_ms - event["ts"]),
                    response_length=0,
                    exception=None,
                    context={},
                )

    def _shown(self, comment_id: str) -> None:
        self.shown += 1
        self.doubled += comment_id in self._recent
        self._recent[comment_id] = None
        if len(self._recent) > COMMENTS_KEPT:
            del self._recent[next(iter(self._recent))]


def cut_some(share: float) -> None:
    """Cut the connections of this share of the users of this process."""
    for user in [each for each in SEATED if random.random() < share]:
        user.cut()

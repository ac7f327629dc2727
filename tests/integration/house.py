"""A shop for tests: workers in this process over one Redis and one database, and its rooms."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from server.app import build_worker
from server.config import settings_for
from server.fanout import LiveRoom
from server.worker import Worker
from tests.integration.visitor import Visitor, connect

PAYMENT_SECRET = "payment-secret-of-the-tests-0123456789"
JWT_SECRET = "token-secret-of-the-tests-0123456789abc"
SEND_BUFFER_BYTES = 65_536  # as the supervisor sets it on the listeners of real workers
_room_numbers = itertools.count(1)


class House:
    """Everything one test started; `close` ends it."""

    def __init__(
        self, redis_url: str, database_url: str, data_dir: Path, session: aiohttp.ClientSession
    ) -> None:
        self.redis_url = redis_url
        self.database_url = database_url
        self.data_dir = data_dir
        self.session = session
        self.workers: list[Worker] = []
        self.visitors: list[Visitor] = []
        self._stacks: dict[Worker, AsyncExitStack] = {}

    async def worker(self, **given: Any) -> Worker:
        """A worker that serves on a free port of its own."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        settings = settings_for(
            self.data_dir,
            **{
                "port": listener.getsockname()[1],
                "redis_url": self.redis_url,
                "database_url": self.database_url,
                "jwt_secret": JWT_SECRET,
                "payment_secret": PAYMENT_SECRET,
                "drain_s": 0,
                **given,
            },
        )
        stack = AsyncExitStack()
        worker = await build_worker(settings, len(self.workers), stack)
        self._stacks[worker] = stack
        self.workers.append(worker)
        await worker.serve(listener)
        return worker

    async def stop(self, worker: Worker) -> None:
        """Drain a worker as SIGTERM would."""
        self.workers.remove(worker)
        await worker.drain()
        await self._stacks.pop(worker).aclose()

    async def room(self, worker: Worker, room_id: str | None = None) -> Place:
        """A new room, seen at `worker`."""
        place = Place(self, worker, room_id or f"room{next(_room_numbers)}")
        status, body = await place.post("/v1/rooms", {"room_id": place.room_id}, role="host")
        assert status == 201, body
        return place

    async def close(self) -> None:
        """Let everybody leave, then stop the workers."""
        for visitor in self.visitors:
            await visitor.leave()
        for worker in list(self.workers):
            await self.stop(worker)


@dataclass(frozen=True)
class Place:
    """One room as seen at one worker."""

    house: House
    worker: Worker
    room_id: str

    def at(self, worker: Worker) -> Place:
        """The same room at another worker."""
        return replace(self, worker=worker)

    @property
    def url(self) -> str:
        return self.worker.settings.public_url

    @property
    def live(self) -> LiveRoom:
        """The worker's own idea of the room."""
        return self.worker.services.hub.rooms[self.room_id]

    def token(self, sub: str, role: str = "viewer", *, ttl_s: int = 3600, room: str = "*") -> str:
        """A good token."""
        now_ms = self.worker.services.hub.now_ms()
        return self.worker.services.tokens.mint(
            sub=sub, role=role, ttl_s=ttl_s, room=room, now_ms=now_ms
        )

    async def knock(self, codec: str = "json", **headers: str) -> Visitor:
        """A socket that has not said hello yet."""
        url = f"{self.url}/v1/rooms/{self.room_id}/ws"
        visitor = await connect(self.house.session, url, codec, headers)
        self.house.visitors.append(visitor)
        return visitor

    async def enter(
        self,
        sub: str | None = None,
        role: str = "viewer",
        *,
        codec: str = "json",
        resume: dict[str, Any] | None = None,
        ttl_s: int = 3600,
    ) -> Visitor:
        """A viewer after a good hello; without `sub` a guest."""
        visitor = await self.knock(codec)
        token = self.token(sub, role, ttl_s=ttl_s) if sub is not None else None
        await visitor.hello(token, resume)
        return visitor

    async def host(self, sub: str = "host", *, codec: str = "json") -> Visitor:
        return await self.enter(sub, "host", codec=codec)

    def bearer(self, sub: str | None, role: str) -> dict[str, str]:
        return {} if sub is None else {"Authorization": f"Bearer {self.token(sub, role)}"}

    async def post(
        self, path: str, body: Any, *, sub: str | None = "host", role: str = "viewer"
    ) -> tuple[int, Any]:
        """Status and JSON of a POST; `body` bytes are sent as they are."""
        data = {"data": body} if isinstance(body, bytes) else {"json": body}
        headers = self.bearer(sub, role)
        async with self.house.session.post(self.url + path, headers=headers, **data) as answer:
            return answer.status, await answer.json()

    async def get(
        self, path: str, *, sub: str | None = None, role: str = "viewer"
    ) -> tuple[int, Any]:
        headers = self.bearer(sub, role)
        async with self.house.session.get(self.url + path, headers=headers) as answer:
            return answer.status, await answer.json()

    async def command(
        self, op: str, *, sub: str | None = "host", role: str = "host", **params: Any
    ) -> tuple[int, Any]:
        """A command over HTTP."""
        path = f"/v1/rooms/{self.room_id}/commands"
        return await self.post(path, {"id": 1, "op": op, **params}, sub=sub, role=role)

    async def do(self, op: str, **params: Any) -> dict[str, Any]:
        """A command of the host over HTTP that must succeed."""
        status, body = await self.command(op, **params)
        assert status == 200, body
        answer: dict[str, Any] = body["ok"]
        return answer

    async def audit(self) -> dict[str, Any]:
        status, body = await self.get(f"/v1/rooms/{self.room_id}/audit", sub="host", role="host")
        assert status == 200, body
        audit: dict[str, Any] = body
        return audit


async def eventually(ask: Callable[[], Awaitable[bool]], patience_s: float = 10.0) -> None:
    """Return once an answer is yes; fail when none is in time."""
    deadline_s = time.monotonic() + patience_s
    while not await ask():
        assert time.monotonic() < deadline_s, f"not within {patience_s} s: {ask}"
        await asyncio.sleep(0.03)

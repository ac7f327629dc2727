"""A room on real processes, for tests that kill some of them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import aiohttp

from server.tokens import Tokens
from tests.integration.house import JWT_SECRET
from tests.integration.visitor import Visitor, connect
from tests.running_server import RunningServer


@dataclass(frozen=True)
class Shop:
    """A running server and one room on it. Connections spread over its workers by themselves."""

    server: RunningServer
    session: aiohttp.ClientSession
    room_id: str

    def token(self, sub: str, role: str = "viewer") -> str:
        now_ms = time.time_ns() // 1_000_000
        return Tokens(JWT_SECRET).mint(sub=sub, role=role, now_ms=now_ms, ttl_s=3600)

    async def post(
        self, path: str, body: dict[str, Any], sub: str = "host", role: str = "host"
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token(sub, role)}"}
        async with self.session.post(self.server.url + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str, sub: str = "host", role: str = "host") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token(sub, role)}"}
        async with self.session.get(self.server.url + path, headers=headers) as answer:
            return answer.status, await answer.json()

    async def open(self) -> Shop:
        status, body = await self.post("/v1/rooms", {"room_id": self.room_id})
        assert status == 201, body
        return self

    async def command(
        self, op: str, sub: str = "host", role: str = "host", **params: Any
    ) -> tuple[int, Any]:
        path = f"/v1/rooms/{self.room_id}/commands"
        return await self.post(path, {"id": 1, "op": op, **params}, sub, role)

    async def insist(
        self,
        op: str,
        sub: str = "host",
        role: str = "host",
        *,
        patience_s: float = 10,
        **params: Any,
    ) -> dict[str, Any]:
        """As an app does: ask again while the answer is "later" or the line is dead."""
        deadline_s = time.monotonic() + patience_s
        while True:
            pause_s = 0.05
            try:
                status, body = await self.command(op, sub, role, **params)
                if "ok" in body:
                    answer: dict[str, Any] = body["ok"]
                    return answer
                assert status in (429, 503), body
                if status == 429:
                    pause_s = body["err"]["retry_ms"] / 1000
            except aiohttp.ClientError:
                pass
            assert time.monotonic() < deadline_s, f"{op} had no answer in {patience_s} s"
            await asyncio.sleep(pause_s)

    async def enter(
        self, sub: str, role: str = "viewer", resume: dict[str, Any] | None = None
    ) -> Visitor:
        url = f"{self.server.url}/v1/rooms/{self.room_id}/ws"
        visitor = await connect(self.session, url, "json", {})
        await visitor.hello(self.token(sub, role), resume)
        return visitor

    async def return_of(self, visitor: Visitor, sub: str, patience_s: float = 10) -> Visitor:
        """The same viewer again, from where it was, trying until somebody answers."""
        deadline_s = time.monotonic() + patience_s
        while True:
            try:
                return await self.enter(sub, resume=visitor.position)
            except (aiohttp.ClientError, AssertionError, TimeoutError):
                assert time.monotonic() < deadline_s, f"not back within {patience_s} s"
                await asyncio.sleep(0.05)


def story(*parts: Visitor) -> list[dict[str, Any]]:
    """Every critical event one person was told over several sockets."""
    return [event for part in parts for event in part.criticals]

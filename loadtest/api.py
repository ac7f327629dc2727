"""The HTTP half of the public protocol, as simulated people and checks use it.

Thin on purpose: one method a path, answers as they came. Nothing is retried here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp
import jwt

REQUEST_TIMEOUT_S = 10.0
CONNECTIONS_MAX = 64  # HTTP is the side door; the load is on the sockets
TOKEN_TTL_S = 12 * 3600


class ApiError(Exception):
    """The server refused an HTTP request."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code


class Person(NamedTuple):
    """Someone who may be let in."""

    user_id: str
    name: str
    token: str


class LiveroomApi:
    """One server's HTTP interface. Use as an async context manager."""

    def __init__(self, url: str, *, jwt_secret: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._secret = jwt_secret
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S),
            connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Raises ApiError for a refusal, aiohttp.ClientError or TimeoutError without an answer."""
        assert self._session is not None, "use as a context manager"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._session.request(
            method, self.url + path, json=body, headers=headers
        ) as response:
            answer = await _json_of(response)
        if response.status >= 400:
            error = answer.get("err") or {}
            raise ApiError(response.status, error.get("code", ""), error.get("message", ""))
        return answer

    async def person(
        self, user_id: str, *, name: str | None = None, role: str = "viewer", room: str = "*"
    ) -> Person:
        """A token: signed here when the secret is known, else from the development endpoint."""
        name = name or user_id
        if self._secret is not None:
            claims = {"sub": user_id, "name": name, "role": role, "room": room}
            claims_until = {**claims, "exp": int(time.time()) + TOKEN_TTL_S}
            return Person(user_id, name, jwt.encode(claims_until, self._secret, algorithm="HS256"))
        body = {"sub": user_id, "name": name, "role": role, "room": room, "ttl_s": TOKEN_TTL_S}
        answer = await self.ask("POST", "/v1/dev/token", body=body)
        return Person(str(answer["user"]["id"]), name, str(answer["token"]))

    async def ensure_room(self, room_id: str, *, title: str, token: str) -> None:
        """Create the room unless it is there."""
        try:
            await self.ask("GET", f"/v1/rooms/{room_id}")
        except ApiError as error:
            if error.status != 404:
                raise
            body = {"room_id": room_id, "title": title}
            await self.ask("POST", "/v1/rooms", token=token, body=body)

    async def snapshot(self, room_id: str) -> dict[str, Any]:
        return await self.ask("GET", f"/v1/rooms/{room_id}")

    async def audit(self, room_id: str, token: str) -> dict[str, Any]:
        return await self.ask("GET", f"/v1/rooms/{room_id}/audit", token=token)

    async def command(self, room_id: str, token: str, op: str, **params: object) -> dict[str, Any]:
        """Any command over HTTP. The answer is the `ok` of the socket."""
        path = f"/v1/rooms/{room_id}/commands"
        answer = await self.ask("POST", path, token=token, body={"id": 1, "op": op, **params})
        inner = answer.get("ok")
        return inner if isinstance(inner, dict) else answer

    async def orders(self, token: str) -> list[dict[str, Any]]:
        answer = await self.ask("GET", "/v1/orders", token=token)
        return list(answer["orders"])

    async def draw(self, lottery_id: str) -> dict[str, Any]:
        return await self.ask("GET", f"/v1/draws/{lottery_id}")

    async def pay(
        self, order_id: str, token: str, *, press: Mapping[str, object] | None = None
    ) -> None:
        """Begin a sandbox payment and press the cashier's button; `press` is its body, if another
        outcome than success, or a bank that misbehaves, is wanted."""
        body = {"provider": "sandbox"}
        begun = await self.ask("POST", f"/v1/orders/{order_id}/pay", token=token, body=body)
        path = f"/v1/payments/{begun['payment_id']}/sandbox"
        await self.ask("POST", path, body={"outcome": "succeeded", **(press or {})})


async def _json_of(response: aiohttp.ClientResponse) -> dict[str, Any]:
    try:
        answer = await response.json(content_type=None)
    except ValueError:
        return {"err": {"code": "no_json", "message": (await response.text())[:200]}}
    return answer if isinstance(answer, dict) else {"answer": answer}

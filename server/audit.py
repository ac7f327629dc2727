"""Asks a running server for the conservation of stock in all its rooms.

Only over HTTP, as any auditor could; the sums themselves are made by the server.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

TIMEOUT_S = 15.0
ROOMS_AT_ONCE = 4


class AuditUnreachable(Exception):
    """The server did not answer, or not with an audit."""


def audit_all(url: str, token: str) -> dict[str, dict[str, Any]]:
    """The audit of every room by room id. Raises AuditUnreachable."""
    try:
        return asyncio.run(_audit_all(url, token))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError) as error:
        raise AuditUnreachable(f"{type(error).__name__}: {error}") from None


async def _audit_all(url: str, token: str) -> dict[str, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(
        headers=headers, timeout=timeout, raise_for_status=True
    ) as session:
        limit = asyncio.Semaphore(ROOMS_AT_ONCE)

        async def ask(path: str) -> dict[str, Any]:
            async with limit, session.get(f"{url}{path}") as response:
                answer: dict[str, Any] = await response.json()
                return answer

        rooms = [room["room_id"] for room in (await ask("/v1/rooms"))["rooms"]]
        answers = await asyncio.gather(*(ask(f"/v1/rooms/{room}/audit") for room in rooms))
        return dict(zip(rooms, answers, strict=True))

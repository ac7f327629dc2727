"""One key asked many times at once over HTTP, each request on a connection of its own.

New connections are spread over all workers. Every answer is kept as the bytes that came.
"""

from __future__ import annotations

import asyncio
import time

import aiohttp
import orjson

from loadtest.api import REQUEST_TIMEOUT_S

PATIENCE_S = 30.0
PAUSE_S = 0.1
LATER = frozenset({429, 503})  # refused or unknown for now: ask again with the same key


async def ask_at_once(
    url: str, room: str, token: str, *, sale_id: str, sku_id: str, key: str, times: int
) -> list[bytes]:
    """The final answer to each of `times` equal requests. Raises TimeoutError when one has none."""
    body = {"id": 1, "op": "sale.buy", "sale_id": sale_id, "key": key}
    packed = orjson.dumps({**body, "lines": [{"sku_id": sku_id, "qty": 1}]})
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True, limit=0),
        timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S),
        headers=headers,
    ) as session:
        path = f"{url}/v1/rooms/{room}/commands"
        return await asyncio.gather(*(_until_known(session, path, packed) for _ in range(times)))


async def _until_known(session: aiohttp.ClientSession, path: str, packed: bytes) -> bytes:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            async with session.post(path, data=packed) as response:
                answer = await response.read()
                if response.status not in LATER:
                    return answer
        except (aiohttp.ClientError, TimeoutError, OSError):
            pass  # what became of it is asked by the next request
        await asyncio.sleep(PAUSE_S)
    raise TimeoutError("one request of many had no answer")

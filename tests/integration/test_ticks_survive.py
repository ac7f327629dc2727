"""Whoever makes the ticks of a room is killed with signal 9 while they are read."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import aiohttp
import pytest

from tests.integration.house import JWT_SECRET
from tests.integration.processes import Shop
from tests.integration.reader import Reader
from tests.integration.test_processes import session, shop
from tests.waiting import until_async

__all__ = ["session", "shop"]  # fixtures


@pytest.fixture(scope="module", autouse=True)
def _settings() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LIVEROOM_JWT_SECRET", JWT_SECRET)
        environment.setenv("LIVEROOM_HTTP_TICK_MS", "200")
        yield


class Stubborn(Reader):
    """Asks for the same tick again when the line breaks or a worker is away, as a cache does."""

    async def get(self, url: str) -> tuple[int, object]:
        while True:
            try:
                status, body = await super().get(url)
            except aiohttp.ClientError:
                continue
            if status not in (204, 503):
                return status, body


async def test_ticks_outlive_whoever_makes_them(shop: Shop) -> None:
    """Both workers are killed in turn, so the holder among them: numbers go on, every critical
    event is told once and in order, and the state is right at the end."""
    reader = await Stubborn(shop.session, shop.server.url, shop.room_id).begin()
    said = 0

    async def announce(until: asyncio.Event) -> None:
        nonlocal said
        while not until.is_set():
            said += 1
            await shop.insist("announce", text=str(said))

    first_n = reader.next
    for victim in shop.server.workers:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as together:  # who reads does not wait for a dead speaker
            together.create_task(announce(stop))
            await reader.until_seq(reader.seq + 3)
            os.kill(victim, signal.SIGKILL)
            await until_async(lambda gone=victim: gone not in shop.server.workers)
            await reader.until_seq(reader.seq + 3)
            stop.set()
        await until_async(lambda: len(shop.server.workers) == 2)
    await shop.insist("announce", text="last")
    while not reader.of("announcement") or reader.of("announcement")[-1]["text"] != "last":
        await reader.step()
    fresh = await Stubborn(shop.session, shop.server.url, shop.room_id).begin()
    assert fresh.state["room"] == reader.state["room"]
    assert fresh.seq == reader.seq
    texts = [announced["text"] for announced in reader.of("announcement")]
    assert list(range(1, reader.seq + 1)) == [e["seq"] for e in reader.events]
    assert sorted(set(texts), key=texts.index) == [*map(str, range(1, said + 1)), "last"]
    assert reader.next > first_n
    assert reader.fulls >= 1

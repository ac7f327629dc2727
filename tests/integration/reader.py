"""A reader of a room over plain HTTP for tests: start object, then tick after tick."""

from __future__ import annotations

from collections import Counter
from typing import Any

import aiohttp

from tests.integration.visitor import fold


class Reader:
    """Folds what it is told, and fails on a gap or a repeat in the critical lane."""

    def __init__(self, session: aiohttp.ClientSession, url: str, room_id: str) -> None:
        self.session = session
        self.ticks_url = f"{url}/v1/rooms/{room_id}/ticks"
        self.state: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []
        self.drops: Counter[str] = Counter()
        self.folds: Counter[str] = Counter()
        self.epoch, self.seq, self.next = "", 0, 0
        self.fulls = 0

    async def begin(self) -> Reader:
        status, start = await self.get(self.ticks_url)
        assert status == 200, start
        self.state = dict(start["state"])
        self.epoch, self.seq, self.next = start["epoch"], start["seq"], start["next"]
        return self

    async def get(self, url: str) -> tuple[int, Any]:
        async with self.session.get(url) as answer:
            return answer.status, await answer.json() if answer.status != 204 else None

    async def step(self) -> dict[str, Any]:
        """The next tick, waited for."""
        status, tick = await self.get(f"{self.ticks_url}/{self.next}")
        assert status == 200, (status, tick)
        self.take(tick)
        return dict(tick)

    def take(self, tick: dict[str, Any]) -> None:
        assert tick["n"] == self.next
        self.next += 1
        if tick["epoch"] != self.epoch:
            assert tick["full"], "a new epoch without its whole state"
            self.epoch, self.seq = tick["epoch"], tick["seq"]
        for event in tick.get("ev", ()):
            if "seq" in event:
                assert event["seq"] == self.seq + 1, "a gap or a repeat in the critical lane"
                self.seq = event["seq"]
            self.events.append(event)
        assert tick["seq"] == self.seq, "the tick knows of an event that it does not tell"
        if tick.get("full"):
            self.fulls += 1
            self.state = dict(tick["st"])
        else:
            fold(self.state, tick.get("st", {}))
        self.drops.update(tick.get("drop", {}))
        self.folds.update(tick.get("fold", {}))

    async def until_seq(self, seq: int) -> None:
        """Read on until this critical event is here."""
        while self.seq < seq:
            await self.step()

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event["d"] for event in self.events if event["t"] == kind]

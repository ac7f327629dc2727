"""Ticks over plain HTTP, room by room: which this worker serves, and how many may wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from room.errors import Unavailable
from room.tick_ports import TickStore
from server.bus import Bus
from server.hub import Hub
from server.telemetry import Metrics
from server.tick_shelf import Kept, TickShelf, Tools

WAITING_MAX = 10_000  # requests of one worker that wait; each is a few kB. A cache sends one a room
SHELVES_MAX = 1_000  # rooms read over plain HTTP at one worker
TICK_WITHIN_S = 25.0  # proxies close what is silent for 30 to 60 s
START_WITHIN_S = 8.0  # a page that shows nothing for longer is given up


class TickDesk:
    """The rooms whose ticks are asked for at this worker."""

    def __init__(
        self,
        *,
        hub: Hub,
        bus: Bus,
        store: TickStore,
        metrics: Metrics,
        worker_id: str,
        pace_ms: int,
    ):
        self._tools = Tools(hub, bus, store, worker_id, pace_ms, metrics.made_tick)
        self._hub = hub
        self._metrics = metrics
        self._shelves: dict[str, TickShelf] = {}
        self._waiting = 0
        hub.on_tick_kept = self._hear

    @property
    def waiting(self) -> int:
        """Requests that wait just now."""
        return self._waiting

    async def tick(self, room_id: str, n: int) -> Kept | None:
        """A tick, waited for if it is the next; None when it was not made in time.

        Raises `TickGone`, `RoomMissing` and `Unavailable`.
        """
        self._metrics.asked_for_tick()
        shelf = await self._shelf(room_id)
        try:
            async with self._place(), asyncio.timeout(TICK_WITHIN_S):
                return await shelf.tick(n)
        except TimeoutError:
            return None

    async def start(self, room_id: str) -> Kept:
        """What a newcomer begins with. Raises `RoomMissing` and `Unavailable`."""
        shelf = await self._shelf(room_id)
        try:
            async with self._place(), asyncio.timeout(START_WITHIN_S):
                return await shelf.start()
        except TimeoutError:
            raise Unavailable("no start object was made in time") from None

    async def close(self) -> None:
        """Answer those who wait, and let other workers make the ticks."""
        shelves, self._shelves = list(self._shelves.values()), {}
        await asyncio.gather(*(shelf.close() for shelf in shelves))

    def _hear(self, room_id: str, n: int) -> None:
        shelf = self._shelves.get(room_id)
        if shelf is not None:
            shelf.hear(n)

    async def _shelf(self, room_id: str) -> TickShelf:
        await self._hub.open(room_id)
        shelf = self._shelves.get(room_id)
        if shelf is None:
            self._forget_idle()
            if self._hub.draining or len(self._shelves) >= SHELVES_MAX:
                raise Unavailable("this worker serves no more rooms")
            shelf = self._shelves[room_id] = TickShelf(room_id, self._tools)
        return shelf

    def _forget_idle(self) -> None:
        """Only when a room is added: what is idle costs nothing but its memory, and is few."""
        for room_id in [key for key, shelf in self._shelves.items() if shelf.is_idle]:
            del self._shelves[room_id]

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if self._waiting >= WAITING_MAX:
            raise Unavailable("too many wait here")
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

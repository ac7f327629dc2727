"""Ticks over plain HTTP in Redis: a head per room, and a minute of ticks."""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec
from redis.asyncio import Redis

from room.storage import keys
from room.storage.scripts import Script, reachable
from room.tick_ports import Demand, MadeTick, TickHead

TICK_KEPT_MS: Final = 60_000  # who is further behind begins again with a start object
HEAD_KEPT_MS: Final = 3_600_000  # unused; numbers go on from the clock after it, never back

_want: Final = Script("tick_want")
_append: Final = Script("tick_append")


class RedisTicks:
    """Implements `room.tick_ports.TickStore`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def want(
        self, room_id: str, *, holder: str, lease_ms: int, ticks_ms: int, starts_ms: int
    ) -> TickHead:
        """Atomic: `tick_want.lua`."""
        reply = await _want(
            self._redis,
            [keys.ticks(room_id)],
            [holder, lease_ms, ticks_ms, starts_ms, HEAD_KEPT_MS],
        )
        fence, n, epoch, seq, said = reply
        return TickHead(int(fence), int(n), epoch.decode(), int(seq), msgspec.json.decode(said))

    async def give_up(self, room_id: str, holder: str) -> None:
        """Atomic: `tick_want.lua`."""
        await self.want(room_id, holder=holder, lease_ms=0, ticks_ms=0, starts_ms=0)

    async def append(
        self, room_id: str, made: MadeTick, *, holder: str, fence: int, lease_ms: int
    ) -> Demand | None:
        """Atomic: `tick_append.lua`."""
        reply: Any = await _append(
            self._redis,
            [keys.ticks(room_id), keys.tick(room_id, made.n), keys.tick_start(room_id)],
            [
                holder,
                fence,
                made.n,
                made.epoch,
                made.seq,
                msgspec.json.encode(made.said),
                made.body,
                TICK_KEPT_MS,
                lease_ms,
                made.start or b"",
                HEAD_KEPT_MS,
            ],
        )
        return Demand(int(reply[0]), int(reply[1])) if reply is not None else None

    async def tick(self, room_id: str, n: int) -> bytes | None:
        with reachable():
            return cast(bytes | None, await self._redis.get(keys.tick(room_id, n)))

    async def start(self, room_id: str) -> bytes | None:
        with reachable():
            return cast(bytes | None, await self._redis.get(keys.tick_start(room_id)))

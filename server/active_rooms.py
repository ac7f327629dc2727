"""Which rooms were lately open on any worker, so that run-once duties know where to look."""

from __future__ import annotations

from collections.abc import Collection

import redis.asyncio as redis_asyncio
from redis.exceptions import RedisError

RECENT_MS = 120_000  # a room is looked after this long beyond its last pulse
_KEY = "liveroom:rooms:active"


class ActiveRooms:
    """A set in Redis, each room with the time of its last pulse."""

    def __init__(self, client: redis_asyncio.Redis):
        self._redis = client

    async def note(self, room_ids: Collection[str], now_ms: int) -> None:
        """Say that these rooms are open here; a failure only delays the next archiving."""
        if not room_ids:
            return
        try:
            await self._redis.zadd(_KEY, dict.fromkeys(room_ids, now_ms))
        except (RedisError, OSError):
            return

    async def recent(self, now_ms: int) -> list[str]:
        """The rooms open within `RECENT_MS`; older entries are forgotten."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.zremrangebyscore(_KEY, 0, now_ms - RECENT_MS)
            pipe.zrange(_KEY, 0, -1)
            _, rooms = await pipe.execute()
        return [room.decode() for room in rooms]

"""Comments that wait for staff, in Redis: one hash a room, bounded by `HELD_COMMENTS_MAX`."""

from __future__ import annotations

from typing import Any, cast

from redis.asyncio import Redis

from room.limits import HELD_COMMENTS_MAX
from room.storage import keys
from room.storage.scripts import Script, reachable

_hold = Script("comment_hold")


class RedisHeldComments:
    """Implements `room.ports.HeldComments`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def hold(self, room_id: str, comment_id: str, record: bytes) -> bool:
        """Atomic: `comment_hold.lua`."""
        key = keys.held(room_id)
        return bool(await _hold(self._redis, [key], [comment_id, record, HELD_COMMENTS_MAX]))

    async def waiting(self, room_id: str) -> list[bytes]:
        with reachable():
            found: Any = await self._redis.hvals(keys.held(room_id))
        return cast(list[bytes], found)

    async def take(self, room_id: str, comment_id: str) -> bytes | None:
        with reachable():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hget(keys.held(room_id), comment_id)
                pipe.hdel(keys.held(room_id), comment_id)
                record, removed = await pipe.execute()
        return cast(bytes, record) if removed else None

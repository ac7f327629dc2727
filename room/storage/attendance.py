"""Who is in a room now and who said a lottery's phrase, in Redis.

Each worker keeps the set of its own people, and only while a lottery asks for it. A set that is
not refreshed any more is that of a worker that is gone; it expires.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from redis.asyncio import Redis

from room.storage import keys
from room.storage.scripts import reachable

HERE_KEPT_S: Final = 10  # after a worker has gone, its people have this long to come back
SAID_KEPT_S: Final = 7 * 86_400


class RedisAttendance:
    """Implements `room.prize_ports.Attendance`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def note_here(
        self, room_id: str, worker_id: str, *, came: Collection[str], left: Collection[str]
    ) -> None:
        people, workers = keys.here(room_id, worker_id), keys.here_workers(room_id)
        with reachable():
            async with self._redis.pipeline(transaction=True) as pipe:
                if came:
                    pipe.sadd(people, *came)
                if left:
                    pipe.srem(people, *left)
                pipe.expire(people, HERE_KEPT_S)
                pipe.sadd(workers, worker_id)
                pipe.expire(workers, HERE_KEPT_S)
                await pipe.execute()

    async def forget_here(self, room_id: str, worker_id: str) -> None:
        with reachable():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.delete(keys.here(room_id, worker_id))
                pipe.srem(keys.here_workers(room_id), worker_id)
                await pipe.execute()

    async def note_said(self, room_id: str, lottery_id: str, user_id: str) -> None:
        key = keys.said_phrase(room_id, lottery_id)
        with reachable():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.sadd(key, user_id)
                pipe.expire(key, SAID_KEPT_S)
                await pipe.execute()

    async def has_said(self, room_id: str, lottery_id: str, user_id: str) -> bool:
        with reachable():
            found: Any = await self._redis.sismember(keys.said_phrase(room_id, lottery_id), user_id)
        return bool(found)

"""Timetables over all rooms: sorted sets of `room_id/thing_id` by Unix ms."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis

from room.storage.scripts import reachable


class RedisTimetable:
    """Implements `room.stage_ports.Timetable` under one key."""

    def __init__(self, redis: Redis, key: str) -> None:
        self._redis = redis
        self._key = key

    async def schedule(self, room_id: str, thing_id: str, at_ms: int) -> None:
        with reachable():
            await self._redis.zadd(self._key, {f"{room_id}/{thing_id}": at_ms})

    async def unschedule(self, room_id: str, thing_id: str) -> None:
        with reachable():
            await self._redis.zrem(self._key, f"{room_id}/{thing_id}")

    async def due(self, now_ms: int, limit: int = 100) -> list[tuple[str, str, int]]:
        with reachable():
            found: Any = await self._redis.zrangebyscore(
                self._key, 0, now_ms, start=0, num=limit, withscores=True
            )
        due = []
        for member, at_ms in found:
            room_id, _, thing_id = member.decode().partition("/")
            due.append((room_id, thing_id, int(at_ms)))
        return due

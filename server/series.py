"""A room's numbers over the last ten minutes, one sample every five seconds.

Kept in Redis so that every worker draws the same curve. Any worker may write a sample: two that
write the same moment write the same totals.
"""

from __future__ import annotations

from typing import Any

import orjson
import redis.asyncio as redis_asyncio
from redis.exceptions import RedisError

EVERY_S = 5
SAMPLES_MAX = 120
_KEPT_S = 24 * 3600  # after the last sample


class Series:
    """Samples of all rooms."""

    def __init__(self, client: redis_asyncio.Redis):
        self._redis = client

    async def note(self, room_id: str, now_ms: int, sample: dict[str, int]) -> None:
        """Store the sample of the current five seconds; a failure only leaves a hole."""
        ts = now_ms // (EVERY_S * 1000) * EVERY_S * 1000
        key = _key(room_id)
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.zremrangebyscore(key, ts, ts)
                pipe.zadd(key, {orjson.dumps({"ts": ts, **sample}): ts})
                pipe.zremrangebyrank(key, 0, -SAMPLES_MAX - 1)
                pipe.expire(key, _KEPT_S)
                await pipe.execute()
        except (RedisError, OSError):
            return

    async def read(self, room_id: str) -> list[dict[str, Any]]:
        """The samples, oldest first; none when Redis does not answer."""
        try:
            raws: list[Any] = await self._redis.zrange(_key(room_id), 0, -1)
        except (RedisError, OSError):
            return []
        return [orjson.loads(raw) for raw in raws]


def _key(room_id: str) -> str:
    return f"liveroom:{{{room_id}}}:series"

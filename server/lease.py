"""A fenced lease in Redis: of all workers, one holds it, and a stale holder can tell.

Taking the lease draws a number that only grows (the fence). A holder that slept past its deadline
finds another fence at the next renewal and stops. The duties run under it are idempotent besides,
so two holders for a moment do no harm.
"""

from __future__ import annotations

import redis.asyncio as redis_asyncio
import structlog
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

LEASE_MS = 3_000  # how long run-once duties rest at most after their worker was killed
RENEW_EVERY_S = 0.8

# KEYS[1] lease  KEYS[2] fence counter   ARGV[1] holder  ARGV[2] lease in ms
# Returns the fence when the lease is (now or still) the holder's, else 0.
_TAKE = """
local held = redis.call('GET', KEYS[1])
if held then
  local holder, fence = string.match(held, '^(.*)#(%d+)$')
  if holder ~= ARGV[1] then return 0 end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return tonumber(fence)
end
local fence = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1] .. '#' .. fence, 'PX', ARGV[2])
return fence
"""

# KEYS[1] lease   ARGV[1] holder. Gives the lease up if it is the holder's.
_RELEASE = """
local held = redis.call('GET', KEYS[1])
if held and string.match(held, '^(.*)#%d+$') == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
"""


class Lease:
    """One worker's claim to a named duty."""

    def __init__(self, client: redis_asyncio.Redis, name: str, holder: str):
        self._redis = client
        self._holder = holder
        self._keys = (f"liveroom:{{lease:{name}}}", f"liveroom:{{lease:{name}}}:fence")
        self.fence = 0

    @property
    def held(self) -> bool:
        """Whether the last renewal succeeded."""
        return self.fence > 0

    async def renew(self) -> bool:
        """Take the lease or keep it; False when another holds it or Redis does not answer."""
        try:
            fence = await self._redis.eval(_TAKE, 2, *self._keys, self._holder, LEASE_MS)
        except (RedisError, OSError):
            fence = 0
        if fence and int(fence) != self.fence:
            log.info("lease_taken", fence=int(fence))
        self.fence = int(fence)
        return self.held

    async def release(self) -> None:
        """Let another worker take over at once."""
        self.fence = 0
        try:
            await self._redis.eval(_RELEASE, 1, self._keys[0], self._holder)
        except (RedisError, OSError):
            return  # it runs out by itself

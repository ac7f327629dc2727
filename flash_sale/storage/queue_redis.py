"""The line before a sale and its limits in Redis: `flash_sale.door_ports.QueueStore`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from redis.asyncio import Redis

from flash_sale.door_ports import Places
from flash_sale.storage import keys
from flash_sale.storage.redis import answering
from flash_sale.storage.scripts import Scripts

TICKETS_LISTED_MAX = 10_000  # of a public proof


class RedisQueue:
    """One method per script. `now_ms` 0 = Redis' own clock."""

    def __init__(self, redis: Redis, scripts: Scripts) -> None:
        self._redis = redis
        self._scripts = scripts

    async def join(
        self,
        sale_id: str,
        user_id: str,
        *,
        early_rank: int,
        opens_before_ms: int,
        rate_per_s: int,
        admission_ms: int,
        spent: str,
        now_ms: int,
    ) -> tuple[str, int]:
        """Outcome and start (0: not known), see `lua/queue_join.lua`."""
        async with answering():
            outcome, start_ms = await self._scripts.run(
                "queue_join",
                sale_id,
                *(now_ms, user_id, early_rank, opens_before_ms, rate_per_s, admission_ms, spent),
                more_keys=keys.queue_of(sale_id),
            )
            if outcome in (b"waiting", b"admitted"):
                await self._redis.sadd(keys.QUEUES_INDEX, sale_id)
        return outcome.decode(), start_ms

    async def leave(self, sale_id: str, user_id: str) -> bool:
        async with answering():
            return bool(await self._redis.zrem(keys.queue_of(sale_id)[2], user_id))

    async def admit(
        self, sale_id: str, *, rate_per_s: int, admission_ms: int, people_max: int, now_ms: int
    ) -> tuple[str, int, list[str]]:
        """Outcome, until when, and who was let in, see `lua/queue_admit.lua`."""
        async with answering():
            outcome, until_ms, users = await self._scripts.run(
                "queue_admit",
                sale_id,
                *(now_ms, rate_per_s, admission_ms, people_max),
                more_keys=keys.queue_of(sale_id),
            )
        return outcome.decode(), until_ms, [user.decode() for user in users]

    async def places(self, sale_id: str, user_ids: Sequence[str], now_ms: int) -> Places:
        async with answering():
            at_ms, start_ms, length, let_in, flat = await self._scripts.run(
                "queue_places", sale_id, now_ms, user_ids, more_keys=keys.queue_of(sale_id)
            )
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return Places(at_ms, start_ms, length, let_in, dict(zip(user_ids, pairs, strict=True)))

    async def early(self, sale_id: str) -> tuple[int, list[str]]:
        """How many came before the start, and who, in the order they were shuffled into."""
        key = keys.queue_of(sale_id)[1]
        async with answering():
            pipe = self._redis.pipeline(transaction=True)
            pipe.zcard(key)
            pipe.zrange(key, 0, TICKETS_LISTED_MAX - 1)
            count, users = await pipe.execute()
        return count, [user.decode() for user in users]

    async def sales(self) -> list[str]:
        """Sales somebody joined the line of and that are not known to be over."""
        async with answering():
            found = await self._redis.smembers(keys.QUEUES_INDEX)
        return sorted(sale_id.decode() for sale_id in cast("set[bytes]", found))

    async def over(self, sale_id: str) -> None:
        """The sale has ended: nobody is let in any more."""
        async with answering():
            await self._redis.srem(keys.QUEUES_INDEX, sale_id)

    # -- limits and what they refused -------------------------------------------------------------

    async def take(
        self, sale_id: str, acts: Sequence[Sequence[tuple[str, int]]], *, window_ms: int, at_ms: int
    ) -> list[int]:
        """Per act 0, or the number (from 1) of the limit that refused it."""
        window, gone_ms = divmod(at_ms, window_ms)
        async with answering():
            answers = await self._scripts.run(
                "limits_take",
                sale_id,
                *(1000 * gone_ms // window_ms, window_ms, acts),
                more_keys=keys.limits_of(sale_id, window),
            )
        return [int(answer) for answer in answers]

    async def note_hits(self, sale_id: str, hits: dict[str, int]) -> None:
        async with answering():
            pipe = self._redis.pipeline(transaction=False)
            for rule, count in hits.items():
                pipe.hincrby(keys.risk(sale_id), rule, count)
            await pipe.execute()

    async def hits(self, sale_id: str) -> dict[str, int]:
        """How often each rule refused somebody."""
        async with answering():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hgetall(keys.risk(sale_id))
            (row,) = await pipe.execute()
        return {rule.decode(): int(count) for rule, count in row.items()}

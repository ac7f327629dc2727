"""Who waits for returned pieces, in Redis: `flash_sale.door_ports.WaitlistStore`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from redis.asyncio import Redis

from flash_sale.door_ports import Told
from flash_sale.sale import Level
from flash_sale.storage import keys
from flash_sale.storage.records import unpack
from flash_sale.storage.redis import answering
from flash_sale.storage.scripts import Scripts

OFFERS_READ_MAX = 500  # told in one go; the rest waits for the next


class RedisWaitlist:
    """One method per script. `now_ms` 0 = Redis' own clock."""

    def __init__(self, redis: Redis, scripts: Scripts) -> None:
        self._redis = redis
        self._scripts = scripts

    async def join(
        self,
        sale_id: str,
        user_id: str,
        sku_id: str,
        qty: int,
        *,
        suffix: str,
        key: str,
        fingerprint: str,
        now_ms: int,
    ) -> tuple[str, int]:
        """Outcome and place (from 0), see `lua/waitlist_join.lua`."""
        async with answering():
            # First the index: a list the duty does not know of would never be tidied.
            await self._redis.sadd(keys.WAITLISTS_INDEX, sale_id)
            outcome, place = await self._scripts.run(
                "waitlist_join", sale_id, now_ms, user_id, sku_id, qty, suffix, key, fingerprint
            )
        return outcome.decode(), place

    async def leave(self, sale_id: str, user_id: str, sku_id: str) -> bool:
        async with answering():
            return bool(await self._scripts.run("waitlist_leave", sale_id, user_id, sku_id))

    async def serve(
        self, sale_id: str, sku_ids: Sequence[str], now_ms: int
    ) -> tuple[dict[str, Level], bool] | None:
        """Levels changed and whether the window is over; None while the sale cannot be changed."""
        async with answering():
            packed = await self._scripts.run("waitlist_serve", sale_id, now_ms, sku_ids)
        outcome, *rest = unpack(packed)
        if outcome != "ok":
            return None
        changed = rest[0].items() if rest[0] else ()
        return {sku: Level(*pair) for sku, pair in changed}, rest[1] == 1

    async def offers(self, sale_id: str) -> dict[str, Told]:
        """Offers made and not yet told, by reservation suffix; the longest waiting not first."""
        async with answering():
            _, found = await self._redis.hscan(keys.waitlist_of(sale_id)[2], count=OFFERS_READ_MAX)
        rows = cast("dict[bytes, bytes]", found)
        return {suffix.decode(): Told(*unpack(packed)) for suffix, packed in rows.items()}

    async def told(self, sale_id: str, suffixes: Sequence[str]) -> None:
        async with answering():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hdel(keys.waitlist_of(sale_id)[2], *suffixes)
            await pipe.execute()

    async def lengths(self, sale_id: str, sku_ids: Sequence[str]) -> dict[str, int]:
        """How many wait for each SKU."""
        waiting = keys.waitlist_of(sale_id)[0]
        async with answering():
            pipe = self._redis.pipeline(transaction=False)
            for sku_id in sku_ids:
                pipe.zlexcount(waiting, f"[{sku_id}:", f"({sku_id};")
            counts = await pipe.execute()
        return dict(zip(sku_ids, counts, strict=True))

    async def standing(
        self, sale_id: str, user_id: str, sku_ids: Sequence[str]
    ) -> Mapping[str, tuple[int, int]]:
        """Pieces wanted and place (from 0) of each SKU this person waits for."""
        waiting, waiters, _ = keys.waitlist_of(sale_id)
        async with answering():
            pipe = self._redis.pipeline(transaction=False)
            for sku_id in sku_ids:
                pipe.hget(waiters, f"{sku_id}:{user_id}")
            found = {
                sku_id: unpack(packed)
                for sku_id, packed in zip(sku_ids, await pipe.execute(), strict=True)
                if packed
            }
            pipe = self._redis.pipeline(transaction=False)
            for sku_id, waiter in found.items():
                pipe.zlexcount(waiting, f"[{sku_id}:", f"({sku_id}:{waiter[4]}")
            places = await pipe.execute()
        return {
            sku_id: (waiter[0], place)
            for (sku_id, waiter), place in zip(found.items(), places, strict=True)
        }

    async def sales(self) -> list[str]:
        """Sales somebody waits in, or waited in a moment ago."""
        async with answering():
            found = await self._redis.smembers(keys.WAITLISTS_INDEX)
        return sorted(sale_id.decode() for sale_id in cast("set[bytes]", found))

    async def clear(self, sale_id: str) -> None:
        """The sale is over: nothing can come back to anybody."""
        waiting, waiters, offers = keys.waitlist_of(sale_id)
        async with answering():
            await self._redis.unlink(waiting, waiters)
            if not await self._redis.exists(offers):
                await self._redis.srem(keys.WAITLISTS_INDEX, sale_id)

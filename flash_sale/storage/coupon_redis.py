"""Claims of coupons in Redis: one method per script, and the log until SQL has it.

Redis decides who gets one; SQL has the coupons and, some milliseconds later, every claim. A script
that Redis forgot is the sign of another Redis process: what SQL knows is put back before any claim
is decided.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, cast

import msgpack
from redis.asyncio import Redis

from flash_sale.coupons import Claim, Coupon, Task
from flash_sale.storage import keys
from flash_sale.storage.redis import answering
from flash_sale.storage.scripts import Scripts, coupon_source

DEEDS_MS = 24 * 3_600_000  # how long is remembered who did a coupon's task after its end


class RedisCoupons:
    """`flash_sale.ports_rewards.CouponStore`. May raise `Refused("unknown_outcome")`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._scripts = Scripts(redis, source_of=coupon_source, keys_of=keys.coupon_keys)

    def on_forgotten(self, restore: Callable[[Callable[[str], bool]], Awaitable[None]]) -> None:
        """Await `restore` before scripts are loaded into a Redis that does not know them."""
        self._scripts.on_forgotten = restore

    async def claim(self, coupon_id: str, asks: Sequence[tuple[str, str]], now_ms: int) -> Any:  # noqa: ANN401
        """For each user and key: outcome, number of the claim, its time, how many are taken."""
        async with answering():
            packed = await self._scripts.run("claim", coupon_id, now_ms, asks)
        return msgpack.unpackb(packed, raw=False)

    async def load(self, coupon: Coupon, claims: Sequence[Claim]) -> int:
        """Lay a coupon down, or put claims back; how many are taken then."""
        items = [(c.user_id, c.key, c.number, c.claimed_ms) for c in claims]
        terms = (coupon.quota, coupon.per_user, coupon.closes_ms, items)
        async with answering():  # by text: it is what makes the others safe to load
            return int(await self._scripts.run_unchecked("load", coupon.coupon_id, *terms))

    async def taken(self, coupon_ids: Sequence[str]) -> dict[str, int]:
        """How many of each are taken; one that Redis lost is left out."""
        async with answering():
            pipe = self._redis.pipeline(transaction=False)
            for coupon_id in coupon_ids:
                pipe.hget(keys.coupon_keys(coupon_id)[0], "taken")
            rows = await pipe.execute()
        found = zip(coupon_ids, rows, strict=True)
        return {coupon_id: int(row) for coupon_id, row in found if row is not None}

    async def claims_of(self, coupon_id: str, user_id: str) -> list[Claim]:
        """All of one person, at once, whatever SQL has heard."""
        _, claims_key, _ = keys.coupon_keys(coupon_id)
        async with answering():
            count = int(await self._hget(claims_key, f"#{user_id}") or 0)
            numbers = range(1, count + 1)
            rows = [await self._hget(claims_key, f"@{user_id}:{number}") for number in numbers]
        found = []
        for number, row in zip(numbers, rows, strict=True):
            if row is not None:
                at_ms, _, key = row.decode().partition(" ")
                found.append(Claim(coupon_id, user_id, number, key, int(at_ms)))
        return found

    async def logged(self, coupon_ids: Sequence[str], limit: int) -> dict[str, list[Any]]:
        """Claims not yet known to be in SQL, oldest first: entry id and claim."""
        async with answering():
            pipe = self._redis.pipeline(transaction=False)
            for coupon_id in coupon_ids:
                pipe.xrange(keys.coupon_keys(coupon_id)[2], "-", "+", count=limit)
            rows = await pipe.execute()
        found = zip(coupon_ids, rows, strict=True)
        return {c: [(entry, _claim(c, fields)) for entry, fields in log] for c, log in found if log}

    async def forget_logged(self, coupon_id: str, entries: Collection[bytes]) -> None:
        async with answering():
            await self._redis.xdel(keys.coupon_keys(coupon_id)[2], *entries)

    async def note_deed(self, coupon: Coupon, user_id: str) -> None:
        """Remember that somebody did the coupon's task."""
        key = keys.coupon_deeds(coupon.coupon_id, coupon.task.value)
        async with answering():
            pipe = self._redis.pipeline(transaction=False)
            pipe.sadd(key, user_id)
            pipe.pexpireat(key, coupon.closes_ms + DEEDS_MS)
            await pipe.execute()

    async def did(self, coupon: Coupon, user_id: str) -> frozenset[Task]:
        key = keys.coupon_deeds(coupon.coupon_id, coupon.task.value)
        async with answering():
            done = await cast("Awaitable[int]", self._redis.sismember(key, user_id))
        return frozenset({coupon.task} if done else ())

    async def _hget(self, key: str, field: str) -> bytes | None:
        return cast("bytes | None", await cast("Awaitable[object]", self._redis.hget(key, field)))


def _claim(coupon_id: str, fields: Mapping[bytes, bytes]) -> Claim:
    return Claim(
        coupon_id=coupon_id,
        user_id=fields[b"u"].decode(),
        number=int(fields[b"n"]),
        key=fields[b"k"].decode(),
        claimed_ms=int(fields[b"t"]),
    )

"""Rains and gifts in Redis: who gets what is decided here, in one script per batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import msgspec
from redis.asyncio import Redis

from room.errors import Unavailable
from room.fairness import chain_next, chain_start
from room.handout_ports import Answer, Asked, Handout, Standing
from room.shapes import Claim, HandoutState
from room.storage import keys
from room.storage.scripts import Argument, Script, reachable
from room.storage.timetable import RedisTimetable

CLAIM_ATTEMPTS_MAX: Final = 50  # each lost race means that another worker's batch went through
OVER_KEPT_S: Final = 7 * 86_400
EVER_MS: Final = 2**53  # later than any time in a timetable

_create: Final = Script("handout_create")
_grab: Final = Script("rain_grab")
_append: Final = Script("gift_append")
_close: Final = Script("handout_close")

_HANDOUT: Final = msgspec.json.Decoder(Handout)
_CLAIM: Final = msgspec.json.Decoder(Claim)


class RedisHandouts:
    """Implements `room.handout_ports.HandoutStore`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._timetable = RedisTimetable(redis, keys.HANDOUTS_DUE)

    async def now_ms(self) -> int:
        with reachable():
            seconds, micros = await self._redis.time()
        return int(seconds) * 1_000 + int(micros) // 1_000

    async def create(self, handout: Handout) -> bool:
        """Atomic: `handout_create.lua`."""
        fields: dict[str, Argument] = {
            "record": msgspec.json.encode(handout),
            "state": "open",
            "quota": handout.quota,
            "per_user": handout.per_user,
            "open_ms": handout.open_ms,
            "close_ms": handout.close_ms,
            "count": 0,
            "hash": "" if handout.rain else chain_start(handout.id),
        }
        amounts = msgspec.json.encode(handout.amounts) if handout.amounts else b""
        arguments = [amounts, *(part for pair in fields.items() for part in pair)]
        names = _four_keys(handout.room_id, handout.id)[:2]
        return bool(await _create(self._redis, names, arguments))

    async def grab(self, room_id: str, rain_id: str, asked: Sequence[Asked]) -> list[Answer]:
        """Atomic: `rain_grab.lua`."""
        arguments = [part for one in asked for part in (one.user_id, one.name, one.key)]
        answers = await _grab(self._redis, _four_keys(room_id, rain_id), arguments)
        return [_answer(answer) for answer in answers]

    async def claim(self, room_id: str, gift_id: str, asked: Sequence[Asked]) -> list[Answer]:
        """Atomic: `gift_append.lua`, repeated while other workers are faster."""
        names: dict[str, str] = {}  # in the order of asking
        for one in asked:
            names.setdefault(one.user_id, one.name)
        for _ in range(CLAIM_ATTEMPTS_MAX):
            gift, known = await self._standing(room_id, gift_id, list(names))
            if gift is None:
                return ["missing"] * len(asked)
            places = gift.quota - gift.count if gift.state == "open" else 0
            new = [user_id for user_id in names if user_id not in known][: max(0, places)]
            outcome = await self._append(room_id, gift_id, gift, new, names) if new else []
            if outcome == "moved":
                continue
            fresh = outcome if isinstance(outcome, list) else []
            got = {**known, **{claim.user_id: claim for claim in fresh}}
            why = _why_not(gift, len(fresh))
            return [why if why == "void" else got.get(one.user_id, why) for one in asked]
        raise Unavailable("too many people are claiming at once")

    async def _standing(
        self, room_id: str, gift_id: str, user_ids: Sequence[str]
    ) -> tuple[_GiftStanding | None, dict[str, Claim]]:
        """How the gift stands, and the claims these people have already."""
        with reachable():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hmget(keys.handout(room_id, gift_id), ["state", "count", "hash", "quota"])
                pipe.hmget(
                    keys.claim_marks(room_id, gift_id), [f"{user_id}/" for user_id in user_ids]
                )
                (state, count, running, quota), marks = await pipe.execute()
        if state is None:
            return None, {}
        gift = _GiftStanding(state.decode(), int(count), running.decode(), int(quota))
        places = [int(mark) for mark in marks if mark is not None]
        return gift, {one.user_id: one for one in await self._at(room_id, gift_id, places)}

    async def _at(self, room_id: str, handout_id: str, places: Sequence[int]) -> list[Claim]:
        if not places:
            return []
        with reachable():
            async with self._redis.pipeline(transaction=False) as pipe:
                for place in places:
                    pipe.lindex(keys.claims(room_id, handout_id), place)
                found = await pipe.execute()
        return [_CLAIM.decode(claim) for claim in found if claim is not None]

    async def _append(
        self,
        room_id: str,
        gift_id: str,
        gift: _GiftStanding,
        user_ids: Sequence[str],
        names: Mapping[str, str],
    ) -> list[Claim] | str:
        arguments: list[Argument] = [gift.count, gift.running_hash]
        running = gift.running_hash
        for user_id in user_ids:
            running = chain_next(running, user_id)
            arguments += [user_id, names[user_id], running]
        four = _four_keys(room_id, gift_id)
        reply = await _append(self._redis, [four[0], four[2], four[3]], arguments)
        if isinstance(reply, bytes):
            return reply.decode()
        return [_CLAIM.decode(claim) for claim in reply]

    async def claimed(self, room_id: str, handout_id: str, user_id: str) -> Claim | None:
        with reachable():
            mark: Any = await self._redis.hget(keys.claim_marks(room_id, handout_id), f"{user_id}/")
        found = await self._at(room_id, handout_id, [int(mark)] if mark is not None else [])
        return found[0] if found else None

    async def load(self, room_id: str, handout_id: str) -> Handout | None:
        with reachable():
            kept: Any = await self._redis.hget(keys.handout(room_id, handout_id), "record")
        return _HANDOUT.decode(kept) if kept is not None else None

    async def claims(self, room_id: str, handout_id: str, start: int = 0) -> list[Claim]:
        with reachable():
            found: Any = await self._redis.lrange(keys.claims(room_id, handout_id), start, -1)
        return [_CLAIM.decode(claim) for claim in found]

    async def left(self, room_id: str, handout_ids: Sequence[str]) -> dict[str, int]:
        with reachable():
            async with self._redis.pipeline(transaction=False) as pipe:
                for handout_id in handout_ids:
                    pipe.hmget(keys.handout(room_id, handout_id), ["quota", "count"])
                found = await pipe.execute()
        return {
            handout_id: int(quota) - int(count)
            for handout_id, (quota, count) in zip(handout_ids, found, strict=True)
            if quota is not None
        }

    async def close(
        self, room_id: str, handout_id: str, state: HandoutState | None = None
    ) -> Standing | None:
        """Atomic: `handout_close.lua`."""
        names = _four_keys(room_id, handout_id)
        reply = await _close(self._redis, names, [state or "", OVER_KEPT_S])
        if reply is None:
            return None
        return Standing(cast(HandoutState, reply[0].decode()), int(reply[1]))

    async def schedule(self, room_id: str, handout_id: str, at_ms: int) -> None:
        await self._timetable.schedule(room_id, handout_id, at_ms)

    async def unschedule(self, room_id: str, handout_id: str) -> None:
        await self._timetable.unschedule(room_id, handout_id)

    async def due(self, limit: int = 1_000) -> list[tuple[str, str, int]]:
        return await self._timetable.due(EVER_MS, limit)


class _GiftStanding(msgspec.Struct, frozen=True):
    state: str
    count: int
    running_hash: str
    quota: int


def _why_not(gift: _GiftStanding, more: int) -> str:
    """Why somebody has no place after `more` others got theirs."""
    if gift.state == "void":
        return "void"
    return "none_left" if gift.count + more >= gift.quota else "closed"


def _answer(answer: bytes) -> Answer:
    return _CLAIM.decode(answer) if answer.startswith(b"{") else answer.decode()


def _four_keys(room_id: str, handout_id: str) -> list[str]:
    return [
        keys.handout(room_id, handout_id),
        keys.packets(room_id, handout_id),
        keys.claims(room_id, handout_id),
        keys.claim_marks(room_id, handout_id),
    ]

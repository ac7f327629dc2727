"""Entries and secrets of lotteries in Redis.

Entering is a chain of SHA-256, which Redis cannot compute: the chain is read, computed here for a
whole batch, and appended only if it has not moved on meanwhile (`lottery_append.lua`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, cast

import msgspec
from redis.asyncio import Redis

from room.errors import Refused, Unavailable
from room.fairness import chain_next, chain_start
from room.limits import ENTRIES_MAX
from room.lottery import LotteryRecord, Progress
from room.prize_ports import Entry
from room.shapes import Lottery, LotteryState, Receipt, Winner
from room.storage import keys
from room.storage.scripts import Argument, Script, reachable

JOIN_ATTEMPTS_MAX: Final = 50  # each lost race means that another worker's batch went through
DRAWN_KEPT_S: Final = 7 * 86_400
MEND_ENTRIES_MAX: Final = 1_000  # in one script

_create: Final = Script("lottery_create")
_append: Final = Script("lottery_append")
_freeze: Final = Script("lottery_freeze")
_result: Final = Script("lottery_result")
_mend: Final = Script("lottery_mend")

_WINNERS: Final = msgspec.json.Decoder(tuple[Winner, ...])
_FACE: Final = msgspec.json.Decoder(Lottery)


class RedisLotteries:
    """Implements `room.ports.LotteryStore`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def create(self, record: LotteryRecord) -> bool:
        """Atomic: `lottery_create.lua`."""
        fields: dict[str, str | bytes | int] = {
            "face": msgspec.json.encode(record.face),
            "rules": record.rules,
            "rules_hash": record.face.rules_hash,
            "seed": record.seed,
            "seed_hash": record.face.seed_hash,
            "winners_count": record.face.winners_count,
            "close_ms": record.face.close_ms or 0,
            "state": "open",
            "count": 0,
            "hash": "",
        }
        arguments = [part for pair in fields.items() for part in pair]
        key = keys.lottery(record.room_id, record.lottery_id)
        return bool(await _create(self._redis, [key], arguments))

    async def join(
        self, room_id: str, lottery_id: str, entrants: Sequence[tuple[str, str]]
    ) -> list[Receipt | None]:
        """Atomic: `lottery_append.lua`, repeated while other workers are faster."""
        names = dict(reversed(entrants))  # who asks twice at once is known by the first name
        order = list(dict.fromkeys(user_id for user_id, _ in entrants))
        for _ in range(JOIN_ATTEMPTS_MAX):
            state, count, running, known = await self._chain(room_id, lottery_id, order)
            places = ENTRIES_MAX - count if state == "open" else 0
            new = [user_id for user_id in order if user_id not in known][:places]
            if new:
                issued = _extend(lottery_id, count, running, new)
                outcome = await self._append(room_id, lottery_id, running, names, issued)
                if outcome != "ok":
                    continue  # moved or closed meanwhile: look again
                known |= issued
            return [known.get(user_id) for user_id, _ in entrants]
        raise Unavailable("too many people are joining at once")

    async def _chain(
        self, room_id: str, lottery_id: str, user_ids: list[str]
    ) -> tuple[str, int, str, dict[str, Receipt]]:
        """State, count, running hash, and the receipts these people have already."""
        with reachable():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hmget(keys.lottery(room_id, lottery_id), ["state", "count", "hash"])
                pipe.hmget(keys.receipts(room_id, lottery_id), user_ids)
                (state, count, running), receipts = await pipe.execute()
        if state is None:
            raise Refused("not_found", "the entries of this lottery are gone")
        known = {
            user_id: _receipt(kept)
            for user_id, kept in zip(user_ids, receipts, strict=True)
            if kept is not None
        }
        return state.decode(), int(count), running.decode(), known

    async def _append(
        self,
        room_id: str,
        lottery_id: str,
        running: str,
        names: dict[str, str],
        issued: dict[str, Receipt],
    ) -> str:
        receipts = list(issued.items())
        triples: list[Argument] = [
            part
            for user_id, receipt in receipts
            for part in (user_id, names[user_id], f"{receipt.index}:{receipt.running_hash}")
        ]
        count, after = receipts[0][1].index, receipts[-1][1].running_hash
        arguments: list[Argument] = [count, running, after, *triples]
        reply = await _append(self._redis, _four_keys(room_id, lottery_id), arguments)
        return cast(bytes, reply).decode()

    async def freeze(
        self,
        room_id: str,
        lottery_id: str,
        *,
        banned: Collection[str],
        now_ms: int,
        must_be_here: bool = False,
    ) -> Progress | None:
        """Atomic: `lottery_freeze.lua`. Who was absent follows from what it has kept."""
        present = keys.present(room_id, lottery_id)
        touched = [keys.lottery(room_id, lottery_id), keys.receipts(room_id, lottery_id), present]
        if must_be_here:
            with reachable():
                workers: Any = await self._redis.smembers(keys.here_workers(room_id))
            touched += [keys.here(room_id, worker.decode()) for worker in workers]
        kept_s = DRAWN_KEPT_S if must_be_here else 0
        reply = await _freeze(self._redis, touched, [now_ms, kept_s, *banned])
        if reply is None:
            return None
        state, count, root = reply
        return Progress(cast(LotteryState, state.decode()), int(count), root.decode())

    async def note_absent(self, room_id: str, lottery_id: str) -> None:
        """Both lists are frozen, so this comes to the same however often it is done."""
        with reachable():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.lrange(keys.entries(room_id, lottery_id), 0, -1)
                pipe.smembers(keys.present(room_id, lottery_id))
                entries, here = await pipe.execute()
            absent = b" ".join(user_id for user_id in entries if user_id not in here)
            await self._redis.hsetnx(keys.lottery(room_id, lottery_id), "absent", absent)

    async def mend(self, room_id: str, lottery_id: str, entries: Sequence[Entry]) -> bool:
        """Atomic: `lottery_mend.lua`, in pieces that each fit a script."""
        with reachable():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hmget(keys.lottery(room_id, lottery_id), ["count", "hash"])
                pipe.lrange(keys.entries(room_id, lottery_id), 0, -1)
                (count, running), found = await pipe.execute()
        if count is None:
            raise Refused("not_found", "the entries of this lottery are gone")
        noted = [entry.user_id.encode() for entry in entries]
        pairs = enumerate(zip(found, noted, strict=False))
        alike = min(len(found), len(noted))
        keep = next((at for at, (here, there) in pairs if here != there), alike)
        seen: tuple[Argument, Argument] = (count, running)
        for start in range(keep, max(len(entries), keep + 1), MEND_ENTRIES_MAX):
            piece = entries[start : start + MEND_ENTRIES_MAX]
            last = piece[-1] if piece else None
            after = (last.index + 1, last.running_hash) if last else _end_of(entries[:keep])
            triples: list[Argument] = [
                part
                for entry in piece
                for part in (entry.user_id, entry.name, f"{entry.index}:{entry.running_hash}")
            ]
            arguments = [*seen, start, *after, *triples]
            if await _mend(self._redis, _four_keys(room_id, lottery_id), arguments) != b"ok":
                return False
            seen = after
        return True

    async def entries(self, room_id: str, lottery_id: str) -> list[tuple[str, str]]:
        with reachable():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.lrange(keys.entries(room_id, lottery_id), 0, -1)
                pipe.hgetall(keys.names(room_id, lottery_id))
                user_ids, names = await pipe.execute()
        return [(user_id.decode(), names[user_id].decode()) for user_id in user_ids]

    async def store_result(
        self, room_id: str, lottery_id: str, *, winners: Sequence[Winner], now_ms: int
    ) -> bool:
        """Atomic: `lottery_result.lua`."""
        arguments: list[Argument] = [msgspec.json.encode(list(winners)), now_ms, DRAWN_KEPT_S]
        return bool(await _result(self._redis, _four_keys(room_id, lottery_id), arguments))

    async def load(self, room_id: str, lottery_id: str) -> LotteryRecord | None:
        """Without the entries, which are many."""
        with reachable():
            kept: Any = await self._redis.hgetall(keys.lottery(room_id, lottery_id))
        if not kept:
            return None
        absent = tuple(kept.get(b"absent", b"").decode().split())
        return LotteryRecord(
            room_id=room_id,
            face=_FACE.decode(kept[b"face"]),
            rules=kept[b"rules"].decode(),
            seed=kept[b"seed"].decode(),
            state=cast(LotteryState, kept[b"state"].decode()),
            entries_count=int(kept[b"count"]),
            entries_root=kept[b"hash"].decode(),
            excluded=(
                *(banned := kept.get(b"excluded", b"").decode().split()),
                *(user_id for user_id in absent if user_id not in banned),
            ),
            absent=absent,
            frozen_ms=_optional(kept.get(b"frozen_ms")),
            drawn_ms=_optional(kept.get(b"drawn_ms")),
            winners=_WINNERS.decode(kept.get(b"winners", b"[]")),
        )

    async def counts(self, room_id: str, lottery_ids: Sequence[str]) -> dict[str, int]:
        with reachable():
            async with self._redis.pipeline(transaction=False) as pipe:
                for lottery_id in lottery_ids:
                    pipe.hget(keys.lottery(room_id, lottery_id), "count")
                counts = await pipe.execute()
        return {key: int(count or 0) for key, count in zip(lottery_ids, counts, strict=True)}

    async def receipt(self, room_id: str, lottery_id: str, user_id: str) -> Receipt | None:
        with reachable():
            kept: Any = await self._redis.hget(keys.receipts(room_id, lottery_id), user_id)
        return _receipt(kept) if kept is not None else None

    async def schedule(self, room_id: str, lottery_id: str, at_ms: int) -> bool:
        with reachable():
            entry = {f"{room_id}/{lottery_id}": at_ms}
            return bool(await self._redis.zadd(keys.LOTTERIES_DUE, entry, ch=True))

    async def unschedule(self, room_id: str, lottery_id: str) -> None:
        with reachable():
            await self._redis.zrem(keys.LOTTERIES_DUE, f"{room_id}/{lottery_id}")

    async def due(self, now_ms: int, limit: int = 100) -> list[tuple[str, str, int]]:
        with reachable():
            found: Any = await self._redis.zrangebyscore(
                keys.LOTTERIES_DUE, 0, now_ms, start=0, num=limit, withscores=True
            )
        due = []
        for member, at_ms in found:
            room_id, _, lottery_id = member.decode().partition("/")
            due.append((room_id, lottery_id, int(at_ms)))
        return due


def _extend(
    lottery_id: str, count: int, running: str, user_ids: Sequence[str]
) -> dict[str, Receipt]:
    """Receipts of new entrants, following on the chain as it stands."""
    running = running or chain_start(lottery_id)
    issued: dict[str, Receipt] = {}
    for index, user_id in enumerate(user_ids, start=count):
        running = chain_next(running, user_id)
        issued[user_id] = Receipt(index, running)
    return issued


def _four_keys(room_id: str, lottery_id: str) -> list[str]:
    return [
        keys.lottery(room_id, lottery_id),
        keys.entries(room_id, lottery_id),
        keys.receipts(room_id, lottery_id),
        keys.names(room_id, lottery_id),
    ]


def _end_of(entries: Sequence[Entry]) -> tuple[int, str]:
    return (entries[-1].index + 1, entries[-1].running_hash) if entries else (0, "")


def _receipt(kept: bytes) -> Receipt:
    index, _, running_hash = kept.decode().partition(":")
    return Receipt(int(index), running_hash)


def _optional(kept: bytes | None) -> int | None:
    return int(kept) if kept is not None else None

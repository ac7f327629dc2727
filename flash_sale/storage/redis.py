"""Stock and reservations in Redis: one method per script, one named outcome each.

Decides nothing itself. A Redis that does not answer, or answers that it cannot write, raises
`Refused("unknown_outcome")`: the act may have been applied; ask again with the same key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import msgpack
from redis.asyncio import Redis
from redis.exceptions import RedisError

from flash_sale.channels import LIVE, Cell, cell_name
from flash_sale.errors import Refused, not_found, unknown_outcome
from flash_sale.orders import Reservation
from flash_sale.ports import (
    BatchAnswer,
    Buy,
    Entry,
    Footing,
    Frozen,
    Released,
    Settlement,
    Snapshot,
    StageChange,
    StoredAnswer,
    Transfer,
)
from flash_sale.sale import Level, Sale, Stage
from flash_sale.storage import keys
from flash_sale.storage.records import (
    FINGERPRINT_BYTES,
    answer_json,
    batch_answers,
    buy_columns,
    counters_of,
    pack_record,
    unpack,
    unpack_record,
)
from flash_sale.storage.scripts import Scripts
from flash_sale.storage.stream import facts_after


class RedisStock:
    """`flash_sale.ports.StockStore` on Redis ≥ 7.0 or Valkey. `now_ms` 0 = Redis' own clock."""

    def __init__(self, redis: Redis, scripts: Scripts) -> None:
        self._redis = redis
        self._scripts = scripts

    # -- buying ---------------------------------------------------------------------------------

    async def reserve(self, sale_id: str, now_ms: int, buys: Sequence[Buy]) -> BatchAnswer:
        async with answering():
            packed = await self._scripts.run("reserve", sale_id, now_ms, *buy_columns(buys))
        outcome, *rest = _unpack_raw(packed)
        if outcome != b"ok":
            return BatchAnswer(outcome.decode(), (), {})
        return BatchAnswer("ok", batch_answers(rest[0]), _levels(rest[1]))

    async def settle(self, sale_id: str, suffix: str, payment_id: str, now_ms: int) -> Settlement:
        async with answering():
            packed = await self._scripts.run("settle", sale_id, now_ms, suffix, payment_id)
        outcome, record = _unpack_raw(packed)
        return Settlement(outcome.decode(), _record(suffix, record), {})

    async def reclaim(self, sale_id: str, suffix: str, payment_id: str, now_ms: int) -> Settlement:
        async with answering():
            packed = await self._scripts.run("reclaim", sale_id, now_ms, suffix, payment_id)
        outcome, record, levels = _unpack_raw(packed)
        return Settlement(outcome.decode(), _record(suffix, record), _levels(levels))

    async def release(
        self, sale_id: str, suffixes: Sequence[str], target: str, now_ms: int
    ) -> Released:
        async with answering():
            packed = await self._scripts.run("release", sale_id, now_ms, target, suffixes)
        outcome, *rest = _unpack_raw(packed)
        if outcome != b"ok":
            return Released(outcome.decode(), (), (), {})
        records = tuple(_record(s, r) for s, r in zip(suffixes, rest[1], strict=True))
        return Released("ok", tuple(o.decode() for o in rest[0]), records, _levels(rest[2]))

    async def regroup(
        self,
        sale_id: str,
        field: str,
        fingerprint: str,
        answer: str,
        olds: Sequence[Reservation],
        news: Sequence[tuple[Reservation, str, str]],
        now_ms: int,
    ) -> tuple[str, str]:
        """Outcome and stored answer, see `lua/regroup.lua`."""
        given_up = [(old.suffix, old.journal_seq) for old in olds]
        made = [
            (hold.suffix, pack_record(hold), f"{hold.user_id}:{hold.key}", mark, text)
            for hold, mark, text in news
        ]
        terms = (now_ms, field, fingerprint, answer, given_up, made)
        async with answering():
            packed = await self._scripts.run("regroup", sale_id, *terms)
        outcome, stored = _unpack_raw(packed)
        return outcome.decode(), stored.decode()

    async def freeze(self, sale_id: str, suffix: str, freeze_ms: int, now_ms: int) -> Frozen:
        async with answering():
            packed = await self._scripts.run("freeze", sale_id, now_ms, suffix, freeze_ms)
        outcome, record = _unpack_raw(packed)
        return Frozen(outcome.decode(), _record(suffix, record))

    # -- staff ----------------------------------------------------------------------------------

    async def adjust(
        self,
        sale_id: str,
        kind: str,
        sku_id: str,
        qty: int,
        *,
        key: str,
        actor: str,
        reason: str,
        now_ms: int,
        channel: str = LIVE,
        suffix: str = "",
    ) -> Level:
        what = (kind, sku_id, qty, key, actor, reason, channel, suffix)
        async with answering():
            packed = await self._scripts.run("adjust", sale_id, now_ms, *what)
        outcome, left, version = unpack(packed)
        if outcome == "done":
            return Level(left, version)
        raise _refusal(outcome)

    async def transfer(self, sale_id: str, ask: Transfer, now_ms: int) -> tuple[Level, Level]:
        """The levels of both channels after it."""
        way = (ask.from_channel, ask.to_channel, ask.key, ask.actor, ask.reason)
        async with answering():
            packed = await self._scripts.run("transfer", sale_id, now_ms, ask.sku_id, ask.qty, *way)
        outcome, giver, taker = unpack(packed)
        if outcome == "done":
            return Level(*giver), Level(*taker)
        raise _refusal(outcome)

    async def change_stage(
        self, sale_id: str, act: str, *, countdown_ms: int, duration_ms: int, now_ms: int
    ) -> StageChange:
        async with answering():
            packed = await self._scripts.run(
                "stage", sale_id, now_ms, act, countdown_ms, duration_ms
            )
        outcome, stage, start_ms, end_ms, seq, paused = unpack(packed)
        if outcome != "done":
            raise _refusal(outcome)
        return StageChange(Stage(stage), start_ms or None, end_ms or None, seq, paused == 1)

    # -- reading --------------------------------------------------------------------------------

    async def now_ms(self) -> int:
        async with answering():
            seconds, micros = await self._redis.time()
        return seconds * 1000 + micros // 1000

    async def levels(self, sale_ids: Sequence[str]) -> dict[str, dict[str, Level]]:
        """Per sale the level of each SKU. Left out: a sale that is not known, or, on a cluster,
        whose node does not answer while others do."""
        async with answering():
            pipe = self._redis.pipeline(transaction=False)
            for sale_id in sale_ids:
                pipe.hgetall(keys.stock(sale_id))
            rows = _of_those_who_answer(await pipe.execute(raise_on_error=False))
        return {
            sale_id: _levels_of(counters_of(row))
            for sale_id, row in zip(sale_ids, rows, strict=True)
            if row
        }

    async def reservation(self, sale_id: str, suffix: str) -> Reservation | None:
        async with answering():
            packed = await _hget(self._redis, keys.reservations(sale_id), suffix)
        return unpack_record(suffix, packed) if packed else None

    async def stored_answer(self, sale_id: str, user_id: str, key: str) -> StoredAnswer | None:
        async with answering():
            stored = await _hget(self._redis, keys.answers(sale_id), f"{user_id}:{key}")
        if not stored:
            return None
        fingerprint = stored[:FINGERPRINT_BYTES].decode()
        return StoredAnswer(fingerprint, answer_json(stored).decode())

    async def due_holds(self, sale_id: str, now_ms: int, limit: int) -> list[str]:
        """The longest overdue holds at `now_ms`, at most `limit`."""
        async with answering():
            found = await self._redis.zrangebyscore(
                keys.holds(sale_id), "-inf", now_ms, start=0, num=limit
            )
        return [suffix.decode() for suffix in cast("list[bytes]", found)]

    async def snapshot(self, sale_id: str, *, records_max: int | None = None) -> Snapshot | None:
        """Counters and records of one moment, for the audit; without records past `records_max`."""
        if records_max is not None and await self._records(sale_id) > records_max:
            return await self._counters_only(sale_id)
        async with answering():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hget(keys.sale(sale_id), "fenced")
            pipe.hgetall(keys.stock(sale_id))
            pipe.hgetall(keys.reservations(sale_id))
            pipe.hgetall(keys.counts(sale_id))
            pipe.zcard(keys.holds(sale_id))
            fenced, stock, records, counts, holds = await pipe.execute()
        if fenced is None:
            return None
        return Snapshot(
            counters=counters_of(stock),
            reservations=(unpack_record(suffix.decode(), row) for suffix, row in records.items()),
            counts={field.decode(): int(count) for field, count in counts.items()},
            holds=holds,
            fenced=fenced != b"0",
        )

    async def _records(self, sale_id: str) -> int:
        async with answering():
            return int(await self._redis.hlen(keys.reservations(sale_id)))

    async def _counters_only(self, sale_id: str) -> Snapshot | None:
        async with answering():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hget(keys.sale(sale_id), "fenced")
            pipe.hgetall(keys.stock(sale_id))
            fenced, stock = await pipe.execute()
        if fenced is None:
            return None
        return Snapshot(counters_of(stock), None, {}, 0, fenced=fenced != b"0")

    # -- journal --------------------------------------------------------------------------------

    async def entries_after(self, sale_id: str, seq: int, limit: int) -> list[Entry]:
        """The facts after number `seq`, at most `limit`."""
        async with answering():
            return await facts_after(self._redis, sale_id, seq, limit)

    async def trim(self, sale_id: str, upto_seq: int) -> None:
        """Forget journal entries up to and with `upto_seq`; they must be safe in SQL."""
        async with answering():
            await self._redis.xtrim(
                keys.journal(sale_id), minid=f"{upto_seq + 1}-0", approximate=False
            )

    # -- generations ----------------------------------------------------------------------------

    async def footings(self, sale_ids: Sequence[str]) -> dict[str, Footing | None]:
        async with answering():
            pipe = self._redis.pipeline(transaction=False)
            for sale_id in sale_ids:
                pipe.hmget(keys.sale(sale_id), "stage", "generation", "fenced", "journal_seq")
            rows = _of_those_who_answer(await pipe.execute(raise_on_error=False))
        found: dict[str, Footing | None] = {}
        for sale_id, row in zip(sale_ids, rows, strict=True):
            if row is None:
                found[sale_id] = None
            elif row[0] is not None:
                found[sale_id] = Footing(int(row[1]), row[2] != b"0", int(row[3]))
        return found

    async def begin(
        self, sale: Sale, counters: Mapping[Cell, Mapping[str, int]], *, seq: int, fenced: str
    ) -> bool:
        """Lay down `sale.generation`; False when that or a later one is there already."""
        fields = [
            *("number", sale.number, "room_id", sale.room_id, "stage", sale.stage.value),
            *("start_ms", sale.start_ms or 0, "end_ms", sale.end_ms or 0),
            *("hold_ms", sale.hold_s * 1000, "pay_ms", sale.pay_s * 1000),
            *("currency", sale.currency, "journal_seq", seq, "fenced", fenced),
            *("paused", int(sale.paused)),
        ]
        stock: list[object] = []
        for cell, counts in counters.items():
            for name, count in counts.items():
                stock += (f"{name}:{cell_name(cell)}", count)
        for sku in sale.skus:
            channels = " ".join(c.channel for c in counters if c.sku_id == sku.sku_id)
            stock += (f"p:{sku.sku_id}", sku.sale_cents, f"l:{sku.sku_id}", sku.per_user)
            stock += (f"c:{sku.sku_id}", channels)
        async with answering():
            done = await self._scripts.run("begin", sale.sale_id, sale.generation, fields, stock)
            if done == b"begun":
                await self._redis.sadd(keys.SALES_INDEX, sale.sale_id)
        return bool(done == b"begun")

    async def claim(self, sale_id: str, *, generation: int, seq: int) -> bool:
        """Take the place of a missing sale, fenced; False when it is there after all."""
        async with answering():
            done = await self._scripts.run("claim", sale_id, generation, seq)
        return bool(done == b"claimed")

    async def load(
        self,
        sale_id: str,
        generation: int,
        reservations: Sequence[tuple[Reservation, StoredAnswer | None]],
    ) -> bool:
        items = [
            (
                reservation.suffix,
                pack_record(reservation),
                _answer_fields(reservation, answer),
                answer.fingerprint + answer.json if answer else "",
            )
            for reservation, answer in reservations
        ]
        async with answering():
            done = await self._scripts.run("load", sale_id, generation, items)
        return bool(done == b"loaded")

    async def fence(self, sale_id: str, *, generation: int = 0) -> None:
        """Close the sale to every change. Safe before the scripts are loaded."""
        async with answering():
            await self._scripts.run_unchecked("fence", sale_id, generation, "1")

    async def unfence(self, sale_id: str, *, generation: int) -> bool:
        async with answering():
            done = await self._scripts.run("fence", sale_id, generation, "0")
        return bool(done == b"done")

    async def forget(self, sale_id: str) -> None:
        """Drop a retired sale's data; SQL keeps all of it."""
        async with answering():
            beside = (*keys.queue_of(sale_id), *keys.waitlist_of(sale_id), keys.risk(sale_id))
            await self._redis.unlink(*keys.all_of(sale_id), *beside)
            await self._redis.srem(keys.SALES_INDEX, sale_id)


@asynccontextmanager
async def answering() -> AsyncIterator[None]:
    """Turn every trouble with Redis into the one outcome it has for the caller."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as trouble:
        raise unknown_outcome() from trouble


async def _hget(redis: Redis, key: str, field: str) -> bytes | None:
    return cast("bytes | None", await cast("Awaitable[object]", redis.hget(key, field)))


def _of_those_who_answer(replies: Sequence[Any]) -> list[Any]:
    """None in place of an error; raises the first when nobody has answered."""
    errors = [reply for reply in replies if isinstance(reply, Exception)]
    if errors and len(errors) == len(replies):
        raise errors[0]
    return [None if isinstance(reply, Exception) else reply for reply in replies]


def _unpack_raw(packed: bytes) -> Any:  # noqa: ANN401 - a script's answer
    return msgpack.unpackb(packed, raw=True)


def _levels(raw: Any) -> dict[str, Level]:  # noqa: ANN401 - an empty Lua table is a list
    return {sku.decode(): Level(*pair) for sku, pair in raw.items()} if raw else {}


def _record(suffix: str, packed: bytes) -> Reservation | None:
    return unpack_record(suffix, packed) if packed else None


def _answer_fields(reservation: Reservation, answer: StoredAnswer | None) -> list[str]:
    if answer is None:
        return []
    return [f"{reservation.user_id}:{key}" for key in (reservation.key, *answer.more_keys)]


def _levels_of(counters: dict[Cell, dict[str, int]]) -> dict[str, Level]:
    """What the room sells from: the live channel."""
    return {
        cell.sku_id: Level(row["a"], row["v"])
        for cell, row in counters.items()
        if cell.channel == LIVE
    }


def _refusal(outcome: str) -> Refused:
    if outcome in ("missing", "fenced"):
        return unknown_outcome()
    if outcome == "not_found":
        return not_found("SKU in this sale")
    texts = {
        "conflict": "Not possible as things stand.",
        "key_reused": "This key was used for another act.",
        "bad_request": "Not an acceptable quantity or channel.",
    }
    return Refused(outcome, texts[outcome])

"""Entries of lotteries on a real Redis: one chain, one freeze, one result."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from room import lottery as rules
from room.fairness import chain_root, receipt_fits
from room.giveaways import DRAW_ASKED
from room.lottery import Progress
from room.shapes import Receipt
from room.storage import keys, lottery_redis
from room.storage.lottery_redis import RedisLotteries
from tests.contracts.room.giveaway_steps import (
    a_record,
    refusal,
)
from tests.room.people import NOW_MS


async def test_entries_form_one_chain_and_repeats_get_the_old_receipt(
    lotteries: RedisLotteries,
) -> None:
    assert await lotteries.create(a_record())
    assert not await lotteries.create(a_record())
    first = await lotteries.join("r1", "l1", [("a", "A"), ("b", "B"), ("a", "A2")])
    second = await lotteries.join("r1", "l1", [("b", "B"), ("c", "C")])
    assert first[0] == first[2] == Receipt(0, chain_root("l1", ["a"]))
    assert second == [first[1], Receipt(2, chain_root("l1", ["a", "b", "c"]))]
    assert await lotteries.entries("r1", "l1") == [("a", "A"), ("b", "B"), ("c", "C")]
    assert await lotteries.counts("r1", ["l1", "none"]) == {"l1": 3, "none": 0}
    assert await lotteries.receipt("r1", "l1", "c") == second[1]
    assert await lotteries.receipt("r1", "l1", "z") is None


async def test_workers_that_append_at_once_do_not_break_the_chain(
    lotteries: RedisLotteries,
) -> None:
    await lotteries.create(a_record())
    batches = [[(f"u{n}", "n") for n in range(start, start + 9)] for start in range(0, 100, 7)]
    answers = await asyncio.gather(*(lotteries.join("r1", "l1", batch) for batch in batches))
    entries = [user for user, _ in await lotteries.entries("r1", "l1")]
    assert len(entries) == len(set(entries)) == len({u for batch in batches for u, _ in batch})
    for batch, receipts in zip(batches, answers, strict=True):
        for (user, _), receipt in zip(batch, receipts, strict=True):
            assert receipt is not None
            assert receipt_fits(
                "l1", entries, user, index=receipt.index, running_hash=receipt.running_hash
            )


async def test_freezing_happens_once_and_shuts_the_door(lotteries: RedisLotteries) -> None:
    assert await lotteries.freeze("r1", "l1", banned=[], now_ms=NOW_MS) is None
    await lotteries.create(a_record())
    await lotteries.join("r1", "l1", [("a", "A"), ("b", "B")])
    root = chain_root("l1", ["a", "b"])
    frozen = Progress("frozen", 2, root)
    assert await lotteries.freeze("r1", "l1", banned=["b", "z"], now_ms=NOW_MS) == frozen
    assert await lotteries.freeze("r1", "l1", banned=["a"], now_ms=NOW_MS + 9) == frozen
    assert await lotteries.join("r1", "l1", [("c", "C"), ("a", "A")]) == [
        None,
        Receipt(0, chain_root("l1", ["a"])),
    ]
    record = await lotteries.load("r1", "l1")
    assert record is not None
    assert (record.excluded, record.frozen_ms, record.entries_root) == (("b",), NOW_MS, root)


async def test_a_result_is_fixed_once_and_only_after_freezing(
    lotteries: RedisLotteries, redis: Redis
) -> None:
    await lotteries.create(a_record())
    await lotteries.join("r1", "l1", [("a", "A"), ("b", "B"), ("c", "C")])

    async def fix(winners: tuple[Any, ...]) -> bool:
        return await lotteries.store_result("r1", "l1", winners=winners, now_ms=NOW_MS)

    assert not await fix(())
    await lotteries.freeze("r1", "l1", banned=[], now_ms=NOW_MS)
    record = await lotteries.load("r1", "l1")
    assert record is not None
    winners = rules.winners(record, await lotteries.entries("r1", "l1"))
    assert await fix(winners)
    assert not await fix(winners[:1])
    drawn = await lotteries.load("r1", "l1")
    assert drawn is not None
    assert (drawn.state, drawn.winners) == ("drawn", winners)
    assert await lotteries.freeze("r1", "l1", banned=[], now_ms=NOW_MS) == Progress(
        "drawn", 3, drawn.entries_root
    )
    assert await redis.ttl(keys.entries("r1", "l1")) > 0


async def test_a_full_lottery_takes_nobody_more(
    lotteries: RedisLotteries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lottery_redis, "ENTRIES_MAX", 3)
    await lotteries.create(a_record())
    answers = await lotteries.join("r1", "l1", [(f"u{n}", "n") for n in range(5)])
    assert [answer is not None for answer in answers] == [True, True, True, False, False]


async def test_joining_what_is_not_there_is_refused(lotteries: RedisLotteries) -> None:
    assert await refusal(lotteries.join("r1", "none", [("a", "A")])) == "not_found"


async def test_the_timetable_names_what_is_due(lotteries: RedisLotteries) -> None:
    await lotteries.schedule("r1", "b", NOW_MS + 1)
    await lotteries.schedule("r1", "a", NOW_MS)
    await lotteries.schedule("r1", "c", DRAW_ASKED)
    assert await lotteries.due(NOW_MS) == [("r1", "c", DRAW_ASKED), ("r1", "a", NOW_MS)]
    await lotteries.unschedule("r1", "a")
    assert await lotteries.due(NOW_MS + 1, limit=9) == [
        ("r1", "c", DRAW_ASKED),
        ("r1", "b", NOW_MS + 1),
    ]


async def test_a_batch_that_meets_the_freeze_is_not_let_in(
    lotteries: RedisLotteries, redis: Redis
) -> None:
    """The entries are frozen after a batch has read the chain and before it is appended."""

    class FrozenMeanwhile(RedisLotteries):
        async def _append(self, *arguments: Any) -> str:
            await lotteries.freeze("r1", "l1", banned=[], now_ms=NOW_MS)
            return await super()._append(*arguments)

    await lotteries.create(a_record())
    assert await FrozenMeanwhile(redis).join("r1", "l1", [("a", "A")]) == [None]
    assert await lotteries.entries("r1", "l1") == []

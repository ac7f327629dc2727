"""Ranking many entries keeps nobody waiting, and finds whom the plain arithmetic finds."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from msgspec.structs import replace

from room import fairness, lottery
from room.fairness import RANKED_AT_ONCE, chain_root
from room.lottery import LotteryRecord
from room.ranking import ranks
from tests.room.people import NOW_MS

COUNT = 10 * RANKED_AT_ONCE + 1
ENTRIES = tuple((f"u{n}", f"name {n}") for n in range(COUNT))
SEED = bytes(range(32))


def frozen() -> LotteryRecord:
    spec = lottery.spec(winners=50, prize="奖品", now_ms=NOW_MS, claim_s=60)
    opened = lottery.record(spec, room_id="r1", lottery_id="l1", seed=SEED, now_ms=NOW_MS)
    root = chain_root("l1", [user_id for user_id, _ in ENTRIES])
    return replace(opened, state="frozen", entries_root=root, excluded=("u3", "u5"))


def plain_order(record: LotteryRecord) -> list[str]:
    eligible = {user_id for user_id, _ in ENTRIES} - set(record.excluded)
    best = fairness.ranked(SEED, record.lottery_id, record.root, eligible)
    return [user_id for _, user_id in best]


async def test_the_loop_has_its_turn_between_any_two_slices() -> None:
    """Others go on: as many turns as slices, and no slice larger than the limit."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await asyncio.sleep(0)
    before = turns
    await ranks(frozen(), ENTRIES)
    assert turns - before >= COUNT // RANKED_AT_ONCE
    task.cancel()
    sizes = [len(some) for some in lottery.slices(frozen(), ENTRIES)]
    assert sum(sizes) == COUNT - 2
    assert max(sizes) <= RANKED_AT_ONCE


async def test_everybody_has_the_rank_of_the_plain_arithmetic() -> None:
    """The same winners, in the same order, and who comes in after them."""
    record = frozen()
    wanted = plain_order(record)
    order = await ranks(record, ENTRIES)
    won = order.winners(NOW_MS)
    assert won == lottery.winners(record, ENTRIES, NOW_MS)
    assert [winner.user_id for winner in won] == wanted[:50]
    assert {winner.claim_by_ms for winner in won} == {NOW_MS + 60_000}
    later = order.at(5_000)
    assert later is not None
    assert (later.user_id, later.rank) == (wanted[5_000], 5_001)
    scores = [one.score for one in map(order.at, range(5_000)) if one is not None]
    assert all(better < worse for better, worse in pairwise(scores))
    assert order.at(COUNT - 2) is None

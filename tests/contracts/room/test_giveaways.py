"""A lottery from its opening to a proof that holds, on real stores."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from redis.asyncio import Redis

from room import lottery as rules
from room import moderation
from room.conditions import Standing
from room.errors import Refused
from room.fairness import receipt_fits, verify
from room.giveaways import Giveaways
from room.replica import Replica
from room.room import Rooms
from room.shapes import Receipt
from room.storage.attendance import RedisAttendance
from tests.contracts.room.giveaway_steps import (
    CLOSE_MS,
    joined,
    only,
    opened,
    person,
    refusal,
    told,
)
from tests.room.people import HOST, NOW_MS


async def test_a_lottery_from_opening_to_a_proof_that_holds(
    giveaways: Giveaways, replica: Replica
) -> None:
    lottery_id = await opened(giveaways, replica, winners=3)
    receipts = await joined(giveaways, replica, lottery_id, 20)
    assert sorted(receipt.index for receipt in receipts) == list(range(20))
    again = await giveaways.join(replica, lottery_id, person(4), Standing(), NOW_MS)
    assert again == receipts[4]
    assert await giveaways.counts(replica) == {lottery_id: 20}
    before = await giveaways.proof(lottery_id)
    assert before is not None
    assert (before["state"], before["entries_count"], "server_seed" in before) == (
        "open",
        20,
        False,
    )
    winners = await giveaways.draw(replica, lottery_id, NOW_MS + 5)
    assert len({winner.user_id for winner in winners}) == 3
    assert told(replica) == ["lottery.opened", "lottery.frozen", "lottery.drawn"]
    assert replica.state.lotteries[lottery_id].winners == winners
    proof = await giveaways.proof(lottery_id)
    assert proof is not None
    assert verify(proof) == []
    assert (proof["seed_hash"], proof["rules_hash"]) == (
        before["seed_hash"],
        before["rules_hash"],
    )
    entries: Any = proof["entries"]
    for nth, receipt in enumerate(receipts):
        assert receipt_fits(
            lottery_id,
            entries,
            f"u{nth}",
            index=receipt.index,
            running_hash=receipt.running_hash,
        )
    assert await giveaways.proof("nothing") is None


async def test_a_second_draw_is_refused_and_a_late_join_closed(
    giveaways: Giveaways, replica: Replica
) -> None:
    lottery_id = await opened(giveaways, replica)
    receipts = await joined(giveaways, replica, lottery_id, 3)
    await giveaways.draw(replica, lottery_id, NOW_MS)
    assert await refusal(giveaways.draw(replica, lottery_id, NOW_MS)) == "conflict"
    late = giveaways.join(replica, lottery_id, person(9), Standing(), NOW_MS)
    assert await refusal(late) == "closed"
    assert await giveaways.join(replica, lottery_id, person(1), Standing(), NOW_MS) == receipts[1]
    assert await refusal(giveaways.draw(replica, "none", NOW_MS)) == "not_found"


async def test_fewer_entrants_than_prizes_all_win_and_none_is_fine(
    giveaways: Giveaways, replica: Replica
) -> None:
    lottery_id = await opened(giveaways, replica, winners=10)
    await joined(giveaways, replica, lottery_id, 3)
    assert len(await giveaways.draw(replica, lottery_id, NOW_MS)) == 3
    empty = await opened(giveaways, replica)
    assert await giveaways.draw(replica, empty, NOW_MS) == ()


async def test_draws_at_once_by_hand_and_by_clock_give_one_result(
    giveaways: Giveaways, replica: Replica
) -> None:
    lottery_id = await opened(giveaways, replica, close_ms=CLOSE_MS)
    await joined(giveaways, replica, lottery_id, 30)
    now_ms = NOW_MS + CLOSE_MS

    async def by_hand() -> str:
        try:
            await giveaways.draw(replica, lottery_id, now_ms)
        except Refused as refused:
            return refused.code
        return "drawn"

    async def by_clock() -> str:
        await giveaways.resume(now_ms, only(replica))
        return "clock"

    outcomes = await asyncio.gather(*(by_hand() for _ in range(6)), by_clock(), by_clock())
    assert outcomes.count("drawn") <= 1
    assert set(outcomes) <= {"drawn", "conflict", "clock"}
    assert told(replica) == ["lottery.opened", "lottery.frozen", "lottery.drawn"]
    proof = await giveaways.proof(lottery_id)
    assert proof is not None
    assert verify(proof) == []


async def test_the_clock_draws_at_the_closing_time_and_not_before(
    giveaways: Giveaways, replica: Replica
) -> None:
    lottery_id = await opened(giveaways, replica, close_ms=CLOSE_MS)
    await joined(giveaways, replica, lottery_id, 5)
    closing_ms = NOW_MS + CLOSE_MS
    assert await giveaways.resume(closing_ms - 1, only(replica)) == 0
    late = giveaways.join(replica, lottery_id, person(9), None, closing_ms)
    assert await refusal(late) == "closed"
    assert await giveaways.resume(closing_ms, only(replica)) == 1
    assert replica.state.lotteries[lottery_id].state == "drawn"
    assert await giveaways.resume(closing_ms, only(replica)) == 0


async def test_a_lottery_by_hand_waits_for_the_host(giveaways: Giveaways, replica: Replica) -> None:
    lottery_id = await opened(giveaways, replica)
    assert await giveaways.resume(NOW_MS + 10**9, only(replica)) == 0
    assert replica.state.lotteries[lottery_id].state == "open"


async def test_conditions_hold_at_the_door(giveaways: Giveaways, replica: Replica) -> None:
    lottery_id = await opened(giveaways, replica, conditions={"phrase": "冲", "watch_s": 10})

    def join(phrase: str | None) -> Awaitable[Receipt]:
        standing = Standing(phrase, watched_ms=watched_ms)
        return giveaways.join(replica, lottery_id, person(1), standing, NOW_MS)

    watched_ms = 9_999
    assert await refusal(join("冲")) == "not_qualified"
    watched_ms = 10_000
    assert await refusal(join(None)) == "not_qualified"
    assert (await join("冲")).index == 0


async def test_the_banned_do_not_win_and_the_next_in_rank_does(
    giveaways: Giveaways, replica: Replica, rooms: Rooms
) -> None:
    lottery_id = await opened(giveaways, replica, winners=2)
    await joined(giveaways, replica, lottery_id, 3)
    await rooms.change(replica, lambda s: moderation.ban(s, user_id="u1", by=HOST), NOW_MS)
    late = giveaways.join(replica, lottery_id, person(1), Standing(), NOW_MS)
    assert await refusal(late) == "banned"
    winners = await giveaways.draw(replica, lottery_id, NOW_MS)
    assert {winner.user_id for winner in winners} == {"u0", "u2"}
    proof = await giveaways.proof(lottery_id)
    assert proof is not None
    assert proof["excluded"] == ["u1"]
    assert verify(proof) == []


async def test_one_at_a_time_also_when_two_are_opened_at_once(
    giveaways: Giveaways, replica: Replica
) -> None:
    """The second is called off before anybody hears of it."""
    spec = rules.spec(winners=1, prize="杯子", now_ms=NOW_MS)
    both = [giveaways.open(replica, spec, NOW_MS) for _ in range(2)]
    answers = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Lottery", "Refused"]
    assert told(replica) == ["lottery.opened"]


async def test_the_absent_are_excluded_by_the_freeze_and_named_in_the_proof(
    giveaways: Giveaways, replica: Replica, redis: Redis
) -> None:
    """Who left and came back counts as here; the list is public before anybody is drawn."""
    here = RedisAttendance(redis)
    lottery_id = await opened(giveaways, replica, winners=3, conditions={"present": True})
    await joined(giveaways, replica, lottery_id, 5)
    await here.note_here("r1", "w1", came=["u0", "u1", "u2", "passer"], left=[])
    await here.note_here("r1", "w2", came=["u3"], left=[])
    await here.note_here("r1", "w1", came=[], left=["u1", "u2"])
    await here.note_here("r1", "w2", came=["u2"], left=["u9"])
    await giveaways.freeze(replica, lottery_id, NOW_MS)
    frozen = await giveaways.proof(lottery_id)
    await here.note_here("r1", "w1", came=["u1"], left=["u0"])  # too late to change anything
    assert frozen is not None
    assert frozen["absent"] == frozen["excluded"] == ["u1", "u4"]
    winners = await giveaways.draw(replica, lottery_id, NOW_MS)
    assert {winner.user_id for winner in winners} == {"u0", "u2", "u3"}
    proof = await giveaways.proof(lottery_id)
    assert proof is not None
    assert proof["excluded"] == ["u1", "u4"]
    assert verify(proof) == []

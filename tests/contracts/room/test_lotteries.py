"""Lotteries on a real Redis: one chain, one freeze, one draw, whatever crashes in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from room import lottery as rules
from room import moderation
from room.errors import Refused, Unavailable
from room.fairness import chain_root, receipt_fits, verify
from room.giveaways import DRAW_ASKED, Giveaways
from room.lottery import LotteryRecord, Progress
from room.replica import Replica
from room.room import Rooms
from room.shapes import Receipt, User
from room.storage import keys, lottery_redis
from room.storage.lottery_redis import RedisLotteries
from room.storage.redis import RedisRooms
from room.storage.sql import SqlArchive
from tests.room.people import HOST, NOW_MS

CLOSE_MS = 60_000


def a_record(lottery_id: str = "l1", **asked: Any) -> LotteryRecord:
    spec = rules.spec(**({"winners": 2, "prize": "杯子", "now_ms": NOW_MS} | asked))
    return rules.record(
        spec, room_id="r1", lottery_id=lottery_id, seed=bytes(range(32)), now_ms=NOW_MS
    )


def person(nth: int) -> User:
    return User(f"u{nth}", f"名{nth}", "viewer")


@pytest.fixture
async def replica(rooms: Rooms) -> Replica:
    await rooms.create(room_id="r1", title="直播", stream_url="", host=HOST, now_ms=NOW_MS)
    found = await rooms.open("r1", NOW_MS)
    assert found is not None
    return found


async def opened(giveaways: Giveaways, replica: Replica, **asked: Any) -> str:
    spec = rules.spec(**({"winners": 2, "prize": "杯子", "now_ms": NOW_MS} | asked))
    return (await giveaways.open(replica, spec, NOW_MS)).lottery_id


async def joined(
    giveaways: Giveaways, replica: Replica, lottery_id: str, count: int
) -> list[Receipt]:
    return list(
        await asyncio.gather(
            *(
                giveaways.join(replica, lottery_id, person(nth), None, NOW_MS)
                for nth in range(count)
            )
        )
    )


def only(replica: Replica) -> Callable[[str], Awaitable[Replica | None]]:
    async def replica_of(room_id: str) -> Replica | None:
        return replica if room_id == replica.room_id else None

    return replica_of


def told(replica: Replica) -> list[str]:
    return [event.t for event in replica.ring if event.t.startswith("lottery.")]


async def refusal(act: Awaitable[object]) -> str:
    with pytest.raises(Refused) as refused:
        await act
    return refused.value.code


# What the store decides


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


# What the use cases make of it


async def test_a_lottery_from_opening_to_a_proof_that_holds(
    giveaways: Giveaways, replica: Replica
) -> None:
    lottery_id = await opened(giveaways, replica, winners=3)
    receipts = await joined(giveaways, replica, lottery_id, 20)
    assert sorted(receipt.index for receipt in receipts) == list(range(20))
    again = await giveaways.join(replica, lottery_id, person(4), None, NOW_MS)
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
    late = giveaways.join(replica, lottery_id, person(9), None, NOW_MS)
    assert await refusal(late) == "closed"
    assert await giveaways.join(replica, lottery_id, person(1), None, NOW_MS) == receipts[1]
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


async def test_conditions_hold_at_the_door(
    giveaways: Giveaways, replica: Replica, store: RedisRooms
) -> None:
    lottery_id = await opened(giveaways, replica, conditions={"phrase": "冲", "watch_s": 10})

    def join(phrase: str | None) -> Awaitable[Receipt]:
        return giveaways.join(replica, lottery_id, person(1), phrase, NOW_MS)

    assert await refusal(join("冲")) == "not_qualified"
    await store.credit_watch("r1", [("u1", NOW_MS, NOW_MS + 10_000)])
    assert await refusal(join(None)) == "not_qualified"
    assert (await join("冲")).index == 0


async def test_the_banned_do_not_win_and_the_next_in_rank_does(
    giveaways: Giveaways, replica: Replica, rooms: Rooms
) -> None:
    lottery_id = await opened(giveaways, replica, winners=2)
    await joined(giveaways, replica, lottery_id, 3)
    await rooms.change(replica, lambda s: moderation.ban(s, user_id="u1", by=HOST), NOW_MS)
    assert await refusal(giveaways.join(replica, lottery_id, person(1), None, NOW_MS)) == "banned"
    winners = await giveaways.draw(replica, lottery_id, NOW_MS)
    assert {winner.user_id for winner in winners} == {"u0", "u2"}
    proof = await giveaways.proof(lottery_id)
    assert proof is not None
    assert proof["excluded"] == ["u1"]
    assert verify(proof) == []


# What a crash leaves

STEPS = ["archived", "scheduled", "created", "asked", "frozen", "decided"]


@pytest.mark.parametrize("step", STEPS)
async def test_whatever_a_crash_left_is_finished_once(
    step: str,
    giveaways: Giveaways,
    lotteries: RedisLotteries,
    sqlite_archive: SqlArchive,
    replica: Replica,
) -> None:
    """Each case does the first steps by hand, stops there, and lets the clock go on."""
    at = STEPS.index(step)
    record = a_record(close_ms=CLOSE_MS)
    entrants = [(f"u{n}", "n") for n in range(9)]
    await sqlite_archive.save_lottery(record, NOW_MS)
    if at >= 1:
        await lotteries.schedule("r1", "l1", NOW_MS)
    if at >= 2:
        await lotteries.create(record)
        await lotteries.join("r1", "l1", entrants)
    if at >= 3:
        await lotteries.schedule("r1", "l1", DRAW_ASKED)
    if at >= 4:
        await lotteries.freeze("r1", "l1", banned=[], now_ms=NOW_MS)
    if at >= 5:
        frozen = await lotteries.load("r1", "l1")
        assert frozen is not None
        await lotteries.store_result(
            "r1", "l1", winners=rules.winners(frozen, entrants), now_ms=NOW_MS
        )
    for now_ms in (NOW_MS + 1, NOW_MS + CLOSE_MS, NOW_MS + 2 * CLOSE_MS + 1):
        await giveaways.resume(now_ms, only(replica))
    assert await lotteries.due(10**13) == []
    if at < 2:
        assert told(replica) == []  # nobody was told and nobody could enter
        return
    assert told(replica) == ["lottery.opened", "lottery.frozen", "lottery.drawn"]
    wanted = rules.winners(
        replace(record, entries_root=chain_root("l1", [user for user, _ in entrants])), entrants
    )
    assert replica.state.lotteries["l1"].winners == wanted
    proof = await giveaways.proof("l1")
    assert proof is not None
    assert verify(proof) == []


async def test_a_draw_interrupted_by_a_silent_store_is_finished_with_the_same_winners(
    giveaways: Giveaways, replica: Replica, monkeypatch: pytest.MonkeyPatch, rooms: Rooms
) -> None:
    lottery_id = await opened(giveaways, replica)
    await joined(giveaways, replica, lottery_id, 9)
    change = rooms.change

    async def silent(*_: object) -> list[Any]:
        raise Unavailable("Redis did not answer")

    monkeypatch.setattr(rooms, "change", silent)
    with pytest.raises(Unavailable):
        await giveaways.draw(replica, lottery_id, NOW_MS)
    monkeypatch.setattr(rooms, "change", change)
    assert await giveaways.resume(NOW_MS, only(replica)) == 1
    assert replica.state.lotteries[lottery_id].state == "drawn"
    assert await refusal(giveaways.draw(replica, lottery_id, NOW_MS)) == "conflict"


async def test_lost_entries_call_an_open_lottery_off(
    giveaways: Giveaways, replica: Replica, rooms: Rooms, redis: Redis
) -> None:
    lottery_id = await opened(giveaways, replica)
    await joined(giveaways, replica, lottery_id, 3)
    await redis.flushall()
    await rooms.heal(replica, None, NOW_MS)
    await giveaways.settle(replica, NOW_MS)
    assert replica.state.lotteries[lottery_id].state == "void"
    proof = await giveaways.proof(lottery_id)
    assert proof is not None
    assert proof["state"] == "void"
    assert await refusal(giveaways.draw(replica, lottery_id, NOW_MS)) == "conflict"


async def test_frozen_entries_in_the_archive_are_drawn_even_without_redis(
    giveaways: Giveaways,
    replica: Replica,
    rooms: Rooms,
    redis: Redis,
    lotteries: RedisLotteries,
    sqlite_archive: SqlArchive,
) -> None:
    lottery_id = await opened(giveaways, replica)
    await joined(giveaways, replica, lottery_id, 5)
    frozen = await giveaways.freeze(replica, lottery_id, NOW_MS)
    entries = tuple(await lotteries.entries("r1", lottery_id))
    await sqlite_archive.save_lottery(replace(frozen, entries=entries), NOW_MS)
    await redis.flushall()
    await rooms.heal(replica, None, NOW_MS)
    await giveaways.settle(replica, NOW_MS)
    assert replica.state.lotteries[lottery_id].winners == rules.winners(frozen, entries)
    proof = await giveaways.proof(lottery_id)
    assert proof is not None
    assert verify(proof) == []


async def test_settling_puts_unfinished_lotteries_back_on_the_timetable(
    giveaways: Giveaways, replica: Replica, lotteries: RedisLotteries, redis: Redis
) -> None:
    timed = await opened(giveaways, replica, close_ms=CLOSE_MS)
    frozen = await opened(giveaways, replica)
    await opened(giveaways, replica)
    await giveaways.freeze(replica, frozen, NOW_MS)
    await redis.delete(keys.LOTTERIES_DUE)
    await giveaways.settle(replica, NOW_MS)
    assert await lotteries.due(10**13) == [
        ("r1", frozen, DRAW_ASKED),
        ("r1", timed, NOW_MS + CLOSE_MS),
    ]


async def test_a_room_that_is_gone_does_not_hold_up_the_others(
    giveaways: Giveaways, replica: Replica, lotteries: RedisLotteries
) -> None:
    await lotteries.schedule("gone", "lx", DRAW_ASKED)
    lottery_id = await opened(giveaways, replica, close_ms=CLOSE_MS)
    assert await giveaways.resume(NOW_MS + CLOSE_MS, only(replica)) == 1
    assert replica.state.lotteries[lottery_id].state == "drawn"
    assert await lotteries.due(10**13) == []

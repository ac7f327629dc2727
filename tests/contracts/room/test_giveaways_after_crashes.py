"""Whatever a crash leaves of a lottery is finished once, with the same winners."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from room import lottery as rules
from room.conditions import Standing
from room.errors import Unavailable
from room.events import RoomChanged
from room.fairness import chain_root, verify
from room.giveaways import DRAW_ASKED, Giveaways
from room.replica import Replica
from room.room import Rooms
from room.shapes import Settings
from room.storage import keys
from room.storage.lottery_journal import SqlJournal
from room.storage.lottery_redis import RedisLotteries
from room.storage.sql import SqlArchive
from tests.contracts.room.giveaway_steps import (
    CLOSE_MS,
    a_record,
    joined,
    only,
    opened,
    person,
    refusal,
    told,
)
from tests.room.people import NOW_MS

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


async def test_lost_entries_come_back_from_the_receipts(
    giveaways: Giveaways, replica: Replica, rooms: Rooms, redis: Redis
) -> None:
    """Redis loses everything; every receipt holds, and more people enter."""
    lottery_id = await opened(giveaways, replica)
    receipts = await joined(giveaways, replica, lottery_id, 3)
    await redis.flushall()
    await rooms.heal(replica, None, NOW_MS)
    await giveaways.resume(NOW_MS, only(replica))
    assert replica.state.lotteries[lottery_id].state == "open"
    assert (await joined(giveaways, replica, lottery_id, 5))[:3] == receipts
    await giveaways.draw(replica, lottery_id, NOW_MS)
    assert await checked(giveaways, lottery_id) == [f"u{n}" for n in range(5)]


async def cut(redis: Redis, lottery_id: str, keep: int) -> None:
    """What a Redis that lost its last seconds would say."""
    gone = await redis.lrange(keys.entries("r1", lottery_id), keep, -1)  # type: ignore[misc]
    if keep:
        await redis.ltrim(keys.entries("r1", lottery_id), 0, keep - 1)  # type: ignore[misc]
    else:
        await redis.delete(keys.entries("r1", lottery_id))
    for key in (keys.receipts("r1", lottery_id), keys.names("r1", lottery_id)):
        await redis.hdel(key, *gone)  # type: ignore[misc]
    user_ids = [f"u{n}" for n in range(keep)]
    chain = {"count": keep, "hash": chain_root(lottery_id, user_ids) if keep else ""}
    await redis.hset(keys.lottery("r1", lottery_id), mapping=chain)  # type: ignore[misc]


async def checked(giveaways: Giveaways, lottery_id: str) -> list[str]:
    """The entries of a proof that verifies."""
    proof: dict[str, Any] | None = await giveaways.proof(lottery_id)
    assert proof is not None
    assert verify(proof) == []
    return list(proof["entries"])


@pytest.mark.parametrize("keep", [0, 6])
async def test_a_lost_tail_is_put_back_by_the_next_to_enter(
    keep: int, giveaways: Giveaways, replica: Replica, redis: Redis
) -> None:
    """Somebody new would get a place that is taken: all old receipts hold, the newcomer is last."""
    lottery_id = await opened(giveaways, replica)
    receipts = await joined(giveaways, replica, lottery_id, 9)
    await cut(redis, lottery_id, keep)
    late = await giveaways.join(replica, lottery_id, person(9), Standing(), NOW_MS)
    assert late.index == 9
    assert await joined(giveaways, replica, lottery_id, 9) == receipts
    await giveaways.draw(replica, lottery_id, NOW_MS)
    assert await checked(giveaways, lottery_id) == [f"u{n}" for n in range(10)]


async def test_a_lost_tail_is_put_back_before_the_draw(
    giveaways: Giveaways, replica: Replica, redis: Redis
) -> None:
    """Nobody entered after the loss, so only the journal knows of it."""
    lottery_id = await opened(giveaways, replica)
    await joined(giveaways, replica, lottery_id, 9)
    await cut(redis, lottery_id, 4)
    await giveaways.draw(replica, lottery_id, NOW_MS)
    assert await checked(giveaways, lottery_id) == [f"u{n}" for n in range(9)]
    assert replica.state.lotteries[lottery_id].entries_count == 9


async def test_what_cannot_be_put_back_calls_the_lottery_off(
    giveaways: Giveaways, replica: Replica, redis: Redis, journal: SqlJournal
) -> None:
    """The journal has a hole as well: honest is to say so, and to draw nobody."""
    lottery_id = await opened(giveaways, replica)
    await joined(giveaways, replica, lottery_id, 5)
    kept = await journal.noted_entries(lottery_id)
    await journal.forget_entries(lottery_id)
    await journal.note_entries(lottery_id, [kept[0], kept[4]])
    await cut(redis, lottery_id, 2)
    assert await refusal(giveaways.draw(replica, lottery_id, NOW_MS)) == "conflict"
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
    await giveaways.resume(NOW_MS, only(replica))
    assert replica.state.lotteries[lottery_id].winners == rules.winners(frozen, entries)
    proof = await giveaways.proof(lottery_id)
    assert proof is not None
    assert verify(proof) == []


async def test_a_lost_timetable_is_made_again_when_the_room_is_rebuilt(
    giveaways: Giveaways,
    replica: Replica,
    rooms: Rooms,
    lotteries: RedisLotteries,
    redis: Redis,
) -> None:
    await rooms.change(replica, lambda _: (RoomChanged(Settings(lotteries_at_once=5)),), NOW_MS)
    timed = await opened(giveaways, replica, close_ms=CLOSE_MS)
    frozen = await opened(giveaways, replica)
    await opened(giveaways, replica)
    await giveaways.freeze(replica, frozen, NOW_MS)
    await redis.delete(keys.LOTTERIES_DUE, keys.room("r1"))
    await rooms.heal(replica, None, NOW_MS)
    await giveaways.resume(NOW_MS, only(replica))
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

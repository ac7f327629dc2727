"""Rooms over their stores: races, lost data, healing, and the archive that follows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from redis.asyncio import Redis

from room import announcements, cards
from room.errors import Lost, Refused, Unavailable
from room.events import Event
from room.ports import Pulse
from room.replica import Replica
from room.room import Healed, Rooms
from room.state import RoomState
from room.storage import keys
from room.storage.redis import RedisRooms
from room.storage.sql import SqlArchive
from tests.room.people import HOST, NOW_MS

Decide = Callable[[RoomState], tuple[Event, ...]]


async def opened(rooms: Rooms) -> Replica:
    await rooms.create(room_id="r1", title="直播", stream_url="/s", host=HOST, now_ms=NOW_MS)
    return await reopened(rooms)


async def reopened(rooms: Rooms) -> Replica:
    replica = await rooms.open("r1", NOW_MS)
    assert replica is not None
    return replica


def say(text: str) -> Decide:
    return lambda state: announcements.announce(state, text, NOW_MS)


def put(product_id: str) -> Decide:
    return lambda state: cards.put_product(
        state, product_id=product_id, title=product_id, price_cents=1
    )


def announced(replica: Replica) -> str:
    return replica.state.announcement.text if replica.state.announcement else ""


async def test_a_room_is_made_once(rooms: Rooms, redis: Redis) -> None:
    assert await rooms.open("r1", NOW_MS) is None
    await opened(rooms)
    for _ in ("while in Redis", "while only in SQL"):
        with pytest.raises(Refused) as refused:
            await opened(rooms)
        assert refused.value.code == "conflict"
        await redis.flushall()


async def test_a_change_is_decided_committed_applied_and_told(rooms: Rooms) -> None:
    told: list[tuple[int, str]] = []
    rooms.on_applied = lambda replica, events: told.extend((e.seq, e.t) for e in events)
    replica = await opened(rooms)
    changed = await rooms.change(replica, say("hi"), NOW_MS)
    assert [(e.seq, e.t, e.d) for e in changed] == [
        (1, "announcement", {"text": "hi", "ts": NOW_MS})
    ]
    assert (replica.seq, announced(replica)) == (1, "hi")
    assert told == [(1, "announcement")]
    assert await rooms.change(replica, lambda _: (), NOW_MS) == []
    assert replica.receive(replica.epoch, changed).applied == [], "the bus brings it again"


async def test_a_refusal_changes_nothing(rooms: Rooms) -> None:
    replica = await opened(rooms)
    with pytest.raises(Refused):
        await rooms.change(replica, lambda s: cards.hide(s, "none"), NOW_MS)
    assert (await reopened(rooms)).stored == replica.stored


async def test_a_copy_that_is_behind_catches_up_and_decides_again(rooms: Rooms) -> None:
    first, second = await opened(rooms), await reopened(rooms)
    await rooms.change(first, say("one"), NOW_MS)
    seen: list[str] = []

    def decide(state: RoomState) -> tuple[Event, ...]:
        seen.append(state.announcement.text if state.announcement else "")
        return announcements.announce(state, "two", NOW_MS)

    await rooms.change(second, decide, NOW_MS)
    assert seen == ["", "one"]
    assert second.seq == 2
    assert await rooms.catch_up(first)
    assert first.state == second.state


async def test_changes_of_many_copies_all_go_through_once(
    rooms: Rooms, store: RedisRooms, sqlite_archive: SqlArchive, new_id: Callable[[str], str]
) -> None:
    await opened(rooms)
    workers = [Rooms(store, sqlite_archive, new_id=new_id) for _ in range(4)]
    copies = [await reopened(worker) for worker in workers]
    await asyncio.gather(
        *(workers[nth % 4].change(copies[nth % 4], put(f"p{nth}"), NOW_MS) for nth in range(40))
    )
    for copy in copies:
        assert await rooms.catch_up(copy)
        assert sorted(copy.state.products) == sorted(f"p{n}" for n in range(40))
        assert copy.seq == 40


async def test_a_gap_longer_than_one_read_is_filled(rooms: Rooms) -> None:
    first, second = await opened(rooms), await reopened(rooms)

    def many(state: RoomState) -> tuple[Event, ...]:
        return announcements.announce(state, "x", NOW_MS) * 700

    for _ in range(3):
        await rooms.change(first, many, NOW_MS)
    told: list[int] = []
    rooms.on_applied = lambda _, events: told.extend(e.seq for e in events)
    assert await rooms.catch_up(second)
    assert told == list(range(1, 2_101))


async def archived(rooms: Rooms, replica: Replica, *texts: str) -> None:
    for text in texts:
        await rooms.change(replica, say(text), NOW_MS)
    await rooms.archive_room("r1", NOW_MS)


async def test_a_room_that_redis_forgot_is_rebuilt_under_a_new_epoch(
    rooms: Rooms, redis: Redis
) -> None:
    before = await opened(rooms)
    await archived(rooms, before, "one", "two")
    await redis.flushall()
    after = await reopened(rooms)
    assert (after.seq, announced(after)) == (2, "two")
    assert after.epoch > before.epoch
    assert (await reopened(rooms)).epoch == after.epoch
    with pytest.raises(Lost):
        await rooms.change(before, say("x"), NOW_MS)
    assert not await rooms.catch_up(before)


async def test_of_many_who_rebuild_at_once_one_does(rooms: Rooms, redis: Redis) -> None:
    await archived(rooms, await opened(rooms), "one")
    await redis.flushall()
    copies = await asyncio.gather(*(reopened(rooms) for _ in range(10)))
    assert len({copy.epoch for copy in copies}) == 1


async def cut_tail(store: RedisRooms, redis: Redis, act: Callable[[], object]) -> None:
    """Do something and make Redis forget it, as a cut append-only file does."""
    names = [keys.room("r1"), keys.critical("r1")]
    kept = [await redis.dump(name) for name in names]
    await act()  # type: ignore[misc]
    for name, blob in zip(names, kept, strict=True):
        await redis.delete(name)
        if blob is not None:
            await redis.restore(name, 0, blob)


async def test_a_lost_tail_is_taken_from_the_archive_at_opening(
    rooms: Rooms, store: RedisRooms, redis: Redis
) -> None:
    replica = await opened(rooms)
    await archived(rooms, replica, "one")
    await cut_tail(store, redis, lambda: archived(rooms, replica, "two"))
    after = await reopened(rooms)
    assert (after.seq, announced(after)) == (2, "two")
    assert after.epoch != replica.epoch


async def pulse_of(store: RedisRooms) -> Pulse | None:
    return await store.pulse("r1", worker_id="w", online=0, counters={})


async def test_a_copy_heals_a_redis_that_lost_the_tail(
    rooms: Rooms, store: RedisRooms, redis: Redis
) -> None:
    replica = await opened(rooms)
    other = await reopened(rooms)
    await rooms.change(replica, say("one"), NOW_MS)

    async def unarchived() -> None:
        await rooms.change(replica, say("two"), NOW_MS)

    await cut_tail(store, redis, unarchived)
    old = replica.epoch
    assert await rooms.heal(replica, await pulse_of(store), NOW_MS) is Healed.REBASED
    assert (replica.seq, announced(replica)) == (2, "two")
    assert replica.epoch != old
    assert replica.since(old, 1) is None
    assert await rooms.heal(other, await pulse_of(store), NOW_MS) is Healed.REOPEN
    assert await rooms.change(replica, say("three"), NOW_MS)


async def test_a_copy_heals_a_redis_that_lost_everything(
    rooms: Rooms, store: RedisRooms, redis: Redis
) -> None:
    replica, other = await opened(rooms), await reopened(rooms)
    await rooms.change(replica, say("never archived"), NOW_MS)
    assert await rooms.catch_up(other)
    await redis.flushall()
    assert await pulse_of(store) is None
    outcomes = [await rooms.heal(copy, None, NOW_MS) for copy in (replica, other)]
    assert outcomes == [Healed.REBASED, Healed.REOPEN]
    assert announced(await reopened(rooms)) == "never archived"


async def test_a_rolled_back_epoch_does_not_win_over_a_newer_one(
    rooms: Rooms, store: RedisRooms, redis: Redis
) -> None:
    replica = await opened(rooms)
    await rooms.change(replica, say("one"), NOW_MS)

    async def flushed_and_healed() -> None:
        await redis.flushall()
        assert await rooms.heal(replica, None, NOW_MS) is Healed.REBASED
        await rooms.change(replica, say("two"), NOW_MS)

    await cut_tail(store, redis, flushed_and_healed)
    assert await rooms.heal(replica, await pulse_of(store), NOW_MS) is Healed.REBASED
    assert announced(replica) == "two"
    assert announced(await reopened(rooms)) == "two"


async def test_a_heartbeat_tells_a_fit_copy_from_one_behind(
    rooms: Rooms, store: RedisRooms
) -> None:
    replica, behind = await opened(rooms), await reopened(rooms)
    stale = await pulse_of(store)
    await rooms.change(replica, say("one"), NOW_MS)
    fresh = await pulse_of(store)
    assert await rooms.heal(replica, fresh, NOW_MS) is Healed.FINE
    assert await rooms.heal(replica, stale, NOW_MS) is Healed.FINE
    assert await rooms.heal(behind, fresh, NOW_MS) is Healed.CAUGHT_UP
    assert behind.state == replica.state


async def test_the_archive_follows_and_repeats_nothing(
    rooms: Rooms, sqlite_archive: SqlArchive
) -> None:
    replica = await opened(rooms)
    assert await rooms.archive_room("r1", NOW_MS) == 0
    for text in ("a", "b", "c"):
        await rooms.change(replica, say(text), NOW_MS)
    assert await rooms.archive_room("r1", NOW_MS) == 3
    assert await rooms.archive_room("r1", NOW_MS) == 0
    assert await sqlite_archive.load_room("r1") == replica.stored
    timeline = await sqlite_archive.timeline("r1")
    assert [row["seq"] for row in timeline] == [1, 2, 3]
    assert await rooms.archive_room("nowhere", NOW_MS) == 0


async def test_an_unknown_outcome_is_told_as_such(
    sqlite_archive: SqlArchive, new_id: Callable[[str], str], rooms: Rooms
) -> None:
    replica = await opened(rooms)
    away = RedisRooms(Redis(unix_socket_path="/nonexistent.sock", retry=None))
    with pytest.raises(Unavailable):
        await Rooms(away, sqlite_archive, new_id=new_id).change(replica, say("x"), NOW_MS)
    assert replica.seq == 0

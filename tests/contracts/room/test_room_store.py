"""What Redis decides about a room: commits, epochs, pulses, turns, watched time."""

from __future__ import annotations

import asyncio
import random

import msgspec
import pytest
from redis.asyncio import Redis

from room.errors import Unavailable
from room.events import CardHidden, RoomChanged
from room.limits import RECENT_COMMENTS_MAX, WORKERS_RETIRED_MAX
from room.ports import Committed, Conflict, Missing, Pulse, Sequenced, Stored
from room.presence import credit_all
from room.shapes import Settings
from room.state import encode
from room.storage import keys
from room.storage.redis import ONLINE_WINDOW_MS, SILENT_MS_MAX, RedisRooms
from room.visits import LABELS_MAX, RETURNED_AFTER_MS, Audience, Visit
from room.wire import sequence
from tests.room.people import NOW_MS, a_room

ROOM = "r1"


def events(first: int, count: int = 1) -> list[Sequenced]:
    return [
        sequence(seq, NOW_MS, RoomChanged(Settings(slow_mode_s=seq)))
        for seq in range(first, first + count)
    ]


async def created(store: RedisRooms) -> Stored:
    stored = Stored("e1-a", 0, a_room())
    assert await store.create(ROOM, stored)
    return stored


async def commit(store: RedisRooms, seq: int, count: int = 1, epoch: str = "e1-a") -> object:
    return await store.commit(
        ROOM,
        epoch=epoch,
        expected_seq=seq,
        events=events(seq + 1, count),
        state=encode(a_room()),
    )


async def test_a_room_is_created_once_and_loaded_as_it_was(store: RedisRooms) -> None:
    assert await store.load(ROOM) is None
    stored = await created(store)
    assert await store.load(ROOM) == stored
    assert not await store.create(ROOM, Stored("e1-b", 0, a_room()))
    assert await store.load(ROOM) == stored


async def test_a_commit_names_each_outcome(store: RedisRooms) -> None:
    assert await commit(store, 0) == Missing()
    await created(store)
    assert await commit(store, 0, count=3) == Committed(3)
    assert await commit(store, 0) == Conflict("e1-a", 3)
    assert await commit(store, 3, epoch="e0-z") == Conflict("e1-a", 3)
    assert await commit(store, 3) == Committed(4)


async def test_a_commit_stores_the_state_it_was_given(store: RedisRooms) -> None:
    await created(store)
    after = a_room(CardHidden("x"), RoomChanged(Settings(slow_mode_s=9)))
    await store.commit(ROOM, epoch="e1-a", expected_seq=0, events=events(1, 2), state=encode(after))
    assert await store.load(ROOM) == Stored("e1-a", 2, after)


async def test_history_is_complete_or_refused(store: RedisRooms, redis: Redis) -> None:
    assert await store.events_after(ROOM, 0) is None
    await created(store)
    assert await store.events_after(ROOM, 0) == ("e1-a", [])
    await commit(store, 0, count=5)
    assert await store.events_after(ROOM, 0) == ("e1-a", events(1, 5))
    assert await store.events_after(ROOM, 3, limit=1) == ("e1-a", events(4, 1))
    assert await store.events_after(ROOM, 5) == ("e1-a", [])
    assert await store.events_after(ROOM, 6) is None, "the caller knows more than Redis"
    await redis.xdel(keys.critical(ROOM), "2-0")
    await redis.xdel(keys.critical(ROOM), "1-0")
    assert await store.events_after(ROOM, 0) is None
    assert await store.events_after(ROOM, 2) == ("e1-a", events(3, 3))


async def test_a_commit_is_published_as_viewers_will_get_it(
    store: RedisRooms, redis: Redis
) -> None:
    await created(store)
    async with redis.pubsub() as listener:
        await listener.subscribe(store.channel(ROOM))
        await commit(store, 0, count=2)
        await store.rebase(ROOM, old_epoch="e1-a", stored=Stored("e2-b", 2, a_room()))
        told = []
        async for message in listener.listen():
            if message["type"] == "message":
                told.append(msgspec.msgpack.decode(message["data"]))
            if len(told) == 2:
                break
    raws = [event.raw for event in events(1, 2)]
    assert told[0] == {"k": "critical", "e": "e1-a", "s": [[1, raws[0]], [2, raws[1]]]}
    assert told[1] == {"k": "rebased", "e": "e2-b"}


async def test_of_many_commits_at_once_exactly_one_wins(store: RedisRooms) -> None:
    await created(store)
    outcomes = await asyncio.gather(*(commit(store, 0) for _ in range(20)))
    assert outcomes.count(Committed(1)) == 1
    assert outcomes.count(Conflict("e1-a", 1)) == 19
    assert await store.events_after(ROOM, 0) == ("e1-a", events(1))


async def test_a_new_epoch_begins_once_with_an_empty_history(store: RedisRooms) -> None:
    await created(store)
    await commit(store, 0, count=3)
    again = Stored("e2-b", 7, a_room(CardHidden("x")))
    assert not await store.rebase(ROOM, old_epoch=None, stored=again)
    assert not await store.rebase(ROOM, old_epoch="e0-z", stored=again)
    assert await store.rebase(ROOM, old_epoch="e1-a", stored=again)
    assert not await store.rebase(ROOM, old_epoch="e1-a", stored=Stored("e2-c", 7, a_room()))
    assert await store.load(ROOM) == again
    assert await store.events_after(ROOM, 7) == ("e2-b", [])
    assert await store.events_after(ROOM, 3) is None
    assert await store.events_after(ROOM, 0) is None, "the old history is gone"
    assert await commit(store, 7, epoch="e2-b") == Committed(8)


async def pulse(
    store: RedisRooms, worker: str, online: int, at_ms: int = 0, **counters: int
) -> Pulse:
    found = await store.pulse(
        ROOM, worker_id=worker, online=online, counters=counters, now_ms=NOW_MS + at_ms
    )
    assert found is not None
    return found


async def test_pulses_add_up_over_workers_and_repeats_are_harmless(store: RedisRooms) -> None:
    assert await store.pulse(ROOM, worker_id="w", online=1, counters={}) is None
    await created(store)
    await pulse(store, "w1", 10, likes=5)
    await pulse(store, "w1", 10, likes=5)
    both = await pulse(store, "w2", 7, likes=2, comments=1)
    assert both == Pulse("e1-a", 0, 17, 17, {"likes": 7, "comments": 1})
    fewer = await pulse(store, "w1", 3, likes=6)
    assert (fewer.online, fewer.peak, fewer.totals["likes"]) == (10, 17, 8)


async def test_a_silent_worker_is_not_online_but_its_counts_stay(store: RedisRooms) -> None:
    await created(store)
    await pulse(store, "w1", 10, likes=5)
    assert (await pulse(store, "w2", 1, ONLINE_WINDOW_MS, likes=1)).online == 11
    assert (await pulse(store, "w2", 1, ONLINE_WINDOW_MS + 1, likes=1)).online == 1
    later = SILENT_MS_MAX + 1
    assert (await pulse(store, "w2", 1, later, likes=1)).totals == {"likes": 6}
    assert (await pulse(store, "w2", 1, later + 1, likes=1)).totals == {"likes": 6}


async def test_a_worker_that_comes_back_is_not_counted_twice(store: RedisRooms) -> None:
    await created(store)
    await pulse(store, "w1", 1, likes=5)
    await pulse(store, "w2", 1, SILENT_MS_MAX + 1)
    back = await pulse(store, "w1", 1, SILENT_MS_MAX + 2, likes=6)
    assert (back.totals["likes"], back.online) == (6, 2)


async def test_only_so_many_silent_workers_are_kept_and_no_count_is_lost(
    store: RedisRooms, redis: Redis
) -> None:
    await created(store)
    many = WORKERS_RETIRED_MAX + 10
    for nth in range(many):
        last = await pulse(store, f"w{nth}", 1, nth * (SILENT_MS_MAX + 1), likes=1)
    assert last.totals == {"likes": many}
    back = await pulse(store, f"w{many - 2}", 1, many * (SILENT_MS_MAX + 1), likes=2)
    assert back.totals == {"likes": many + 1}, "only the longest silent are summed for good"
    assert await redis.hlen(keys.retired(ROOM)) <= WORKERS_RETIRED_MAX + 1
    assert await redis.hlen(keys.workers(ROOM)) <= 2


async def test_without_a_time_the_clock_of_redis_judges(store: RedisRooms) -> None:
    await created(store)
    await store.pulse(ROOM, worker_id="w1", online=2, counters={"likes": 2**40})
    found = await store.pulse(ROOM, worker_id="w2", online=3, counters={"likes": 1})
    assert found is not None
    assert (found.online, found.totals["likes"]) == (5, 2**40 + 1)


async def test_turns_are_counted_over_all_connections(store: RedisRooms) -> None:
    async def turn(at_ms: int, gap_ms: int = 1_000, burst: int = 1) -> int:
        return await store.take_turn(ROOM, "u1", gap_ms=gap_ms, burst=burst, now_ms=NOW_MS + at_ms)

    assert [await turn(0), await turn(0), await turn(400), await turn(999)] == [0, 1_000, 600, 1]
    assert [await turn(1_000), await turn(1_001)] == [0, 999]
    taken = await asyncio.gather(
        *(store.take_turn(ROOM, "u2", gap_ms=500, burst=3, now_ms=NOW_MS) for _ in range(9))
    )
    assert taken.count(0) == 3
    assert await store.take_turn(ROOM, "u3", gap_ms=60_000, burst=1) == 0
    assert 0 < await store.take_turn(ROOM, "u3", gap_ms=60_000, burst=1) <= 60_000


@pytest.mark.parametrize("seed", range(5))
async def test_watched_time_is_credited_as_the_rule_says(store: RedisRooms, seed: int) -> None:
    chance = random.Random(seed)
    spans = []
    for _ in range(60):
        start = NOW_MS + chance.randrange(10_000)
        spans.append((chance.choice("abc"), start, start + chance.randrange(-50, 800)))
    await store.credit_watch(ROOM, [])
    for at in range(0, 60, 7):
        await store.credit_watch(ROOM, spans[at : at + 7])
    wanted = {user: watched.total_ms for user, watched in credit_all({}, spans).items()}
    assert {user: await store.watched_ms(ROOM, user) for user in wanted} == wanted
    assert await store.watched_total_ms(ROOM) == sum(wanted.values())
    assert await store.watched_ms(ROOM, "nobody") == 0


async def test_many_watchers_cost_redis_no_more_commands_than_few(
    store: RedisRooms, redis: Redis
) -> None:
    """They are told of every few seconds: a command for each would be most of what Redis does."""
    asked = []
    for start_ms, watchers in ((NOW_MS, 10), (NOW_MS + 60_000, 500)):
        await store.note_visits(ROOM, [Visit(f"u{n}", NOW_MS, src="ad") for n in range(watchers)])
        spans = [(f"u{n}", start_ms, start_ms + 60_000) for n in range(watchers)]
        before = await commands_of(redis)
        await store.credit_watch(ROOM, spans)
        asked.append(await commands_of(redis) - before)
    assert asked[1] - asked[0] <= 2  # the second mark of those who were there before
    assert await store.watched_total_ms(ROOM) == 510 * 60_000
    counts = (await store.audience(ROOM)).counts
    assert (counts["stayed:1"], counts["stayed:1:ad"]) == (500, 500)


async def commands_of(redis: Redis) -> int:
    """Commands carried out so far, those of scripts included."""
    return int((await redis.info("stats"))["total_commands_processed"])


async def test_people_count_once_and_entries_each_time(store: RedisRooms) -> None:
    """Whoever came first by a link stays its visitor; each entry is its own link's."""
    assert await store.audience(ROOM) == Audience(counts={}, arrivals={}, inviters=[])
    await store.note_visits(ROOM, [])
    by_ad = Visit("a", NOW_MS, src="ad", channel="tv", bucket="b1", inviter="kim")
    await store.note_visits(ROOM, [by_ad, Visit("b", NOW_MS), Visit("a", NOW_MS + 60_000)])
    await store.note_visits(ROOM, [Visit("kim", NOW_MS, inviter="kim"), by_ad])
    audience = await store.audience(ROOM)
    assert audience.visitors == 3
    assert {each.name: (each.entries, each.visitors) for each in audience.labels("src")} == {
        "direct": (3, 2),
        "ad": (2, 1),
    }
    assert [each.name for each in audience.labels("channel")] == ["tv"]
    assert [each.name for each in audience.labels("bucket")] == ["b1"]
    assert list(audience.inviters) == [("kim", 1)]
    assert audience.arrivals == {NOW_MS // 60_000: 3}


async def test_a_flood_of_sources_ends_in_other(store: RedisRooms) -> None:
    visits = [Visit(f"u{n}", NOW_MS, src=f"s{n}") for n in range(LABELS_MAX)]
    await store.note_visits(ROOM, visits)
    await store.note_visits(ROOM, [Visit("late", NOW_MS, src="new"), Visit("u0", NOW_MS, src="s0")])
    labels = {each.name: each.entries for each in (await store.audience(ROOM)).labels("src")}
    assert "new" not in labels
    assert (labels["other"], labels["s0"]) == (1, 2)


async def test_who_was_away_for_a_while_has_returned(store: RedisRooms) -> None:
    await store.note_visits(ROOM, [Visit("a", NOW_MS), Visit("b", NOW_MS)])
    await store.credit_watch(ROOM, [("a", NOW_MS, NOW_MS + 1_000), ("b", NOW_MS, NOW_MS + 1_000)])
    back_ms = NOW_MS + 1_000 + RETURNED_AFTER_MS
    await store.note_visits(ROOM, [Visit("a", back_ms), Visit("b", back_ms - 1)])
    await store.note_visits(ROOM, [Visit("a", back_ms)])
    assert (await store.audience(ROOM)).returned == 1


async def test_staying_is_told_once_at_each_mark(store: RedisRooms) -> None:
    """However the time was told: in steps, at once, or twice."""
    await store.note_visits(ROOM, [Visit("a", NOW_MS, src="ad"), Visit("b", NOW_MS)])
    await store.credit_watch(ROOM, [("a", NOW_MS, NOW_MS + 59_999)])
    assert (await store.audience(ROOM)).counts.get("stayed:1", 0) == 0
    for _ in range(2):
        await store.credit_watch(ROOM, [("a", NOW_MS, NOW_MS + 60_000)])
    await store.credit_watch(ROOM, [("b", NOW_MS, NOW_MS + 400_000)])
    audience = await store.audience(ROOM)
    late = audience.retention(NOW_MS + 30 * 60_000)
    assert [(each.minutes, each.stayed, each.of) for each in late] == [
        (1, 2, 2),
        (3, 1, 2),
        (5, 1, 2),
        (10, 0, 2),
    ]
    assert {each.name: each.stayed for each in audience.labels("src")} == {
        "ad": (1, 0, 0, 0),
        "direct": (1, 1, 1, 0),
    }
    assert {each.of for each in audience.retention(NOW_MS)} == {0}


async def test_the_last_comments_are_remembered_oldest_first(store: RedisRooms) -> None:
    def comment(nth: int) -> bytes:
        return msgspec.json.encode(
            {"t": "comment", "ts": NOW_MS, "d": {"id": f"c{nth}", "text": str(nth)}}
        )

    await store.remember_comments(ROOM, [])
    await store.remember_comments(ROOM, [comment(n) for n in range(RECENT_COMMENTS_MAX + 5)])
    assert await store.recent_comments(ROOM, 2) == [
        comment(RECENT_COMMENTS_MAX + 3),
        comment(RECENT_COMMENTS_MAX + 4),
    ]
    assert await store.recent_comments(ROOM, 0) == []
    assert len(await store.recent_comments(ROOM, 10_000)) == RECENT_COMMENTS_MAX
    assert await store.find_comment(ROOM, "c7") == {"id": "c7", "text": "7"}
    assert await store.find_comment(ROOM, "c4") is None


async def test_scripts_survive_a_redis_that_forgot_them(store: RedisRooms, redis: Redis) -> None:
    await created(store)
    await commit(store, 0)
    await redis.script_flush()
    assert await commit(store, 1) == Committed(2)


async def test_a_redis_that_is_away_is_unavailable() -> None:
    away = RedisRooms(Redis(unix_socket_path="/nonexistent.sock", retry=None))
    for call in (
        away.load(ROOM),
        away.pulse(ROOM, worker_id="w", online=0, counters={}),
        away.recent_comments(ROOM),
        away.publish(ROOM, b""),
        away.events_after(ROOM, 0),
    ):
        with pytest.raises(Unavailable):
            await call


async def test_every_key_of_a_room_has_its_hash_tag(store: RedisRooms, redis: Redis) -> None:
    await created(store)
    await commit(store, 0)
    await pulse(store, "w", 1)
    await store.note_visits(ROOM, [Visit("u", NOW_MS, inviter="v")])
    await store.remember_comments(ROOM, [b"{}"])
    await store.take_turn(ROOM, "u", gap_ms=60_000, burst=1)
    await store.credit_watch(ROOM, [("u", NOW_MS, NOW_MS + 5)])
    assert {b"{r1}" in key for key in await redis.keys("*")} == {True}

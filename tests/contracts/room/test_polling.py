"""Polls on a real Redis: one vote a person, exact counts, closed once whatever a crash left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest
from redis.asyncio import Redis

from room import polls as rules
from room.errors import Refused
from room.polling import OPENING_MS_MAX, Polls
from room.replica import Replica
from room.room import Rooms
from room.shapes import Poll
from room.storage.keys import POLLS_DUE, poll, votes
from room.storage.polls_redis import RedisPolls
from room.storage.timetable import RedisTimetable
from tests.contracts.room.giveaway_steps import only
from tests.room.people import NOW_MS
from tests.room.test_polls import a_poll


@pytest.fixture
def timetable(redis: Redis) -> RedisTimetable:
    return RedisTimetable(redis, POLLS_DUE)


@pytest.fixture
def polls(rooms: Rooms, redis: Redis, timetable: RedisTimetable) -> Polls:
    return Polls(rooms, RedisPolls(redis), timetable)


async def server_ms(redis: Redis) -> int:
    seconds, micros = await redis.time()
    return int(seconds) * 1000 + int(micros) // 1000


async def code_of(vote: Awaitable[object]) -> str:
    with pytest.raises(Refused) as refused:
        await vote
    return refused.value.code


async def test_each_vote_counts_once_however_often_it_comes(polls: Polls, replica: Replica) -> None:
    """Two hundred people, each asking three times at once."""
    await polls.open(replica, a_poll(multiple=True), NOW_MS)

    async def votes(nth: int) -> list[tuple[int, ...]]:
        chosen = [nth % 3] if nth % 2 else [nth % 3, (nth + 1) % 3]
        asked = (polls.vote(replica, "p1", f"u{nth}", chosen) for _ in range(3))
        return [vote.options for vote in await asyncio.gather(*asked)]

    answers = await asyncio.gather(*(votes(nth) for nth in range(200)))
    assert all(len(set(same)) == 1 for same in answers)
    wanted = tuple(sum(option in same[0] for same in answers) for option in range(3))
    assert await polls.live(replica) == {"p1": {"counts": list(wanted), "voters": 200}}
    assert await polls.close(replica, "p1", NOW_MS) == rules.Tally(wanted, 200)
    assert replica.state.polls["p1"].counts == wanted
    assert await polls.live(replica) == {}


async def test_a_vote_is_final_and_known_after_the_end(polls: Polls, replica: Replica) -> None:
    await polls.open(replica, a_poll(), NOW_MS)
    await polls.vote(replica, "p1", "lin", [2])
    with pytest.raises(Refused) as refused:
        await polls.vote(replica, "p1", "lin", [1])
    assert (refused.value.code, refused.value.details) == ("conflict", {"options": [2]})
    await polls.close(replica, "p1", NOW_MS)
    again = await polls.vote(replica, "p1", "lin", [2])  # whose answer was lost learns it counted
    assert again.tally == rules.Tally((0, 0, 1), 1)
    assert await code_of(polls.vote(replica, "p1", "kim", [2])) == "closed"


async def test_the_servers_clock_closes_before_the_room_is_told(
    polls: Polls, replica: Replica, redis: Redis
) -> None:
    past_ms = await server_ms(redis) - 31_000
    await polls.open(replica, a_poll(close_s=30, now_ms=past_ms), NOW_MS)
    assert replica.state.polls["p1"].state == "open"
    assert await code_of(polls.vote(replica, "p1", "lin", [0])) == "closed"


async def open_unannounced(timetable: RedisTimetable, poll: Poll) -> None:
    assert poll.close_ms is not None
    await timetable.schedule("r1", poll.poll_id, poll.close_ms)


async def test_the_clock_closes_what_is_due_and_forgets_what_never_was(
    polls: Polls, replica: Replica, timetable: RedisTimetable
) -> None:
    await polls.open(replica, a_poll(close_s=30), NOW_MS)
    await open_unannounced(timetable, a_poll("never", close_s=30))
    assert await polls.resume(NOW_MS + 29_999, only(replica)) == 0
    assert await polls.resume(NOW_MS + 30_000, only(replica)) == 1
    assert await polls.resume(NOW_MS + 30_000 + OPENING_MS_MAX + 1, only(replica)) == 0
    assert await timetable.due(10**13) == []
    assert [e.t for e in replica.ring if e.t == "poll.closed"] == ["poll.closed"]


async def test_half_closed_by_a_crash_is_closed_with_the_same_counts(
    polls: Polls, replica: Replica, redis: Redis, timetable: RedisTimetable
) -> None:
    """The worker died between closing the poll in the store and telling the room."""
    await polls.open(replica, a_poll(), NOW_MS)
    await polls.vote(replica, "p1", "lin", [1])
    await timetable.schedule("r1", "p1", NOW_MS)
    await RedisPolls(redis).close("r1", a_poll())
    assert await code_of(polls.vote(replica, "p1", "kim", [1])) == "closed"
    assert await polls.resume(NOW_MS, only(replica)) == 1
    assert replica.state.polls["p1"].counts == (0, 1, 0)


async def test_a_rebuilt_room_closes_its_polls_in_time_as_void(
    polls: Polls,
    rooms: Rooms,
    replica: Replica,
    redis: Redis,
) -> None:
    await polls.open(replica, a_poll(close_s=30), NOW_MS)
    await redis.flushall()
    await rooms.heal(replica, None, NOW_MS)
    assert await polls.resume(NOW_MS + 30_000, only(replica)) == 1
    closed = replica.state.polls["p1"]
    assert (closed.state, closed.void) == ("closed", True)  # nobody knows who had voted


@pytest.mark.parametrize("finds", ["counting", "voting", "closing"])
@pytest.mark.parametrize("lost", ["all", "some"])
async def test_lost_votes_make_a_poll_void_instead_of_a_wrong_result(
    polls: Polls, rooms: Rooms, replica: Replica, redis: Redis, lost: str, finds: str
) -> None:
    """Redis lost the poll, or came back as it was some votes ago."""
    await polls.open(replica, a_poll(), NOW_MS)
    await polls.vote(replica, "p1", "lin", [2])
    kept = {name: await redis.dump(name) for name in (poll("r1", "p1"), votes("r1", "p1"))}
    await polls.vote(replica, "p1", "kim", [1])
    for name, then in kept.items():
        if lost == "all":
            await redis.delete(name)
        else:
            await redis.restore(name, 0, then, replace=True)
    if finds == "counting":
        assert await polls.live(replica) == {}
    elif finds == "voting":
        assert await code_of(polls.vote(replica, "p1", "lin", [2])) == "closed"
    else:
        await polls.close(replica, "p1", NOW_MS)
    assert await polls.resume(NOW_MS, only(replica)) == (finds != "closing")
    closed = replica.state.polls["p1"]
    assert (closed.state, closed.void, closed.voters) == ("closed", True, 0)
    assert await code_of(polls.vote(replica, "p1", "lin", [2])) == "closed"

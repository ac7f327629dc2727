"""Polls over two workers: exact counts for everybody within about a second, closed by the clock."""

from __future__ import annotations

import asyncio

from tests.integration.house import Place
from tests.integration.visitor import Visitor

OPTIONS = ["红", "绿", "蓝"]
Two = tuple[Place, Place]


async def opened(place: Place, **asked: object) -> str:
    answer = await place.do("poll.open", question="哪个颜色?", options=OPTIONS, **asked)
    poll_id: str = answer["poll_id"]
    return poll_id


def counts(visitor: Visitor, poll_id: str) -> list[int]:
    shown: list[int] = visitor.state["polls"][poll_id]["counts"]
    return shown


async def test_votes_through_two_workers_are_one_count(two_places: Two) -> None:
    here, there = two_places
    poll_id = await opened(here)
    voters = [await (here, there)[n % 2].enter(f"u{n}") for n in range(12)]
    await asyncio.gather(*(v.do("poll.vote", poll_id=poll_id, option=0) for v in voters[:9]))
    await asyncio.gather(*(v.do("poll.vote", poll_id=poll_id, options=[2]) for v in voters[9:]))
    for visitor in (voters[0], voters[1]):
        await visitor.until(lambda v=visitor: counts(v, poll_id) == [9, 0, 3], "the live counts")
    late = await there.enter("late")
    assert counts(late, poll_id) == [9, 0, 3]
    assert await voters[0].refused("poll.vote", poll_id=poll_id, option=1) == "conflict"
    again = await voters[0].do("poll.vote", poll_id=poll_id, option=0)
    assert again == {"options": [0], "counts": [9, 0, 3], "voters": 12}
    await there.do("poll.close", poll_id=poll_id)
    closed = await late.event("poll.closed")
    assert closed == {"poll_id": poll_id, "counts": [9, 0, 3], "voters": 12, "void": False}
    assert late.state["polls"][poll_id]["state"] == "closed"
    assert await late.refused("poll.vote", poll_id=poll_id, option=1) == "closed"
    again = await there.do("poll.close", poll_id=poll_id)
    assert again == {"counts": [9, 0, 3], "voters": 12}


async def test_the_clock_closes_a_poll_once(two_places: Two) -> None:
    here, there = two_places
    witness, lin = await here.enter(), await there.enter("lin")
    poll_id = await opened(there, close_s=1)
    await lin.event("poll.opened")
    await lin.do("poll.vote", poll_id=poll_id, option=2)
    assert (await witness.event("poll.closed"))["counts"] == [0, 0, 1]
    await here.do("announce", text="after")
    await witness.event("announcement")
    assert len(witness.of("poll.closed")) == 1


async def test_a_vote_names_its_options_in_one_way(place: Place) -> None:
    poll_id = await opened(place, multiple=True)
    lin = await place.enter("lin")
    assert await lin.refused("poll.vote", poll_id=poll_id) == "bad_request"
    assert await lin.refused("poll.vote", poll_id=poll_id, option=1, options=[1]) == "bad_request"
    assert await lin.refused("poll.vote", poll_id=poll_id, options=[]) == "bad_request"
    assert await lin.refused("poll.vote", poll_id="unknown", option=1) == "not_found"
    assert (await lin.do("poll.vote", poll_id=poll_id, options=[2, 0]))["counts"] == [1, 0, 1]

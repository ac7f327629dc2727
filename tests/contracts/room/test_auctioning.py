"""Auctions on a real Redis: one winner, strictly rising bids, an end that is fixed once."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Awaitable
from typing import Any

import pytest
from redis.asyncio import Redis

from room import auctions as rules
from room.auctioning import OPENING_MS_MAX, Auctions
from room.cards import put_product
from room.errors import Refused
from room.events import UserBanned
from room.replica import Replica
from room.room import Rooms
from room.shapes import Auction, Bidder
from room.storage.auctions_redis import RedisAuctions
from room.storage.keys import AUCTIONS_DUE, auction
from room.storage.timetable import RedisTimetable
from tests.contracts.room.giveaway_steps import only, person
from tests.contracts.room.test_polling import server_ms
from tests.room.people import NOW_MS


@pytest.fixture
def timetable(redis: Redis) -> RedisTimetable:
    return RedisTimetable(redis, AUCTIONS_DUE)


@pytest.fixture
async def auctions(
    rooms: Rooms, replica: Replica, redis: Redis, timetable: RedisTimetable
) -> Auctions:
    """With a teapot in the catalogue."""
    await rooms.change(
        replica,
        lambda state: put_product(state, product_id="pot", title="紫砂壶", price_cents=1),
        NOW_MS,
    )
    return Auctions(rooms, RedisAuctions(redis), timetable)


async def opened(
    auctions: Auctions, replica: Replica, redis: Redis, *, begun_s: int = 0, **asked: Any
) -> Auction:
    """An auction of ten seconds that began so long ago, by the clock of Redis."""
    now_ms = await server_ms(redis) - begun_s * 1_000
    terms: dict[str, Any] = {
        "auction_id": "a1",
        "product_id": "pot",
        "start_cents": 1_000,
        "step_cents": 100,
        "seconds": 10,
        "extend_s": 0,
        "sudden_death": False,
        "max_cents": None,
    }
    made = rules.made(replica.state, now_ms=now_ms, **(terms | asked))
    await auctions.open(replica, made, now_ms)
    return made


def bid(
    auctions: Auctions, replica: Replica, who: int, amount: int, **more: Any
) -> Awaitable[rules.Lead]:
    return auctions.bid(replica, "a1", person(who), amount, now_ms=NOW_MS, **more)


async def code_of(act: Awaitable[object]) -> str:
    with pytest.raises(Refused) as refused:
        await act
    return refused.value.code


async def test_two_hundred_race_and_the_highest_taken_bid_wins(
    auctions: Auctions, replica: Replica, redis: Redis
) -> None:
    await opened(auctions, replica, redis)
    amounts = random.Random(7).sample(range(500, 60_000), 200)
    gate = asyncio.Semaphore(50)
    taken: list[int] = []

    async def one(who: int, amount: int) -> None:
        async with gate:
            with contextlib.suppress(Refused):
                await bid(auctions, replica, who, amount)
                taken.append(amount)

    await asyncio.gather(*(one(who, amount) for who, amount in enumerate(amounts)))
    history = await auctions.history("r1", "a1")
    steps = [int(str(row["amount_cents"])) for row in history]
    assert sorted(taken) == steps  # strictly rising, and exactly what was accepted
    assert all(later - before >= 100 for before, later in itertools.pairwise(steps))
    closed = await auctions.close(replica, "a1", NOW_MS)
    assert (closed.amount_cents, closed.bids, closed.reason) == (max(taken), len(taken), "sold")
    assert closed.leader is not None
    assert closed.leader.id == f"u{amounts.index(max(taken))}"
    again = await auctions.close(replica, "a1", NOW_MS, void=True)
    assert again == closed


async def test_what_is_not_a_bid(auctions: Auctions, replica: Replica, redis: Redis) -> None:
    await opened(auctions, replica, redis, max_cents=2_000)
    assert await code_of(bid(auctions, replica, 1, 999)) == "outbid"
    lead = await bid(auctions, replica, 1, 1_000, key="k")
    assert (lead.v, lead.bids, lead.least_cents) == (1, 1, 1_100)
    assert await bid(auctions, replica, 1, 1_000, key="k") == lead
    assert await code_of(bid(auctions, replica, 1, 1_900, key="k")) == "key_reused"
    assert await code_of(bid(auctions, replica, 1, 1_900)) == "conflict"  # leads already
    with pytest.raises(Refused) as refused:
        await bid(auctions, replica, 2, 1_099)
    assert refused.value.details == {"least_cents": 1_100, "amount_cents": 1_000}
    assert await code_of(bid(auctions, replica, 2, 2_001)) == "bad_request"
    lead = await bid(auctions, replica, 2, 1_950)
    assert lead.least_cents == 2_000  # a step would lead beyond the maximum
    await bid(auctions, replica, 3, 2_000)
    closed = replica.state.auctions["a1"]
    assert (closed.state, closed.amount_cents) == ("closed", 2_000)
    assert closed.leader == Bidder("u3", person(3).name)
    assert await code_of(bid(auctions, replica, 2, 2_000)) == "closed"


@pytest.mark.parametrize(("extend_s", "sudden_death"), [(5, False), (5, True)])
async def test_a_late_bid_puts_the_end_off_unless_death_is_sudden(
    auctions: Auctions, replica: Replica, redis: Redis, extend_s: int, sudden_death: bool
) -> None:
    made = await opened(
        auctions, replica, redis, begun_s=8, extend_s=extend_s, sudden_death=sudden_death
    )
    lead = await bid(auctions, replica, 1, 1_000)
    assert (lead.close_ms == made.close_ms) is sudden_death
    assert lead.close_ms <= await server_ms(redis) + 5_000
    assert await auctions.resume(made.close_ms, only(replica)) == 0  # by Redis' clock not over yet
    assert (await auctions.live(replica))["a1"]["close_ms"] == lead.close_ms


async def test_the_clock_ends_it_once_also_after_a_crash(
    auctions: Auctions, replica: Replica, redis: Redis, timetable: RedisTimetable
) -> None:
    """The worker died between the store and the room; the winner stays who it was."""
    made = await opened(auctions, replica, redis, begun_s=9)
    await bid(auctions, replica, 1, 1_000)
    await redis.hset(auction("r1", "a1"), "close_ms", made.close_ms - 9_000)
    assert await code_of(bid(auctions, replica, 2, 5_000)) == "closed"
    await RedisAuctions(redis).close("r1", "a1", "due", [])
    await timetable.schedule("r1", "never", 1)
    for now_ms in (made.close_ms, made.close_ms + OPENING_MS_MAX):
        await auctions.resume(now_ms, only(replica))
    told = [event.d for event in replica.ring if event.t == "auction.closed"]
    assert [(d["reason"], d["amount_cents"]) for d in told] == [("sold", 1_000)]
    assert await timetable.due(10**13) == []


async def test_the_banned_do_not_win(
    auctions: Auctions, rooms: Rooms, replica: Replica, redis: Redis
) -> None:
    await opened(auctions, replica, redis)
    await bid(auctions, replica, 1, 1_000)
    await bid(auctions, replica, 2, 9_000)
    await rooms.change(replica, lambda _: (UserBanned("u2", "host1", lifted=False),), NOW_MS)
    closed = await auctions.close(replica, "a1", NOW_MS)
    assert closed.leader is not None
    assert (closed.leader.id, closed.amount_cents) == ("u1", 1_000)


async def test_lost_bids_call_it_off_and_kept_ones_do_not(
    auctions: Auctions, rooms: Rooms, replica: Replica, redis: Redis
) -> None:
    made = await opened(auctions, replica, redis)
    await bid(auctions, replica, 1, 1_000)
    await rooms.before_rebase[-1](replica.stored)  # Redis has lost the room but not the bids
    assert await auctions.resume(made.open_ms, only(replica)) == 0
    await redis.flushall()
    await rooms.heal(replica, None, NOW_MS)
    assert await auctions.resume(made.open_ms, only(replica)) == 1
    closed = replica.state.auctions["a1"]
    assert (closed.state, closed.reason, closed.leader) == ("closed", "void", None)


@pytest.mark.parametrize("finds", ["counting", "bidding", "closing"])
async def test_an_auction_that_has_lost_its_highest_bid_is_called_off(
    auctions: Auctions, replica: Replica, redis: Redis, finds: str
) -> None:
    """Redis came back as it was a bid ago, and the first would win at less than was bid."""
    made = await opened(auctions, replica, redis)
    await bid(auctions, replica, 1, 1_000)
    then = await redis.dump(auction("r1", "a1"))
    await bid(auctions, replica, 2, 5_000)
    await redis.restore(auction("r1", "a1"), 0, then, replace=True)
    if finds == "counting":
        assert await auctions.live(replica) == {}
    elif finds == "bidding":
        assert await code_of(bid(auctions, replica, 3, 1_500)) == "closed"
    else:
        await auctions.close(replica, "a1", made.open_ms)
    await auctions.live(replica)
    await auctions.resume(made.open_ms, only(replica))
    closed = replica.state.auctions["a1"]
    assert (closed.state, closed.reason, closed.leader) == ("closed", "void", None)

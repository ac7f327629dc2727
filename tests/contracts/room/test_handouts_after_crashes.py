"""Whatever a crash leaves of a rain or gift is finished once, and nothing is paid twice."""

from __future__ import annotations

from typing import Any

import pytest
from redis.asyncio import Redis

from room import rain as rules
from room.handouts import Handouts
from room.replica import Replica
from room.room import Rooms
from room.shapes import Claim
from room.storage import keys
from room.storage.handouts_redis import RedisHandouts
from room.storage.handouts_sql import SqlHandouts
from tests.contracts.room.giveaway_steps import only
from tests.contracts.room.handout_steps import (
    SEED,
    grabbed,
    handouts,
    ledger,
    offered,
    raining,
)
from tests.room.people import NOW_MS

__all__ = ["handouts", "ledger"]

LATER_MS = NOW_MS + 61_000
STEPS = ["scheduled", "archived", "created", "grabbed", "copied", "closed", "settled"]


@pytest.mark.parametrize("step", STEPS)
async def test_whatever_a_crash_left_is_finished_once(
    step: str, handouts: Handouts, redis: Redis, ledger: SqlHandouts, replica: Replica
) -> None:
    """Each case does the first steps by hand, stops there, and lets the clock go on."""
    at, store = STEPS.index(step), RedisHandouts(redis)
    spec = rules.spec(total_cents=100, count=2, seconds=60)
    now_ms = await store.now_ms()
    rain = rules.record(spec, room_id="r1", rain_id="x", seed=SEED, now_ms=now_ms)
    await store.schedule("r1", "x", NOW_MS)
    if at >= 1:
        await ledger.save_handout(rain, NOW_MS)
    if at >= 2:
        await store.create(rain)
    if at >= 3:
        assert isinstance(await grabbed(handouts, replica, "x", 1), Claim)
    if at >= 4:
        await ledger.add_claims("x", await store.claims("r1", "x"))
    if at >= 5:
        await store.close("r1", "x", "ended")
    if at >= 6:
        await ledger.settle("x", "ended", NOW_MS)
    await handouts.duty.resume(LATER_MS, only(replica))
    if at in (2, 3, 4):
        assert [event.t for event in replica.ring] == ["rain.started"]
        await store.close("r1", "x", "ended")
        await handouts.duty.resume(LATER_MS, only(replica))
        assert [event.t for event in replica.ring] == ["rain.started", "rain.ended"]
    assert await store.due() == []
    kept = await ledger.load_handout("x")
    assert (kept is None) == (at < 1)
    if kept is not None:
        assert kept[1] is not None
        assert kept[1].state == ("void" if at < 2 else "ended")
        assert kept[1].claimed_count == (1 if at >= 3 else 0)


async def test_lost_claims_call_a_rain_off_and_what_the_ledger_has_stays(
    handouts: Handouts, replica: Replica, rooms: Rooms, redis: Redis
) -> None:
    rain = await raining(handouts, replica)
    kept = await grabbed(handouts, replica, rain.rain_id, 1)
    assert isinstance(kept, Claim)
    await handouts.duty.resume(NOW_MS, only(replica))
    await redis.flushall()
    await rooms.heal(replica, None, NOW_MS)
    await handouts.duty.resume(NOW_MS, only(replica))
    void = replica.state.rain
    assert void is not None
    assert (void.state, void.claimed_count, void.claimed_cents, void.returned_cents) == (
        "void",
        1,
        kept.amount_cents,
        1_000 - kept.amount_cents,
    )
    assert await grabbed(handouts, replica, rain.rain_id, 1) == kept
    assert await grabbed(handouts, replica, rain.rain_id, 2) == "closed"
    proof: Any = await handouts.proof("rain", rain.rain_id)
    assert (proof["state"], len(proof["claims"])) == ("void", 1)


async def test_a_store_that_went_back_and_on_does_not_pay_a_packet_twice(
    handouts: Handouts, replica: Replica, redis: Redis
) -> None:
    """Claims 0 and 1 are in the ledger; Redis comes back with the first only and goes on."""
    rain = await raining(handouts, replica)
    room_id, rain_id = "r1", rain.rain_id
    first = await grabbed(handouts, replica, rain_id, 1)
    names = [
        getattr(keys, name)(room_id, rain_id)
        for name in ("handout", "packets", "claims", "claim_marks")
    ]
    snapshot = {name: await redis.dump(name) for name in names}
    second = await grabbed(handouts, replica, rain_id, 2)
    await handouts.duty.resume(NOW_MS, only(replica))
    for name, blob in snapshot.items():
        assert blob is not None
        await redis.restore(name, 0, blob, replace=True)
    assert isinstance(await grabbed(handouts, replica, rain_id, 3), Claim)
    assert isinstance(await grabbed(handouts, replica, rain_id, 4), Claim)
    await handouts.duty.resume(NOW_MS, only(replica))
    assert replica.state.rain is not None
    assert (replica.state.rain.state, replica.state.rain.claimed_count) == ("void", 2)
    assert await grabbed(handouts, replica, rain_id, 1) == first
    assert await grabbed(handouts, replica, rain_id, 2) == second
    assert await grabbed(handouts, replica, rain_id, 3) == "closed"


async def test_a_lost_timetable_is_made_again_when_the_room_is_rebuilt(
    handouts: Handouts, replica: Replica, rooms: Rooms, redis: Redis
) -> None:
    rain = await raining(handouts, replica)
    gift = await offered(handouts, replica)
    await redis.delete(keys.HANDOUTS_DUE, keys.room("r1"))
    await rooms.heal(replica, None, NOW_MS)
    assert await handouts.duty.resume(NOW_MS, only(replica)) == 0
    due = await RedisHandouts(redis).due()
    assert sorted(due) == sorted([("r1", rain.rain_id, NOW_MS), ("r1", gift.gift_id, NOW_MS)])

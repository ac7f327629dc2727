"""Rains and gifts from their beginning to a proof that holds, on real stores."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from room import packets
from room.conditions import Standing
from room.errors import Refused
from room.fairness import chain_root
from room.handouts import Handouts
from room.replica import Replica
from room.shapes import Claim, User
from room.storage.handouts_sql import SqlHandouts
from tests.contracts.room.giveaway_steps import only
from tests.contracts.room.handout_steps import (
    SEED,
    all_grab,
    claimed,
    grabbed,
    handouts,
    ledger,
    offered,
    person,
    raining,
)
from tests.room.people import NOW_MS

__all__ = ["handouts", "ledger"]


def told(replica: Replica) -> list[str]:
    return [event.t for event in replica.ring if event.t.startswith(("rain.", "gift."))]


async def test_a_rain_from_its_start_to_a_proof_that_holds(
    handouts: Handouts, replica: Replica, ledger: SqlHandouts
) -> None:
    rain = await raining(handouts, replica)
    assert rain.amounts_hash == packets.amounts_hash(
        SEED, rain.rain_id, packets.amounts(SEED, rain.rain_id, total_cents=1_000, count=10)
    )
    assert replica.state.rain == rain
    before = await handouts.proof("rain", rain.rain_id)
    assert before is not None
    assert before["state"] == "open"
    assert not {"seed", "amounts", "claims"} & before.keys()
    got = await all_grab(handouts, replica, rain.rain_id, 25)
    claims = [claim for claim in got if isinstance(claim, Claim)]
    assert len(claims) == 10
    assert [code for code in got if isinstance(code, str)] == ["none_left"] * 15
    assert sum(claim.amount_cents for claim in claims) == 1_000
    assert await grabbed(handouts, replica, rain.rain_id, 3) == got[3]
    assert await handouts.rain_left(replica) == {rain.rain_id: {"left": 0}}
    assert await handouts.duty.resume(NOW_MS, only(replica)) == 1
    assert await handouts.duty.resume(NOW_MS, only(replica)) == 0
    assert told(replica) == ["rain.started", "rain.ended"]
    over = replica.state.rain
    assert over is not None
    assert (over.state, over.claimed_cents, over.returned_cents, over.left) == ("ended", 1000, 0, 0)
    proof: Any = await handouts.proof("rain", rain.rain_id)
    assert proof["seed"] == SEED.hex()
    assert [claim["amount_cents"] for claim in proof["claims"]] == proof["amounts"]
    assert await grabbed(handouts, replica, rain.rain_id, 3) == got[3]
    wins = await ledger.handouts_to(claims[0].user_id)
    assert [(win["rain_id"], win["amount_cents"]) for win in wins] == [
        (rain.rain_id, claims[0].amount_cents)
    ]


async def test_each_key_of_a_person_gets_its_own_packet_up_to_the_limit(
    handouts: Handouts, replica: Replica
) -> None:
    rain = await raining(handouts, replica, per_user=2)
    first = await grabbed(handouts, replica, rain.rain_id, 1, "a")
    assert await grabbed(handouts, replica, rain.rain_id, 1) == first
    assert await grabbed(handouts, replica, rain.rain_id, 1, "a") == first
    second = await grabbed(handouts, replica, rain.rain_id, 1, "b")
    assert isinstance(first, Claim)
    assert isinstance(second, Claim)
    assert (first.index, second.index) == (0, 1)
    assert await grabbed(handouts, replica, rain.rain_id, 1, "c") == "limit_reached"
    assert await grabbed(handouts, replica, rain.rain_id, 1, "b") == second


async def test_with_one_each_every_key_means_the_same_packet(
    handouts: Handouts, replica: Replica
) -> None:
    rain = await raining(handouts, replica)
    first = await grabbed(handouts, replica, rain.rain_id, 1, "a")
    assert isinstance(first, Claim)
    assert await grabbed(handouts, replica, rain.rain_id, 1, "b") == first


async def test_the_window_is_judged_by_the_store(handouts: Handouts, replica: Replica) -> None:
    early = await raining(handouts, replica, starts_in_s=300)
    assert await grabbed(handouts, replica, early.rain_id, 1) == "not_started"
    with pytest.raises(Refused) as refused:
        await raining(handouts, replica)
    assert refused.value.code == "conflict"
    await handouts.stop(replica, early.rain_id, NOW_MS)
    assert replica.state.rain is not None
    assert replica.state.rain.state == "ended"
    assert replica.state.rain.returned_cents == 1_000
    late = await raining(handouts, replica)
    kept = await grabbed(handouts, replica, late.rain_id, 1)
    await handouts.stop(replica, late.rain_id, NOW_MS)
    assert await grabbed(handouts, replica, late.rain_id, 2) == "closed"
    assert await grabbed(handouts, replica, late.rain_id, 1) == kept
    assert await grabbed(handouts, replica, "no_such", 1) == "not_found"


async def test_guests_and_banned_people_get_nothing(handouts: Handouts, replica: Replica) -> None:
    rain = await raining(handouts, replica)
    with pytest.raises(Refused) as refused:
        await handouts.grab(replica, rain.rain_id, User("g", "g", "guest"), "", NOW_MS)
    assert refused.value.code == "login_required"


async def test_a_gift_goes_to_exactly_the_first(handouts: Handouts, replica: Replica) -> None:
    gift = await offered(handouts, replica, quota=5)
    got = await asyncio.gather(
        *(claimed(handouts, replica, gift.gift_id, nth) for nth in range(12))
    )
    claims = [claim for claim in got if isinstance(claim, Claim)]
    assert [(claim.user_id, claim.index) for claim in claims] == [
        (f"u{nth}", nth) for nth in range(5)
    ]
    assert [code for code in got if isinstance(code, str)] == ["none_left"] * 7
    assert await claimed(handouts, replica, gift.gift_id, 2) == got[2]
    assert await handouts.duty.resume(NOW_MS, only(replica)) == 1
    assert told(replica) == ["gift.opened", "gift.closed"]
    proof: Any = await handouts.proof("gift", gift.gift_id)
    users = [claim["user_id"] for claim in proof["claims"]]
    assert [claim["position"] for claim in proof["claims"]] == [1, 2, 3, 4, 5]
    assert proof["entries_root"] == chain_root(gift.gift_id, users)
    assert replica.state.gifts[gift.gift_id].entries_root == proof["entries_root"]
    assert await claimed(handouts, replica, gift.gift_id, 2) == got[2]
    assert await claimed(handouts, replica, gift.gift_id, 11) == "none_left"


async def test_who_does_not_fulfil_what_is_asked_gets_none(
    handouts: Handouts, replica: Replica
) -> None:
    gift = await offered(handouts, replica, watch_s=10)
    with pytest.raises(Refused) as refused:
        await handouts.claim(replica, gift.gift_id, person(1), Standing(watched_ms=4_000))
    assert refused.value.code == "not_qualified"
    assert refused.value.retry_ms == 6_000
    standing = Standing(watched_ms=10_000)
    assert (await handouts.claim(replica, gift.gift_id, person(1), standing)).index == 0

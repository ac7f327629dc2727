"""A lottery and its people, for the tests of stores and use cases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from room import lottery as rules
from room.conditions import Standing
from room.errors import Refused
from room.giveaways import Giveaways
from room.lottery import LotteryRecord
from room.replica import Replica
from room.shapes import Receipt, User
from tests.room.people import NOW_MS

CLOSE_MS = 60_000


def a_record(lottery_id: str = "l1", **asked: Any) -> LotteryRecord:
    spec = rules.spec(**({"winners": 2, "prize": "杯子", "now_ms": NOW_MS} | asked))
    return rules.record(
        spec, room_id="r1", lottery_id=lottery_id, seed=bytes(range(32)), now_ms=NOW_MS
    )


def person(nth: int) -> User:
    return User(f"u{nth}", f"名{nth}", "viewer")


async def opened(giveaways: Giveaways, replica: Replica, **asked: Any) -> str:
    spec = rules.spec(**({"winners": 2, "prize": "杯子", "now_ms": NOW_MS} | asked))
    return (await giveaways.open(replica, spec, NOW_MS)).lottery_id


async def joined(
    giveaways: Giveaways, replica: Replica, lottery_id: str, count: int
) -> list[Receipt]:
    return list(
        await asyncio.gather(
            *(
                giveaways.join(replica, lottery_id, person(nth), Standing(), NOW_MS)
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

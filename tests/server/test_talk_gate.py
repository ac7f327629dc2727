"""The talk gives way when the loop is late, and comes back when it is not."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from server.errors import CommandRefused
from server.precedence import Precedence
from server.talk_gate import (
    LATE_S,
    PER_S_MAX,
    PER_S_MIN,
    PER_TURN,
    REFUSED_AT_ONCE,
    STEP_S,
    WAIT_S_MAX,
    TalkGate,
    TalkPace,
)


def let_in(pace: TalkPace, *, late_s: float, steps: int) -> int:
    """How many get in over so many looks."""
    count = 0
    for _ in range(steps):
        pace.looked(late_s=late_s, passed_s=STEP_S)
        while pace.take():
            count += 1
    return count


def test_a_late_loop_slows_the_talk_and_an_idle_one_brings_it_back() -> None:
    pace = TalkPace()
    let_in(pace, late_s=LATE_S * 2, steps=50)
    assert pace.per_s == PER_S_MIN
    assert let_in(pace, late_s=LATE_S * 2, steps=50) <= PER_S_MIN
    let_in(pace, late_s=0.0, steps=200)
    assert pace.per_s == PER_S_MAX
    assert let_in(pace, late_s=0.0, steps=50) >= PER_S_MAX * 0.9


def test_nobody_is_kept_for_longer_than_the_bound() -> None:
    pace = TalkPace()
    assert not pace.too_many(0)
    assert pace.too_many(int(PER_S_MAX * WAIT_S_MAX))
    let_in(pace, late_s=1.0, steps=50)
    assert pace.too_many(int(PER_S_MIN * WAIT_S_MAX))


@pytest.mark.parametrize("per_s", [PER_S_MIN, PER_S_MAX])
@pytest.mark.parametrize("waiting", [0, 1, 7, 500, 20_000])
@pytest.mark.parametrize("unread", [0, 1, 2, 40, 900])
def test_what_is_left_unread_is_heard_in_time(per_s: float, waiting: int, unread: int) -> None:
    """By the pace of this moment, and not one is refused that would have been."""
    pace = TalkPace()
    pace.per_s = per_s
    surplus = pace.surplus(unread, waiting)
    left = unread - surplus
    assert left <= 1 or left * waiting / per_s <= WAIT_S_MAX
    if surplus:
        assert left >= 1
        assert (left + 1) * waiting / per_s > WAIT_S_MAX


async def test_nobody_is_refused_while_somebody_buys() -> None:
    """Refusals take their share of a turn too, so they are few at once and then none."""
    precedence = Precedence()
    gate = TalkGate(precedence)
    waiting = [asyncio.create_task(gate.enter()) for _ in range(2_000)]
    await asyncio.sleep(0)
    assert gate.surplus(unread=500) == REFUSED_AT_ONCE
    with precedence:
        assert gate.surplus(unread=500) == 0
    assert gate.surplus(unread=1) == 0
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_everybody_gets_in_in_order_or_is_refused() -> None:
    """A crowd at one moment: some wait, those beyond the bound are told to come back."""
    gate, entered = TalkGate(), []

    async def speak(number: int) -> None:
        await gate.enter()
        entered.append(number)

    crowd = int(PER_S_MAX * WAIT_S_MAX) + 200
    speakers = [asyncio.create_task(speak(number)) for number in range(300)]
    await asyncio.gather(*speakers)
    assert entered == list(range(300))
    late = [asyncio.create_task(speak(number)) for number in range(crowd)]
    done, _ = await asyncio.wait(late, return_when=asyncio.FIRST_EXCEPTION)
    refused = [task for task in done if task.exception() is not None]
    assert refused
    with pytest.raises(CommandRefused) as refusal:
        refused[0].result()
    assert refusal.value.code == "rate_limited"
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)


async def test_who_would_wait_too_long_at_a_slower_pace_is_sent_away() -> None:
    """The queue was allowed when the loop was quick; it is cut when the loop turns slow."""
    gate = TalkGate()
    waiting = [asyncio.create_task(gate.enter()) for _ in range(int(PER_S_MAX))]
    await asyncio.sleep(0)
    gate._pace.per_s = PER_S_MIN
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
    refused = [task for task in done if task.exception() is not None]
    assert refused
    assert len(gate._waiting) <= gate._pace.per_s * WAIT_S_MAX
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_one_turn_of_the_loop_lets_only_a_few_in() -> None:
    """A purchase takes several turns, so none may be as long as the whole crowd."""
    gate, entered = TalkGate(), []

    async def speak(number: int) -> None:
        await gate.enter()
        entered.append(number)

    crowd = [asyncio.create_task(speak(number)) for number in range(10 * PER_TURN)]
    counts = [0]
    while len(entered) < len(crowd):
        await asyncio.sleep(0)
        counts.append(len(entered))
    assert max(after - before for before, after in itertools.pairwise(counts)) <= PER_TURN
    assert entered == list(range(len(crowd)))


async def test_who_hangs_up_while_waiting_takes_no_place() -> None:
    gate = TalkGate()
    crowd = [asyncio.create_task(gate.enter()) for _ in range(3 * PER_TURN)]
    await asyncio.sleep(0)
    for task in crowd[PER_TURN : 2 * PER_TURN]:
        task.cancel()
    await asyncio.wait(crowd)
    assert [task.cancelled() for task in crowd[2 * PER_TURN :]] == [False] * PER_TURN

"""What goes before the talk does so for a stretch, and the talk is never held up for good."""

from __future__ import annotations

import asyncio

import pytest

from server.precedence import AHEAD_S_MAX, EARNED_SHARE, Precedence
from server.talk_gate import PER_TURN, TalkGate


class Now:
    s = 100.0

    def __call__(self) -> float:
        return self.s


async def turns(count: int) -> None:
    """So many of the event loop."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_it_holds_while_anybody_is_in_it_and_no_longer() -> None:
    precedence = Precedence(Now())
    seen = [precedence.active]
    with precedence:
        with precedence:
            seen.append(precedence.active)
        seen.append(precedence.active)
    seen.append(precedence.active)
    assert seen == [False, True, True, False]


def test_buying_without_end_does_not_silence_the_talk() -> None:
    """One goes first for so long; who comes along does not make it longer."""
    now = Now()
    precedence, seen = Precedence(now), []
    with precedence:
        now.s += AHEAD_S_MAX / 2
        with precedence:
            seen.append(precedence.active)
            now.s += AHEAD_S_MAX
            seen.append(precedence.active)
        now.s += 1_000
        seen.append(precedence.active)
    with precedence:
        seen.append(precedence.active)  # nothing was earned meanwhile
    now.s += AHEAD_S_MAX / EARNED_SHARE
    with precedence:
        seen.append(precedence.active)
    assert seen == [True, False, False, False, True]


@pytest.mark.parametrize("buying_s", [0.002, 0.015, 0.5])
@pytest.mark.parametrize("pause_s", [0.0001, 0.004, 0.03])
def test_however_often_somebody_buys_the_talk_has_three_quarters_of_the_time(
    buying_s: float, pause_s: float
) -> None:
    """One purchase after the other for ten seconds, with pauses so short or so long."""
    now = Now()
    precedence, held_s, step_s = Precedence(now), 0.0, 0.0001
    began_s = now.s
    while now.s < began_s + 10:
        now.s += pause_s
        with precedence:
            until_s = now.s + buying_s
            while now.s < until_s:
                held_s += step_s if precedence.active else 0.0
                now.s += step_s
    assert held_s <= 0.26 * (now.s - began_s) + AHEAD_S_MAX


def test_a_command_that_fails_is_in_it_no_more() -> None:
    precedence = Precedence(Now())
    with pytest.raises(ValueError, match="sold out"), precedence:
        raise ValueError("sold out")
    assert not precedence.active


async def test_nobody_is_let_in_to_talk_while_somebody_buys() -> None:
    """And at once afterwards, all of them and in order."""
    precedence = Precedence(Now())
    gate, entered = TalkGate(precedence), []
    gate._pace.looked(late_s=0.0, passed_s=1.0)  # the pace allows more than the turns do

    async def speak(number: int) -> None:
        await gate.enter()
        entered.append(number)

    crowd = [asyncio.create_task(speak(number)) for number in range(6 * PER_TURN)]
    await turns(2)
    with precedence:
        await turns(1)  # those who were let in before
        before = len(entered)
        await turns(20)
        assert 0 < len(entered) == before
    await turns(3)
    assert len(entered) > before
    await asyncio.gather(*crowd)
    assert entered == list(range(len(crowd)))


async def test_the_talk_goes_on_though_a_purchase_hangs() -> None:
    """Once it has gone first for long enough, with nobody to tell that it is over."""
    now = Now()
    precedence = Precedence(now)
    gate = TalkGate(precedence)
    with precedence:
        crowd = [asyncio.create_task(gate.enter()) for _ in range(3 * PER_TURN)]
        await asyncio.sleep(0)
        now.s += 2 * AHEAD_S_MAX
        await asyncio.gather(*crowd)

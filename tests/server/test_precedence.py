"""What goes before the talk does so for a stretch, and the talk is never held up for good."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from server.precedence import STRETCH_S_MAX, Precedence
from server.talk_gate import PER_TURN, PER_TURN_BEHIND, TalkGate


class Now:
    s = 100.0

    def __call__(self) -> float:
        return self.s


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
    """A stretch begins when nobody was in it; who comes along does not make it longer."""
    now = Now()
    precedence, seen = Precedence(now), []
    with precedence:
        now.s += STRETCH_S_MAX / 2
        with precedence:
            seen.append(precedence.active)
            now.s += STRETCH_S_MAX / 2
            seen.append(precedence.active)
    with precedence:
        seen.append(precedence.active)
    assert seen == [True, False, True]


def test_a_command_that_fails_is_in_it_no_more() -> None:
    precedence = Precedence(Now())
    with pytest.raises(ValueError, match="sold out"), precedence:
        raise ValueError("sold out")
    assert not precedence.active


async def test_fewer_speak_in_a_turn_while_somebody_buys() -> None:
    """And all of them are let in all the same, in order."""
    precedence = Precedence(Now())
    gate, entered = TalkGate(precedence), []

    async def speak(number: int) -> None:
        await gate.enter()
        entered.append(number)

    crowd = [asyncio.create_task(speak(number)) for number in range(6 * PER_TURN)]
    counts = [0]
    with precedence:
        while len(entered) < 2 * PER_TURN:
            await asyncio.sleep(0)
            counts.append(len(entered))
    assert max(after - before for before, after in itertools.pairwise(counts)) <= PER_TURN_BEHIND
    await asyncio.gather(*crowd)
    assert entered == list(range(len(crowd)))

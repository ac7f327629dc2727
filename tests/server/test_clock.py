"""How often the clock's duties are called."""

from __future__ import annotations

import asyncio
from typing import cast

from server.clock import Clock, Duty
from server.lease import Lease


class OurLease:
    """A lease nobody else wants."""

    held = True

    async def renew(self) -> None: ...

    async def release(self) -> None: ...


async def calls_until_it_rests(drain_from: int, done: list[int]) -> int:
    """How often a duty is called that does so much each time, before it waits for its next hour."""
    calls, resting = 0, asyncio.Event()

    async def step() -> int:
        nonlocal calls
        calls += 1
        asyncio.get_running_loop().call_soon(resting.set)  # set after all that follows at once
        return done[calls - 1]

    clock = Clock(cast(Lease, OurLease()), [Duty("it", step, 3600.0, drain_from=drain_from)])
    await clock.start()
    await resting.wait()
    await clock.stop()
    return calls


async def test_a_duty_rests_after_each_step_unless_it_drains() -> None:
    assert await calls_until_it_rests(0, [9, 9]) == 1


async def test_a_duty_goes_on_as_long_as_it_does_much() -> None:
    assert await calls_until_it_rests(3, [5, 3, 2, 9]) == 3
    assert await calls_until_it_rests(1, [1, 1, 0, 1]) == 3

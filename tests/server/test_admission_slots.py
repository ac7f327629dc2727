"""Newcomers are let in by slots, in order, and not more wait than can be served."""

from __future__ import annotations

import asyncio

from server.admission_slots import AdmissionSlots
from tests.waiting import until_async


async def settled() -> None:
    """Let every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_slot_is_given_at_once_and_the_rest_wait_in_order() -> None:
    slots = AdmissionSlots(per_slot=2, slot_s=0.001)
    came: list[int] = []

    async def come(number: int) -> None:
        assert await slots.take()
        came.append(number)

    tasks = [asyncio.create_task(come(number)) for number in range(7)]
    await settled()
    assert came == [0, 1]
    await asyncio.gather(*tasks)
    assert came == list(range(7))


async def test_who_hangs_up_takes_no_place() -> None:
    slots = AdmissionSlots(per_slot=1, slot_s=0.001)
    assert await slots.take()
    gone, waiting = (asyncio.create_task(slots.take()) for _ in range(2))
    await settled()
    gone.cancel()
    assert await waiting
    assert gone.cancelled()


async def test_beyond_the_queue_people_are_sent_away_at_once() -> None:
    slots = AdmissionSlots(per_slot=1, slot_s=60, waiting_max=2)
    assert await slots.take()
    waiting = [asyncio.create_task(slots.take()) for _ in range(2)]
    await settled()
    assert not await slots.take()
    for task in waiting:
        task.cancel()


async def test_a_door_nobody_uses_opens_whole_again() -> None:
    """An idle worker runs no timer, and its next slot is a full one."""
    slots = AdmissionSlots(per_slot=2, slot_s=0.001)
    for _ in range(3):
        assert await slots.take()
        assert await slots.take()
        await until_async(lambda: slots._next is None)

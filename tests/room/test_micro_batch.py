"""Calls that arrive while one is in flight travel together."""

from __future__ import annotations

import asyncio

import pytest

from room.errors import Refused
from room.micro_batch import MicroBatch


class Sender:
    """Answers in its own time and remembers what it was sent."""

    def __init__(self) -> None:
        self.sent: list[list[int]] = []
        self.go = asyncio.Event()
        self.fail: Exception | None = None

    async def __call__(self, key: str, items: list[int]) -> list[str]:
        self.sent.append(items)
        await self.go.wait()
        if self.fail is not None:
            raise self.fail
        return [f"{key}{item}" for item in items]


async def until_sent(sender: Sender, count: int) -> None:
    while len(sender.sent) < count:  # noqa: ASYNC110 - a turn of the loop, not a stretch of time
        await asyncio.sleep(0)


async def test_who_comes_during_a_call_joins_the_next_one_and_gets_their_own_answer() -> None:
    sender = Sender()
    batch = MicroBatch(sender, batch_max=3, waiting_max=99)
    first = asyncio.create_task(batch.submit("k", 0))
    await until_sent(sender, 1)
    later = [asyncio.create_task(batch.submit("k", n)) for n in range(1, 6)]
    other = asyncio.create_task(batch.submit("x", 9))
    await until_sent(sender, 2)
    sender.go.set()
    assert await asyncio.gather(first, *later) == [f"k{n}" for n in range(6)]
    assert await other == "x9"
    assert sender.sent == [[0], [9], [1, 2, 3], [4, 5]]
    sender.go.clear()
    again = asyncio.create_task(batch.submit("k", 7))
    await until_sent(sender, 5)
    sender.go.set()
    assert await again == "k7"


async def test_an_error_reaches_everyone_in_the_batch_and_nobody_else() -> None:
    sender = Sender()
    batch = MicroBatch(sender, batch_max=9, waiting_max=9)
    sender.go.set()
    sender.fail = Refused("closed", "closed")
    outcomes = await asyncio.gather(
        *(batch.submit("k", n) for n in range(3)), return_exceptions=True
    )
    assert outcomes == [sender.fail] * 3
    sender.fail = None
    assert await batch.submit("k", 1) == "k1"


async def test_only_so_many_may_wait() -> None:
    sender = Sender()
    batch = MicroBatch(sender, batch_max=9, waiting_max=2)
    tasks = [asyncio.create_task(batch.submit("k", 0))]
    await until_sent(sender, 1)
    tasks += [asyncio.create_task(batch.submit("k", n)) for n in (1, 2)]
    await asyncio.sleep(0)
    with pytest.raises(Refused) as refused:
        await batch.submit("k", 3)
    assert refused.value.code == "rate_limited"
    sender.go.set()
    assert await asyncio.gather(*tasks) == ["k0", "k1", "k2"]


async def test_a_caller_who_left_does_not_disturb_the_others() -> None:
    sender = Sender()
    batch = MicroBatch(sender, batch_max=9, waiting_max=9)
    tasks = [asyncio.create_task(batch.submit("k", n)) for n in range(3)]
    await until_sent(sender, 1)
    tasks[1].cancel()
    sender.go.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert answers[0] == "k0"
    assert isinstance(answers[1], asyncio.CancelledError)
    assert answers[2] == "k2"

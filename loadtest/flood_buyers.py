"""Those who buy while others flood a room, in a process of their own.

The flood's own process has a thousand viewers in its loop: what it hears late may be its own doing.
Here nothing waits but for the server.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import uvloop

from loadtest.checks import Failure
from loadtest.client import Address, Lost, Refused, Viewer
from loadtest.seat import clock_us

BUYS_PER_S = 20.0


@dataclass
class Bought:
    """What came of one stretch of buying."""

    answered_us: list[int] = field(default_factory=list)  # each from when it was due
    failures: list[Failure] = field(default_factory=list)


class FloodBuyers:
    """Buyers with tokens, in a child process. Use as a context manager."""

    def __init__(self, address: Address, tokens: Sequence[str], sale: Mapping[str, Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, mp_context=context)
        self._given = address, tuple(tokens), dict(sale)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    async def buy(self, seconds: float) -> Bought:
        """Reservations at one pace for so long. The first call also waits for the process."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, _buy_here, *self._given, seconds)


class _Counter:
    """The child's side: connected before anybody floods, for joining under a flood takes long."""

    def __init__(self, address: Address, tokens: Sequence[str]) -> None:
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        named = [(f"buyer-{number}", token) for number, token in enumerate(tokens)]
        self.buyers = [Viewer(address, name=name, token=token) for name, token in named]
        self.runner.run(self._connect())

    async def _connect(self) -> None:
        for buyer in self.buyers:
            await buyer.connect()


_counters: list[_Counter] = []  # the child's only one, kept from one stretch to the next


def _buy_here(
    address: Address, tokens: Sequence[str], sale: dict[str, Any], seconds: float
) -> Bought:
    if not _counters:
        _counters.append(_Counter(address, tokens))
    counter = _counters[0]
    return counter.runner.run(_buy(counter.buyers, sale, seconds))


async def _buy(buyers: Sequence[Viewer], sale: dict[str, Any], seconds: float) -> Bought:
    bought = Bought()

    async def one(buyer: Viewer, due_us: int, key: str) -> None:
        try:
            await buyer.command("sale.buy", **sale, key=key)
        except (Refused, Lost, TimeoutError) as error:
            bought.failures.append(Failure("not_reserved", buyer.name, str(error)))
            return
        bought.answered_us.append(clock_us() - due_us)

    begin_us, tasks = clock_us(), []
    for number in range(int(seconds * BUYS_PER_S)):
        due_us = begin_us + int(number * 1e6 / BUYS_PER_S)
        await asyncio.sleep(max(0, due_us - clock_us()) / 1e6)
        key = f"{begin_us}-{number}"
        tasks.append(asyncio.create_task(one(buyers[number % len(buyers)], due_us, key)))
    await asyncio.gather(*tasks)
    return bought

"""Everything that happens because time passed, under a lease so that it happens once.

A duty is a coroutine called again and again with a pause between; it says whether more work waits.
All duties are idempotent and pick up what a killed worker left. Nothing exact depends on them
being on time: the sale's window is judged where stock is decided, the draw by its stored state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from server.lease import RENEW_EVERY_S, Lease
from server.tasks import end_all

log = structlog.get_logger(__name__)

AT_ONCE_STEPS_MAX = 100  # rounds without a pause before other duties get a turn


@dataclass(frozen=True, slots=True)
class Duty:
    """One thing to do repeatedly; `step` returns how much it did."""

    name: str
    step: Callable[[], Awaitable[int]]
    every_s: float
    drain_from: int = 0  # call again at once after a step that did so much; 0: never


class Clock:
    """Runs duties while this worker holds the lease."""

    def __init__(self, lease: Lease, duties: Sequence[Duty]):
        self._lease = lease
        self._duties = duties
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin competing for the lease."""
        await self._lease.renew()
        self._tasks = [asyncio.create_task(self._keep_lease(), name="lease")]
        self._tasks += [
            asyncio.create_task(self._run(duty), name=f"duty-{duty.name}") for duty in self._duties
        ]

    async def stop(self) -> None:
        """Stop after the steps in progress and hand the lease over."""
        await end_all(self._tasks)
        await self._lease.release()

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            await self._lease.renew()

    async def _run(self, duty: Duty) -> None:
        while True:
            if self._lease.held:
                await self._steps(duty)
            await asyncio.sleep(duty.every_s)

    async def _steps(self, duty: Duty) -> None:
        try:
            for _ in range(AT_ONCE_STEPS_MAX):
                done = await duty.step()
                if not (0 < duty.drain_from <= done and self._lease.held):
                    return
        except Exception as error:
            log.warning("duty_failed", duty=duty.name, error=repr(error))

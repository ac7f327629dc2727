"""A room with its host and its buyers, its audit asked all the time; for the sale's proofs."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp

from loadtest.api import ApiError, LiveroomApi
from loadtest.checks import Failure
from loadtest.client import Address
from loadtest.messages import MessageCache
from loadtest.sale_checks import audit_failures
from loadtest.stage import Stage
from loadtest.steady import SteadySeat

AUDIT_STEP_S = 0.05
REST_ERRORS = (ApiError, aiohttp.ClientError, TimeoutError, OSError)


@dataclass
class Audits:
    """How often the audit was asked, and what did not balance. No answer is allowed."""

    answered: int = 0
    refused: int = 0
    failures: list[Failure] = field(default_factory=list)

    async def watch(self, stage: Stage, every_s: float = AUDIT_STEP_S) -> None:
        """Ask until cancelled."""
        while True:
            try:
                self.failures += audit_failures(await stage.api.audit(stage.room, stage.token))
                self.answered += 1
            except REST_ERRORS:
                self.refused += 1
            await asyncio.sleep(every_s)


@contextlib.asynccontextmanager
async def full_room(
    api: LiveroomApi, room: str, buyers: int, seed: int, audits: Audits
) -> AsyncIterator[tuple[Stage, list[SteadySeat]]]:
    """Everybody connected; at the end everybody leaves."""
    host = await api.person("proof-host", role="host")
    stage = Stage(api, room, token=host.token)
    await stage.open()
    messages, rng = MessageCache(), random.Random(seed)
    address = Address.of(api.url, room)
    people = [await api.person(f"wisher-{number}") for number in range(buyers)]
    seats = [
        SteadySeat(address, name=person.name, person=person, messages=messages, rng=rng)
        for person in people
    ]
    await asyncio.gather(*(seat.start() for seat in seats))
    watching = asyncio.create_task(audits.watch(stage))
    try:
        yield stage, seats
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        for seat in seats:
            seat.stop()
        stage.viewer.leave()

"""A viewer that comes back: after every loss it resumes where it was, as the pages do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from loadtest.api import Person
from loadtest.client import Address, Lost, Refused, Viewer
from loadtest.frames import FrameError
from loadtest.messages import Message, MessageCache

CONNECT_ERRORS = (OSError, TimeoutError, Lost, Refused, FrameError)
RETURNS_MAX = 120  # attempts to come back after one loss; with the pauses more than a minute
RETURN_PAUSE_S = (0.1, 1.0)


async def come_back(viewer: Viewer, rng: random.Random, *, resume: bool = True) -> bool:
    """Try until connected; False when the server was away for too long."""
    for _ in range(RETURNS_MAX):
        await asyncio.sleep(rng.uniform(*RETURN_PAUSE_S))
        try:
            await viewer.connect(resume=resume)
        except CONNECT_ERRORS:
            continue
        return True
    return False


def _ignore(viewer: Viewer, message: Message) -> None:
    return None


class SteadySeat:
    """A person (or a guest) who stays through every fault. `start`, later `stop`."""

    def __init__(
        self,
        address: Address,
        *,
        name: str,
        person: Person | None = None,
        messages: MessageCache | None = None,
        rng: random.Random,
        on_message: Callable[[Viewer, Message], None] = _ignore,
    ) -> None:
        self.user_id = person.user_id if person else ""
        self.token = person.token if person else None
        self.viewer = Viewer(
            address,
            name=name,
            token=self.token,
            messages=messages,
            on_message=on_message,
            on_lost=self._lost,
        )
        self.losses = 0
        self._rng = rng
        self._return: asyncio.Task[bool] | None = None
        self._stopped = False

    async def start(self) -> None:
        """The first connection; raises what `Viewer.connect` raises."""
        await self.viewer.connect()

    def _lost(self, viewer: Viewer, code: int) -> None:
        self.losses += 1
        self.return_later()

    def return_later(self) -> None:
        """Also for one whose first connection failed."""
        if not self._stopped:
            self._return = asyncio.get_running_loop().create_task(come_back(self.viewer, self._rng))

    def stop(self) -> None:
        self._stopped = True
        if self._return is not None:
            self._return.cancel()
        self.viewer.leave()

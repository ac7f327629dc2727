"""How many newcomers a worker lets in at a time: a storm of them must not starve who is there.

A handshake and a greeting cost well under a millisecond, but a thousand in one turn of the event
loop would hold up every tick. Newcomers are let in by slots, first come first served; who would
have to wait too long is sent away at once and comes back by its own backoff.
"""

from __future__ import annotations

import asyncio
from collections import deque

PER_SLOT = 40  # about 15 ms of work
SLOT_S = 0.02  # 2,000 a second, more than a worker can greet
WAITING_MAX = 10_000  # 5 s at that rate: longer than that a client gives up anyway


class AdmissionSlots:
    """One worker's door. Times are by the event loop."""

    def __init__(
        self,
        *,
        per_slot: int = PER_SLOT,
        slot_s: float = SLOT_S,
        waiting_max: int = WAITING_MAX,
    ):
        self._per_slot = per_slot
        self._slot_s = slot_s
        self._waiting_max = waiting_max
        self._left = per_slot
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._next: asyncio.TimerHandle | None = None

    async def take(self) -> bool:
        """Wait for a place in a slot; False, at once, when too many are waiting already."""
        loop = asyncio.get_running_loop()
        if self._next is None:
            self._next = loop.call_later(self._slot_s, self._open_slot)
        if self._left > 0:
            self._left -= 1
            return True
        if len(self._waiting) >= self._waiting_max:
            return False
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        await turn
        return True

    def _open_slot(self) -> None:
        self._next = None
        self._left = self._per_slot
        while self._waiting and self._left > 0:
            turn = self._waiting.popleft()
            if not turn.done():  # it is when the newcomer has hung up
                turn.set_result(None)
                self._left -= 1
        if self._left < self._per_slot:
            loop = asyncio.get_running_loop()
            self._next = loop.call_later(self._slot_s, self._open_slot)

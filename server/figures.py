"""A room's numbers, worked out a few times a second however many people look at them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Numbers = dict[str, Any]
AGE_MS_MAX = 400  # with half a second of pulses and a second of polling: under two seconds in all


class Figures:
    """The latest numbers of every room somebody asked for lately."""

    def __init__(self, now_ms: Callable[[], int]):
        self._now_ms = now_ms
        self._latest: dict[str, tuple[int, asyncio.Task[Numbers]]] = {}

    async def of(self, room_id: str, work_out: Callable[[], Awaitable[Numbers]]) -> Numbers:
        """The numbers of a room, at most AGE_MS_MAX old; all who ask meanwhile share one answer.

        Raises what `work_out` raises, which is not remembered.
        """
        now_ms = self._now_ms()
        self._forget(now_ms)
        if room_id not in self._latest:
            task = asyncio.ensure_future(work_out())
            self._latest[room_id] = (now_ms, task)
        _, shared = self._latest[room_id]
        try:
            return await asyncio.shield(shared)
        except Exception:
            self._latest.pop(room_id, None)
            raise

    def _forget(self, now_ms: int) -> None:
        """Drop what is too old to be shown; an answer that takes long is still waited for."""
        for room_id, (asked_ms, task) in tuple(self._latest.items()):
            if task.done() and now_ms - asked_ms > AGE_MS_MAX:
                del self._latest[room_id]

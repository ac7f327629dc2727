"""When rooms are flushed: one timer for the whole process, never one per room or viewer.

A room that was quiet for a tick is flushed in the same turn of the event loop, so a lone comment
waits for nothing. A busy room coalesces until the next tick. The tick grows with the time flushing
takes and the loop's lag, because more viewers are better served by fewer, larger frames than by a
loop that falls behind.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from server.fanout import LiveRoom
from server.telemetry import Metrics

TICK_MS_MIN = 20  # below this, one more frame per viewer costs more than it helps
TICK_MS_MAX = 200  # above this, people notice
STATE_EVERY_MS = 100  # likes and counts alone do not deserve a frame more often
_GROW_ABOVE = 0.5  # of the tick spent flushing or waited beyond the plan
_SHRINK_BELOW = 0.2


def next_tick_ms(tick_ms: int, busy_ms: float) -> int:
    """The tick that follows one of `tick_ms` in which flushing and lag took `busy_ms`."""
    if busy_ms > tick_ms * _GROW_ABOVE:
        return min(TICK_MS_MAX, tick_ms + max(5, tick_ms // 2))
    if busy_ms < tick_ms * _SHRINK_BELOW:
        return max(TICK_MS_MIN, tick_ms - max(1, tick_ms // 10))
    return tick_ms


class Ticker:
    """Flushes rooms that have something to tell."""

    def __init__(self, now_ms: Callable[[], int], metrics: Metrics):
        self.tick_ms = TICK_MS_MIN
        self._now_ms = now_ms
        self._metrics = metrics
        self._urgent: set[LiveRoom] = set()
        self._patient: set[LiveRoom] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._soon: set[LiveRoom] = set()
        self._due_at = 0.0

    def wake(self, room: LiveRoom) -> None:
        """Something happened that people wait for: flush now if quiet, else with the next tick."""
        if room in self._urgent or room in self._soon:
            return
        if self._now_ms() - room.flushed_ms >= self.tick_ms:
            self._soon.add(room)
            asyncio.get_running_loop().call_soon(self._flush_soon, room)
        else:
            self._urgent.add(room)
            self._arm()

    def wake_for_state(self, room: LiveRoom) -> None:
        """Only counts changed: flush when `STATE_EVERY_MS` have passed, or along with others."""
        self._patient.add(room)
        self._arm()

    def forget(self, room: LiveRoom) -> None:
        """Drop a closed room."""
        self._urgent.discard(room)
        self._patient.discard(room)
        self._soon.discard(room)

    def stamp(self) -> Mapping[str, Any]:
        """The clock that every tick carries."""
        return {"server_ms": self._now_ms(), "tick_ms": self.tick_ms}

    def flush_now(self, room: LiveRoom) -> None:
        """Flush one room at once, whatever the tick."""
        self.forget(room)
        if room.outbox:
            tick = room.flush(self._now_ms(), self.stamp())
            self._metrics.told(tick, viewers=len(room.viewers))

    def _flush_soon(self, room: LiveRoom) -> None:
        if room in self._soon:
            self._flush_all({room}, lag_ms=0.0)

    def _arm(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._due_at = loop.time() + self.tick_ms / 1000
            self._timer = loop.call_at(self._due_at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        lag_ms = max(0.0, asyncio.get_running_loop().time() - self._due_at) * 1000
        now_ms = self._now_ms()
        ripe = {r for r in self._patient if now_ms - r.flushed_ms >= STATE_EVERY_MS}
        self._flush_all(self._urgent | ripe, lag_ms=lag_ms)
        if self._urgent or self._patient:
            self._arm()

    def _flush_all(self, rooms: set[LiveRoom], *, lag_ms: float) -> None:
        started = time.perf_counter()
        for room in rooms:
            self.flush_now(room)
        busy_s = time.perf_counter() - started
        self._metrics.ticked(busy_s)
        self._metrics.lagged(lag_ms / 1000)
        busy_ms = busy_s * 1000
        self.tick_ms = next_tick_ms(self.tick_ms, busy_ms + lag_ms)

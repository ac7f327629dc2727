"""When rooms are flushed: one timer for the whole process, never one per room or viewer.

A room that was quiet for a tick is flushed in the same turn of the event loop, so a lone comment
waits for nothing. A busy room coalesces until the next tick. The tick grows with the share of time
that flushing takes, because more viewers are better served by fewer, larger frames than by a loop
that falls behind.
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
JUDGED_EVERY_S = 0.05  # how long the share of busy time is averaged before the tick moves
_GROW_ABOVE = 0.5  # of the time spent flushing; the rest is for reading, deciding and replying
_SHRINK_BELOW = 0.35


def next_tick_ms(tick_ms: int, busy_share: float) -> int:
    """The tick that follows one of `tick_ms` when flushing took `busy_share` of the time.

    Flushing less often makes the share fall in proportion, so the tick settles where flushing
    takes between the two thresholds.
    """
    if busy_share > _GROW_ABOVE:
        return min(TICK_MS_MAX, tick_ms + max(2, tick_ms // 4))
    if busy_share < _SHRINK_BELOW:
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
        self._busy_s = 0.0
        self._judged_at = 0.0

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
            self._flush_all({room})

    def _arm(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._due_at = loop.time() + self.tick_ms / 1000
            self._timer = loop.call_at(self._due_at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._metrics.lagged(max(0.0, asyncio.get_running_loop().time() - self._due_at))
        now_ms = self._now_ms()
        ripe = {r for r in self._patient if now_ms - r.flushed_ms >= STATE_EVERY_MS}
        self._flush_all(self._urgent | ripe)
        if self._urgent or self._patient:
            self._arm()

    def _flush_all(self, rooms: set[LiveRoom]) -> None:
        started = time.perf_counter()
        for room in rooms:
            self.flush_now(room)
        ended = time.perf_counter()
        self._metrics.ticked(ended - started)
        self._judge(ended - started, ended)

    def _judge(self, busy_s: float, now_s: float) -> None:
        """Move the tick by the share of time that flushing took since it was last judged."""
        self._busy_s += busy_s
        passed_s = now_s - self._judged_at
        if passed_s >= max(JUDGED_EVERY_S, self.tick_ms / 1000):
            self.tick_ms = next_tick_ms(self.tick_ms, self._busy_s / passed_s)
            self._busy_s, self._judged_at = 0.0, now_s

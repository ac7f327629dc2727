"""When rooms are flushed: one timer for the whole process, never one per room or viewer.

A room that was quiet for a tick is flushed in the same turn of the event loop, so a lone comment
waits for nothing. A busy room coalesces until the next tick. The tick grows with the share of time
that flushing takes, with how late the loop is, and with how much a room says: more viewers are
better served by fewer, larger frames than by a loop that falls behind. A flush of many viewers is
done in parts, a little in each turn of the loop, so that nobody waits for the whole of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from server.delivery import ROWS
from server.fanout import LiveRoom
from server.precedence import Precedence
from server.telemetry import Metrics

TICK_MS_MIN = 20  # below this, one more frame per viewer costs more than it helps
TICK_MS_MAX = 200  # above this, people notice
STATE_EVERY_MS = 100  # likes and counts alone do not deserve a frame more often
JUDGED_EVERY_S = 0.05  # how long the share of busy time is averaged before the tick moves
RATE_TICK_MS_MAX = 100  # of a tick that is long only because much is said; above it people wait
FLUSH_S_MAX = 0.001  # of one turn of the loop; a purchase takes several turns
FLUSH_SHARE = 0.25  # of the loop's time where turns are longer: else a tick took many of them
VIEWERS_PER_STEP = 16  # between two looks at the clock; some 0.1 ms of writes
VIEWERS_BEHIND = 4  # of one turn while somebody goes before the ticks
IN_ROWS_TICK_MS_MIN = 80  # a quarter of it is the shortest tick
IN_ROWS_VIEWERS_MIN = 2_000  # some 40 ms of writes; fewer hardly wait for each other
_SAID_FADES = 0.7  # of what was said, when judged anew; a pause of a moment is no quiet room
_SAID_PER_S_PER_MS = 5  # 300 comments a second: 60 ms, 18 in a frame
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


def rate_tick_ms(said_per_s: float) -> int:
    """The shortest tick for a room where so much is said: a frame for every few words costs each
    viewer as much as one for many, and where much is said nobody notices which millisecond."""
    return max(TICK_MS_MIN, min(RATE_TICK_MS_MAX, int(said_per_s / _SAID_PER_S_PER_MS)))


class Ticker:
    """Flushes rooms that have something to tell."""

    def __init__(
        self, now_ms: Callable[[], int], metrics: Metrics, precedence: Precedence | None = None
    ):
        self.tick_ms = TICK_MS_MIN
        self._now_ms = now_ms
        self._metrics = metrics
        self._precedence = precedence or Precedence()
        self._urgent: set[LiveRoom] = set()
        self._patient: set[LiveRoom] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._soon: set[LiveRoom] = set()
        self._due: dict[LiveRoom, bool] = {}  # in this order; whether its flush has begun
        self._overdue: set[LiveRoom] = set()  # whose next row should have begun by now
        self._turn: asyncio.Handle | None = None
        self._part_ended_s = 0.0  # of the part before, if one was in the last turn
        self._due_at = 0.0
        self._busy_s = 0.0
        self._late_s = 0.0
        self._ticks = 0
        self._said_per_s = 0.0  # of the room where most is said
        self._judged_at = 0.0

    def wake(self, room: LiveRoom) -> None:
        """Something happened that people wait for: flush now if quiet, else with the next tick."""
        if room in self._urgent or room in self._soon:
            return
        if room not in self._due and self._now_ms() - room.flushed_ms >= self.tick_ms:
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
        self._overdue.discard(room)
        self._due.pop(room, None)

    def stamp(self) -> Mapping[str, Any]:
        """The clock that every tick carries."""
        return {"server_ms": self._now_ms(), "tick_ms": self.tick_ms}

    def flush_now(self, room: LiveRoom) -> None:
        """Flush one room at once and to the last viewer, whatever the tick."""
        self.forget(room)
        room.finish()
        if room.outbox:
            self._flush(room)

    def _in_rows(self, room: LiveRoom) -> bool:
        """Whether its viewers are told row by row, one every quarter of a tick."""
        return self.tick_ms >= IN_ROWS_TICK_MS_MIN and len(room.viewers) >= IN_ROWS_VIEWERS_MIN

    def _told_in_rows(self, *some: Iterable[LiveRoom]) -> set[LiveRoom]:
        """Those of these rooms; with short ticks none, and none of a thousand is looked at."""
        if self.tick_ms < IN_ROWS_TICK_MS_MIN:
            return set()
        return {room for rooms in some for room in rooms if self._in_rows(room)}

    def _flush_or_serve(self, room: LiveRoom, viewers_max: int) -> None:
        """What is new, or with nothing new the rows that have yet to be told."""
        if room.outbox:
            self._flush(room, viewers_max, everybody=not self._in_rows(room))
        else:
            room.rows.serve(everybody=not self._in_rows(room), viewers_max=viewers_max)

    def _flush(
        self, room: LiveRoom, viewers_max: int | None = None, *, everybody: bool = True
    ) -> None:
        now_ms = self._now_ms()
        passed_s = max(now_ms - room.flushed_ms, TICK_MS_MIN) / 1000
        tick = room.flush(now_ms, self.stamp(), viewers_max, everybody=everybody)
        self._said_per_s = max(self._said_per_s, len(tick.said) / passed_s)
        self._metrics.told(tick, viewers=len(room.viewers))

    def _flush_soon(self, room: LiveRoom) -> None:
        if room in self._soon:
            self._soon.discard(room)
            self._flush_all([room])

    def _arm(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            pause_ms = self.tick_ms / (ROWS if self._told_in_rows(self._urgent, self._due) else 1)
            self._due_at = loop.time() + pause_ms / 1000
            self._timer = loop.call_at(self._due_at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        late_s = max(0.0, asyncio.get_running_loop().time() - self._due_at)
        self._late_s += late_s
        self._ticks += 1
        self._metrics.lagged(late_s)
        now_ms = self._now_ms()
        ripe = {r for r in self._patient if now_ms - r.flushed_ms >= STATE_EVERY_MS}
        in_rows = self._told_in_rows(self._urgent)
        if in_rows:  # a quarter of a tick has passed; the others have theirs when most of it has
            since_ms = now_ms - self.tick_ms * (2 * ROWS - 1) // (2 * ROWS)
            ripe |= in_rows | {r for r in self._urgent if r.flushed_ms <= since_ms}
        else:
            ripe |= self._urgent
        self._flush_all(ripe)
        if self._urgent or self._patient or in_rows:  # the next row's quarter begins now
            self._arm()

    def _flush_all(self, rooms: Iterable[LiveRoom]) -> None:
        for room in rooms:
            if room not in self._due:  # else it has its turn with the next tick
                self.forget(room)
                self._due[room] = False
            elif self._in_rows(room):
                self._overdue.add(room)
        if self._turn is None:
            self._flush_part()

    def _flush_part(self) -> None:
        """As much of what is due as one turn of the loop may take."""
        started = ended = time.perf_counter()
        turn_s = started - self._part_ended_s if self._turn is not None else 0.0
        self._turn = None
        flush_s_max = max(FLUSH_S_MAX, turn_s * FLUSH_SHARE)
        behind = self._precedence.active
        step = VIEWERS_BEHIND if behind else VIEWERS_PER_STEP
        while self._due:
            room, begun = next(iter(self._due.items()))
            if not begun and (room.outbox or room.rows.behind):
                self._due[room] = True
                self._flush_or_serve(room, step)
            elif room.carry_on(step):
                del self._due[room]
                if room in self._overdue:
                    self.forget(room)
                    self._due[room] = False
                elif room.rows.behind:
                    self._urgent.add(room)
                    self._arm()
            ended = time.perf_counter()
            if behind or ended - started >= flush_s_max:
                break
        if self._due:
            self._turn = asyncio.get_running_loop().call_soon(self._flush_part)
            self._part_ended_s = ended
        self._metrics.ticked(ended - started)
        self._judge(ended - started, ended)

    def _judge(self, busy_s: float, now_s: float) -> None:
        """Move the tick by the share of time that flushing took since it was last judged."""
        self._busy_s += busy_s
        passed_s = now_s - self._judged_at
        if passed_s < max(JUDGED_EVERY_S, self.tick_ms / 1000):
            return
        late_ms = 1000 * self._late_s / max(1, self._ticks)
        wanted_ms = next_tick_ms(self.tick_ms, max(self._busy_s / passed_s, late_ms / self.tick_ms))
        self.tick_ms = max(wanted_ms, rate_tick_ms(self._said_per_s))
        self._said_per_s *= _SAID_FADES
        self._busy_s, self._late_s, self._ticks, self._judged_at = 0.0, 0.0, 0, now_s

"""How fast each SKU sells and how long it lasts, from the levels as they are pushed.

Pure; the clock is an argument. A rise (returned or added pieces) is no sale and takes none back,
and what staff wrote off or moved to another channel is none either: what counts is what buyers took
off the shelf in the last minute.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

WINDOW_MS = 60_000  # long enough to be steady, short enough to notice a rush
WARM_UP_MS = 5_000  # a rate over less than this would jump wildly
STEP_MS = 250  # pushes closer together are one sample
SKUS_MAX = 200  # of one room; the longest unheard of goes first
ALERT_MINUTES = 2.0  # less than this left: a host must act now
CALM_FACTOR = 1.5  # an alert may come again after this many times as long was left


@dataclass(frozen=True, slots=True)
class Pace:
    """`per_minute` and `minutes_left` are None while there is too little to say, or no sale."""

    sku_id: str
    left: int
    per_minute: float | None
    minutes_left: float | None

    def to_wire(self) -> dict[str, object]:
        return {
            "sku_id": self.sku_id,
            "left": self.left,
            "per_minute": self.per_minute,
            "minutes_left": self.minutes_left,
        }


@dataclass(slots=True)
class _Track:
    """One SKU: when how many pieces left the shelf, within the window."""

    since_ms: int
    left: int
    sold: deque[tuple[int, int]] = field(default_factory=deque)  # at, pieces
    alarmed: bool = False

    def note(self, left: int, now_ms: int, aside: int) -> None:
        gone = self.left - left - aside
        self.left = left
        if gone <= 0:
            return
        if self.sold and now_ms - self.sold[-1][0] < STEP_MS:
            at_ms, before = self.sold.pop()
            self.sold.append((at_ms, before + gone))
        else:
            self.sold.append((now_ms, gone))

    def pace(self, sku_id: str, now_ms: int) -> Pace:
        while self.sold and self.sold[0][0] <= now_ms - WINDOW_MS:
            self.sold.popleft()
        known_ms = min(WINDOW_MS, now_ms - self.since_ms)
        pieces = sum(count for _, count in self.sold)
        if known_ms < WARM_UP_MS or not pieces:
            return Pace(sku_id, self.left, None, None)
        rate = pieces * 60_000 / known_ms
        return Pace(sku_id, self.left, round(rate, 2), round(self.left / rate, 2))


class StockPace:
    """All SKUs of one room. Bounded: a window of samples of at most SKUS_MAX SKUs."""

    def __init__(self) -> None:
        self._tracks: dict[str, _Track] = {}

    def note(self, sku_id: str, left: int, now_ms: int, aside: int = 0) -> Pace | None:
        """Take a level in; the pace if it has just become alarming, else None.

        `aside` pieces fewer are left than sales alone would have left.

        Alarming is to sell out within ALERT_MINUTES; it is said once, until that has passed.
        """
        track = self._tracks.get(sku_id)
        if track is None:
            if len(self._tracks) >= SKUS_MAX:
                self._tracks.pop(next(iter(self._tracks)))
            self._tracks[sku_id] = _Track(now_ms, left)
            return None
        track.note(left, now_ms, aside)
        pace = track.pace(sku_id, now_ms)
        lasts = pace.minutes_left
        if lasts is None or lasts > ALERT_MINUTES * CALM_FACTOR:
            track.alarmed = False
        alarming = lasts is not None and left > 0 and lasts < ALERT_MINUTES
        if not alarming or track.alarmed:
            return None
        track.alarmed = True
        return pace

    def paces(self, now_ms: int) -> list[Pace]:
        """Every SKU heard of, as of now."""
        return [track.pace(sku_id, now_ms) for sku_id, track in self._tracks.items()]

"""Who goes before the talk: purchases and acts of staff that are being answered at this moment.

A purchase takes some ten turns of the event loop, and each turn is as long as everything that is
done in it. While one is on its way, the talk gate lets nobody in and the ticker writes little in a
turn: what was held back a few milliseconds follows. It may be held back for a quarter of the time
at most, so a sale where somebody is always buying does not silence the room. No clock but the one
handed in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

AHEAD_S_MAX = 0.02  # at one go: several purchases long
EARNED_SHARE = 1 / 3  # of the time when nobody goes first, kept for those who will


class Precedence:
    """Entered by each command that goes first; `active` is asked by whatever can wait."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._count = 0
        self._kept_s = AHEAD_S_MAX  # for so long somebody may go first, as of `_seen_s`
        self._seen_s = now_s()
        self._when_over: list[Callable[[], None]] = []

    def tell_when_over(self, resume: Callable[[], None]) -> None:
        """Have `resume` called whenever the last one that went first has been answered."""
        self._when_over.append(resume)

    def __enter__(self) -> None:
        self._look()
        self._count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._look()
        self._count -= 1
        if not self._count:
            for resume in self._when_over:
                resume()

    @property
    def active(self) -> bool:
        """Whether somebody is to go first."""
        if not self._count:
            return False
        self._look()
        return self._kept_s > 0

    def _look(self) -> None:
        """What is kept is spent while somebody goes first, and earned while nobody does."""
        now_s = self._now_s()
        passed_s, self._seen_s = now_s - self._seen_s, now_s
        if self._count:
            self._kept_s = max(0.0, self._kept_s - passed_s)
        else:
            self._kept_s = min(AHEAD_S_MAX, self._kept_s + passed_s * EARNED_SHARE)

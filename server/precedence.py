"""Who goes before the talk: purchases and acts of staff that are being answered at this moment.

A purchase takes some seven turns of the event loop, and each turn is as long as everything that is
done in it. While one is on its way, the talk gate lets in less and the ticker writes less in a
turn: the same work is done in more and shorter turns, and what was held back a few milliseconds
follows. No clock but the one handed in, and nothing to wait for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

STRETCH_S_MAX = 0.02  # several purchases long; where buying never stops, the talk has its share


class Precedence:
    """Entered by each command that goes first; `active` is asked by whatever can wait."""

    __slots__ = ("_began_s", "_count", "_now_s")

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._count = 0
        self._began_s = 0.0

    def __enter__(self) -> None:
        if not self._count:
            self._began_s = self._now_s()
        self._count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._count -= 1

    @property
    def active(self) -> bool:
        """Whether somebody is to go first; for one stretch at most, until nobody is any more."""
        return self._count > 0 and self._now_s() - self._began_s < STRETCH_S_MAX

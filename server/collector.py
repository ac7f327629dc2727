"""How the interpreter looks for cyclic garbage: often in what is new, seldom in all there is.

By its own settings it walks every object of every viewer as soon as a quarter has been added: with
3,000 of them the loop stood still for a tenth of a second, and ticks and purchases with it. Now it
does so after two million objects that stay, which is some ten thousand viewers. What those who left
leave behind waits as long; most of it is freed without any collection.
"""

from __future__ import annotations

import gc
import time

# Objects made and not freed before the youngest are walked (0.3 ms), and how many such rounds
# before the next older are (3 ms), and all.
THRESHOLDS = (2_000, 10, 100)


class Collector:
    """One process' collections, and how long they hold it up."""

    def __init__(self) -> None:
        self._began_s = 0.0
        self._longest_s = 0.0

    def start(self) -> None:
        """Leave what lives from here to the end out of every collection."""
        gc.set_threshold(*THRESHOLDS)
        gc.callbacks.append(self._note)
        gc.collect()
        gc.freeze()

    def stop(self) -> None:
        """Watch no longer."""
        gc.callbacks.remove(self._note)

    def take_longest_s(self) -> float:
        """The longest pause since this was last asked."""
        longest_s, self._longest_s = self._longest_s, 0.0
        return longest_s

    def _note(self, phase: str, _about: dict[str, int]) -> None:
        # Only plain numbers: a collection may begin while anything else holds its lock.
        if phase == "start":
            self._began_s = time.perf_counter()
        else:
            self._longest_s = max(self._longest_s, time.perf_counter() - self._began_s)

"""The highest rate a server keeps up with: where to begin, how to step, when to stop.

Pure but for the attempts, each of which is a run on a fresh server.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from loadtest.peers.goals import HOT
from loadtest.peers.load import Load, stable

Attempt = Callable[[str, Load], dict[str, Any]]

# Short: who keeps up for two seconds with p99 below the limit has no queue that grows.
SEARCH = Load("search", 1_000, 0, seconds=2, warmup_s=0.5, drain_s=1)
SEARCH_FROM_PER_S = 5.0  # comments; times the viewers, 5,000 deliveries a second
SEARCH_TO_PER_S = 12_800.0
SEARCH_P99_MS = 250.0
SEARCH_STEP = 1.5  # up or down, and halved once: the rate is then known to 22 %
SEARCH_ATTEMPTS_MAX = 7  # of a server before the one between; some five seconds each
SEARCH_S_MAX = 300.0  # of all servers; who is left then is said to be
UNKNOWN_PER_S = 60.0  # where nothing was measured before
SPARE = 0.7  # of what was delivered at full load: overloaded a server does less, at the edge too


def guess(rows: Sequence[Mapping[str, Any]], name: str, base: Load) -> float:
    """Comments a second near the edge, by what the hot room cost this server."""
    for row in rows:
        if row["server"] == name and row["load"] == HOT and row["deliveries_per_s"]:
            core = min(1.0, max(0.05, row["cpu_share"]["all"]))
            return float(SPARE * row["deliveries_per_s"] / core / base.viewers)
    return UNKNOWN_PER_S


class _Search:
    """What was tried of one server, and the best of it."""

    def __init__(self, attempt: Callable[[float], dict[str, Any]]) -> None:
        self._attempt = attempt
        self.tried: list[dict[str, Any]] = []
        self.best: dict[str, Any] | None = None
        self.limited_by = "search range"

    def holds(self, rate: float) -> bool:
        row = self._attempt(rate)
        good = stable(row, p99_ms_max=SEARCH_P99_MS) and not row["refused"]
        self.tried.append({**row, "held": good})
        if good:
            self.best = row
        else:
            self.limited_by = "generator" if row["refused"] else "server"
        return good

    def run(self, first: float) -> None:
        """Steps from `first`, up while it holds or down until it does; then once between."""
        rate = _in_range(first)
        upward = self.holds(rate)
        while len(self.tried) < SEARCH_ATTEMPTS_MAX:
            further = _in_range(rate * SEARCH_STEP if upward else rate / SEARCH_STEP)
            if further == rate:
                return
            if self.holds(further) != upward:
                self.holds(math.sqrt(rate * further))
                return
            rate = further
        self.limited_by = "attempts"


def _in_range(rate: float) -> float:
    return min(max(rate, SEARCH_FROM_PER_S), SEARCH_TO_PER_S)


def search(name: str, base: Load, attempt: Attempt, first: float) -> dict[str, Any]:
    """The best row, all that was tried, and what was the limit: the server, or the generator."""
    found = _Search(lambda rate: attempt(name, replace(base, comments_per_s=round(rate, 1))))
    found.run(first)
    best = found.best or _none(name, base)
    return {**best, "limited_by": found.limited_by, "tried": found.tried}


def _none(name: str, base: Load) -> dict[str, Any]:
    """A server that kept up with no rate at all."""
    return {"server": name, **base.to_json(), "deliveries_per_s": 0, "frames_per_s": 0}

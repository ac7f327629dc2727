"""How a run went over its time: equal steps, the same in every process, put together at the end.

Costs the measuring path nothing: once a step the totals are read and compared with the last ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadtest.report import Histogram

STEPS_MAX = 240  # points of a plot; more cannot be told apart on a screen
STEP_S_MIN = 0.5


def step_s(seconds: float) -> float:
    """The length of a step in a run of so many seconds."""
    return max(STEP_S_MIN, seconds / STEPS_MAX)


@dataclass
class Step:
    """One stretch of the run in one process."""

    levels: Mapping[str, int]  # how it stands at the end of the step
    counts: dict[str, int]  # what happened in it
    latencies: dict[str, dict[int, int]] = field(default_factory=dict)  # buckets by class


class Timeline:
    """The steps of one process."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._totals: Mapping[str, int] = {}
        self._buckets: dict[str, list[int]] = {}

    def note(
        self,
        *,
        levels: Mapping[str, int],
        totals: Mapping[str, int],
        histograms: Mapping[str, Histogram],
    ) -> None:
        """End a step. `totals` and `histograms` only ever grow."""
        counts = {name: total - self._totals.get(name, 0) for name, total in totals.items()}
        latencies = {}
        for name, histogram in histograms.items():
            before = self._buckets.get(name)
            latencies[name] = histogram.since(before or [0] * len(histogram.counts()))
            self._buckets[name] = histogram.counts()
        self._totals = dict(totals)
        self.steps.append(Step(levels, counts, latencies))


def rows(parts: Sequence[Sequence[Step]], step: float) -> list[dict[str, Any]]:
    """One row a step over all processes: levels, counts a second, p50 and p99 by class.

    As long as the shortest process' steps: a step that one of them lacks would look like a dip.
    """
    return [
        _row(each, (number + 1) * step, step)
        for number, each in enumerate(zip(*parts, strict=False))
    ]


def _row(steps: Sequence[Step], at_s: float, step: float) -> dict[str, Any]:
    row: dict[str, Any] = {"at_s": round(at_s, 2)}
    for name in steps[0].levels:
        row[name] = sum(each.levels[name] for each in steps)
    for name in steps[0].counts:
        row[f"{name}_per_s"] = round(sum(each.counts[name] for each in steps) / step, 1)
    row["p50_ms"], row["p99_ms"] = {}, {}
    for name in sorted({name for each in steps for name in each.latencies}):
        whole = Histogram()
        for each in steps:
            whole.add(each.latencies.get(name, {}))
        if whole.count:
            row["p50_ms"][name] = round(whole.percentile(50) / 1000, 2)
            row["p99_ms"][name] = round(whole.percentile(99) / 1000, 2)
    return row

"""What every part of a benchmark shares: CPU by process, rounds in turn, and their median.

The machine is shared with others, so parts take turns (A B C, A B C, …) and each is judged by its
median round. Whether the load generator was the limit is said beside every figure.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadtest.own_server import cpu_s_of

GENERATOR_BUSY = 0.85  # of one core; a part whose generator was busier measured the generator


@dataclass(frozen=True, slots=True)
class Round:
    """One part's turn. CPU shares are of one core, while it ran."""

    done: int
    took_s: float
    cpu: Mapping[str, float]
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def per_s(self) -> float:
        return self.done / self.took_s if self.took_s else 0.0


@dataclass(slots=True)
class Part:
    """One thing that is measured: `turn` does it once."""

    name: str
    turn: Callable[[], Awaitable[Round]]
    note: str = ""
    rounds: list[Round] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The median round, and the rate of every round."""
        middle = sorted(self.rounds, key=lambda each: each.per_s)[(len(self.rounds) - 1) // 2]
        generator = middle.cpu.get("generator")
        return {
            "name": self.name,
            "per_s": round(statistics.median(each.per_s for each in self.rounds), 1),
            "rounds_per_s": [round(each.per_s, 1) for each in self.rounds],
            "latency_ms": dict(middle.latency_ms),
            "cpu_share": {name: round(share, 2) for name, share in middle.cpu.items()},
            "cpu_us_each": {
                name: round(share * 1e6 / middle.per_s, 1) if middle.per_s else 0.0
                for name, share in middle.cpu.items()
            },
            "generator_limited": generator is not None and generator >= GENERATOR_BUSY,
            "note": self.note,
            "broken": [problem for each in self.rounds for problem in each.problems],
        }


async def in_turns(
    parts: Sequence[Part], rounds: int, order: random.Random
) -> list[dict[str, Any]]:
    """Every part `rounds` times; who comes first is drawn anew in each."""
    for _ in range(rounds):
        for part in order.sample(parts, len(parts)):
            part.rounds.append(await part.turn())
    return [part.to_json() for part in parts]


class Watch:
    """Wall and CPU time of processes since it was made. `generator` is this process by default."""

    def __init__(self, **pids: int) -> None:
        self._pids = pids or {"generator": os.getpid()}
        self._cpu = self._read()
        self._began = time.perf_counter()

    def _read(self) -> dict[str, float]:
        return {name: cpu_s_of(pid) for name, pid in self._pids.items()}

    def stop(self) -> tuple[float, dict[str, float]]:
        """Seconds gone by, and each process' share of one core in them."""
        took_s = time.perf_counter() - self._began
        used = self._read()
        return took_s, {name: (used[name] - self._cpu[name]) / took_s for name in used}

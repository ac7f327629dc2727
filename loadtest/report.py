"""Figures with their story: percentiles, tables, and where, when and how a run was made.

Knows nothing of rooms or sockets.
"""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import orjson
from rich.console import Console
from rich.table import Table

PRECISION_BITS = 7  # 128 buckets an octave: a bucket is at most 0.8 % wide
VALUE_BITS_MAX = 32  # microseconds up to 71 minutes; longer waits count as the longest
PERCENTILES = (50.0, 90.0, 99.0, 99.9)
LEFT_OUT = "…"  # in place of a token on the command line
CURVE_PERCENTS = (
    1.0,
    10.0,
    25.0,
    50.0,
    75.0,
    90.0,
    95.0,
    98.0,
    99.0,
    99.5,
    99.8,
    99.9,
    99.95,
    99.99,
)


def exact_percentile(ordered: Sequence[float], percent: float) -> float:
    """Nearest rank of an already sorted sequence; 0.0 when it is empty."""
    if not ordered:
        return 0.0
    rank = max(1, -(-int(percent * len(ordered) * 1000) // 100_000))
    return ordered[min(rank, len(ordered)) - 1]


class Histogram:
    """Counts of microseconds in log-linear buckets, as HdrHistogram does. Cheap to record."""

    __slots__ = ("_counts", "count", "largest")

    def __init__(self) -> None:
        self._counts = [0] * (VALUE_BITS_MAX << PRECISION_BITS)
        self.count = 0
        self.largest = 0

    def record(self, microseconds: int) -> None:
        """Negative values (a clock read a moment apart) count as 0."""
        value = microseconds if microseconds > 0 else 0
        if value > self.largest:
            self.largest = value
        shift = value.bit_length() - PRECISION_BITS - 1
        if shift < 0:
            shift = 0
        index = (shift << PRECISION_BITS) + (value >> shift)
        self._counts[min(index, len(self._counts) - 1)] += 1
        self.count += 1

    def add_bucket(self, index: int, count: int, *, largest: int) -> None:
        """Take over what was counted elsewhere in the same buckets; `largest` is its largest."""
        self._counts[index] += count
        self.count += count
        self.largest = max(self.largest, largest)

    def merge(self, other: Histogram) -> Self:
        self._counts = [a + b for a, b in zip(self._counts, other._counts, strict=True)]
        self.count += other.count
        self.largest = max(self.largest, other.largest)
        return self

    def counts(self) -> list[int]:
        """The buckets as they are now, for `since`."""
        return self._counts.copy()

    def since(self, earlier: Sequence[int]) -> dict[int, int]:
        """What was recorded after `earlier` (from `counts`), by bucket; small to send around."""
        return {
            index: now - before
            for index, (now, before) in enumerate(zip(self._counts, earlier, strict=True))
            if now != before
        }

    def add(self, buckets: Mapping[int, int]) -> Self:
        """Take in what `since` told. The largest value is then known to its bucket only."""
        for index, count in buckets.items():
            self._counts[index] += count
            self.count += count
            self.largest = max(self.largest, _upper_edge(index))
        return self

    def curve_ms(self) -> list[tuple[float, float]]:
        """(percent, milliseconds) up to the largest value, for a plot of the distribution."""
        points = [
            (percent, round(self.percentile(percent) / 1000, 3)) for percent in CURVE_PERCENTS
        ]
        return [*points, (100.0, round(self.largest / 1000, 3))]

    def percentile(self, percent: float) -> int:
        """Upper edge of the bucket where `percent` of all values lie at or below, in µs."""
        if not self.count:
            return 0
        due = max(1, -(-int(percent * self.count * 1000) // 100_000))
        seen = 0
        for index, count in enumerate(self._counts):
            seen += count
            if seen >= due:
                return min(_upper_edge(index), self.largest)
        return self.largest

    def summary_ms(self) -> dict[str, float]:
        """Count and percentiles in milliseconds."""
        figures: dict[str, float] = {"count": self.count}
        for percent in PERCENTILES:
            figures[f"p{percent:g}"] = round(self.percentile(percent) / 1000, 2)
        figures["max"] = round(self.largest / 1000, 2)
        return figures


def _upper_edge(index: int) -> int:
    width = 1 << PRECISION_BITS
    if index < 2 * width:
        return index
    shift = (index >> PRECISION_BITS) - 1
    return ((index - (shift << PRECISION_BITS) + 1) << shift) - 1


def provenance(*, seed: int | None, command: Sequence[str] | None = None) -> dict[str, Any]:
    """Commit, machine, command and seed: what someone needs to make the run again."""
    return {
        "commit": _commit(),
        "machine": {
            "system": platform.platform(),
            "cpu": _cpu_name(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "command": shlex.join(_without_secrets(command or _own_command())),
        "seed": seed,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _own_command() -> list[str]:
    return [Path(sys.executable).name, *sys.orig_argv[1:]]


def _without_secrets(command: Sequence[str]) -> list[str]:
    """A report is passed on: no token goes along."""
    told, secret = [], False
    for word in command:
        name, equals, _ = word.partition("=")
        told.append(
            LEFT_OUT if secret else f"{name}={LEFT_OUT}" if equals and _secret(name) else word
        )
        secret = _secret(word) and not equals
    return told


def _secret(option: str) -> bool:
    return option.startswith("-") and option.endswith("token")


def _commit() -> str:
    root = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, console: Console
) -> None:
    table = Table(title=title, title_justify="left", title_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*(_shown(cell) for cell in row))
    console.print(table)


def print_latencies(
    title: str, histograms: Mapping[str, Mapping[str, float]], *, console: Console
) -> None:
    """One row a class of event, in milliseconds."""
    columns = ["ms", "count", *(f"p{percent:g}" for percent in PERCENTILES), "max"]
    rows = [[name, *(figures[column] for column in columns[1:])]
            for name, figures in histograms.items()]  # fmt: skip
    print_table(title, columns, rows, console=console)


def _shown(cell: object) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, float):
        return f"{cell:,.2f}" if cell % 1 else f"{int(cell):,}"
    return str(cell)


def write_json(path: str | Path, document: Mapping[str, Any]) -> None:
    Path(path).write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")

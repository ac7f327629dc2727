"""How far a swarm is, shown while it runs: a few numbers a process, drawn as bars by the parent.

For people only. The figures of a run come from its results, never from here.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import time
from collections.abc import AsyncIterator, Callable, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

LOOK_EVERY_S = 0.2


class Gauge(enum.IntEnum):
    """Places in a process' row of numbers."""

    JOINED = 0
    PUBLISHED = 1
    SHOWN = 2


Gauges = Sequence[Sequence[int]]  # one row a process


def total(gauges: Gauges, what: Gauge) -> int:
    return sum(row[what] for row in gauges)


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<8}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", style="dim"),
        console=console,
        disable=not console.is_terminal,  # a log file wants no thousand copies of a bar
    )


@contextlib.asynccontextmanager
async def joining(gauges: Gauges, people: int, console: Console) -> AsyncIterator[None]:
    """A bar of the viewers that are in."""
    with _bars(console) as bars:
        bar = bars.add_task("joining", total=people, note="")

        def look() -> None:
            bars.update(bar, completed=total(gauges, Gauge.JOINED))

        async with _looking(look):
            yield


@contextlib.asynccontextmanager
async def running(gauges: Gauges, seconds: float, console: Console) -> AsyncIterator[None]:
    """A bar of the seconds, and what has come out of them."""
    began = time.monotonic()
    with _bars(console) as bars:
        bar = bars.add_task("running", total=round(seconds), note="")

        def look() -> None:
            said, shown = total(gauges, Gauge.PUBLISHED), total(gauges, Gauge.SHOWN)
            bars.update(
                bar,
                completed=min(round(seconds), int(time.monotonic() - began)),
                note=f"{said:,} comments taken, shown {shown:,} times",
            )

        async with _looking(look):
            yield


@contextlib.asynccontextmanager
async def _looking(look: Callable[[], None]) -> AsyncIterator[None]:
    async def keep_looking() -> None:
        while True:
            look()
            await asyncio.sleep(LOOK_EVERY_S)

    looking = asyncio.create_task(keep_looking())
    try:
        yield
    finally:
        looking.cancel()
        look()

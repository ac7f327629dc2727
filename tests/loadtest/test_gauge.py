"""Bars tell how far a swarm is over all its processes, and stay out of log files."""

from __future__ import annotations

import io

from rich.console import Console

from loadtest.gauge import Gauge, joining, running, total


def gauges(joined: int) -> list[list[int]]:
    return [[joined, 7, 1500], [joined, 8, 500]]


def drawn(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def terminal(*, real: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=real, width=100)


def test_processes_add_up() -> None:
    assert total(gauges(3), Gauge.JOINED) == 6


async def test_the_bars_end_with_what_there_was() -> None:
    console = terminal(real=True)
    async with joining(gauges(50), 100, console):
        pass
    async with running(gauges(50), 5, console):
        pass
    told = drawn(console)
    assert "100/100" in told
    assert "15 comments taken, shown 2,000 times" in told


async def test_a_log_file_gets_no_bars() -> None:
    console = terminal(real=False)
    async with joining(gauges(50), 100, console):
        pass
    assert drawn(console) == ""

"""The frame of a proof under load: options, a server of its own for a bounded time, the verdict.

What is done to the server and what is judged belongs to the proof (flood.py, prove_overload.py).
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import uvloop
from rich.console import Console

from loadtest.checks import Failure, examples, summary
from loadtest.own_server import OwnServer
from loadtest.report import write_json

CONSOLE_COLUMNS = 100

T = TypeVar("T")


def options(program: str, *, viewers: int, seconds: float) -> argparse.ArgumentParser:
    """What every proof of one room takes; add what is its own."""
    parser = argparse.ArgumentParser(prog=f"python -m loadtest.{program}")
    parser.add_argument("--viewers", type=int, default=viewers)
    parser.add_argument("--seconds", type=float, default=seconds, help="of the load itself")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", help="where to write everything about the run")
    return parser


def on_own_server(run: Callable[[OwnServer], Awaitable[T]], *, workers: int, run_s_max: float) -> T:
    """What `run` finds on a server started for it. Raises TimeoutError past `run_s_max`."""

    async def within_limit() -> T:
        async with OwnServer(workers=workers) as server, asyncio.timeout(run_s_max):
            return await run(server)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(within_limit())


def broken(failures: Sequence[Failure]) -> dict[str, Any]:
    """What was not held, for a proof's document."""
    return {
        "broken": summary(failures),
        "broken_examples": [list(failure) for failure in examples(failures)],
    }


def conclude(
    found: Mapping[str, Any],
    show: Callable[[Mapping[str, Any], Console], None],
    *,
    held: str,
    json_path: str | None,
) -> int:
    """Print a proof's document, with `held` when nothing is broken, and give the exit status."""
    console = Console(width=CONSOLE_COLUMNS)
    show(found, console)
    if found["broken"]:
        console.print(f"[red]BROKEN: {found['broken']}")
        for example in found["broken_examples"]:
            console.print("  " + " · ".join(example), markup=False)
    else:
        console.print(f"[green]{held}")
    console.print(f"commit {found['commit']} · seed {found['seed']}", markup=False)
    if json_path:
        write_json(json_path, found)
    return 1 if found["broken"] else 0

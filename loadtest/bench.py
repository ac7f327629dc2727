"""The benchmarks of `make bench`: fan-out and sale, on servers of their own, with raw JSON.

    python -m loadtest.bench [--quick] [--only fanout|sale] [--json FILE]

Server and load share this machine: ratios matter, absolute figures only beside the machine's name.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

import uvloop
from rich.console import Console

from loadtest.bench_fanout import LOADS, QUICK_LOADS, bench_fanout, show_fanout
from loadtest.bench_sale import BUYERS, QUICK_BUYERS, bench_sale, show_sale
from loadtest.report import provenance, write_json


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench")
    parser.add_argument("--quick", action="store_true", help="one small load each: does it run?")
    parser.add_argument("--only", choices=["fanout", "sale"])
    parser.add_argument("--seconds", type=float, help="per load")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", default="", help="write everything here")
    given = parser.parse_args()
    found = measure(given)
    console = Console(width=120)
    if "fanout" in found:
        show_fanout(found["fanout"], console)
    if "sale" in found:
        show_sale(found["sale"], console)
    machine = found["machine"]
    console.print(f"commit {found['commit']} · seed {found['seed']} · {found['command']}",
                  markup=False)  # fmt: skip
    console.print(f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, "
                  f"Python {machine['python']}", markup=False)  # fmt: skip
    if given.json:
        write_json(given.json, found)
    rows = [*found.get("fanout", ()), *found.get("sale", ())]
    return 1 if any(row["broken"] for row in rows) else 0


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """All benchmarks asked for, one after the other."""
    seconds = given.seconds or (3.0 if given.quick else 8.0)

    async def run() -> dict[str, Any]:
        found: dict[str, Any] = provenance(seed=given.seed)
        if given.only != "sale":
            loads = QUICK_LOADS if given.quick else LOADS
            found["fanout"] = await bench_fanout(
                seconds=seconds, seed=given.seed, loads=loads, workers=given.workers
            )
        if given.only != "fanout":
            buyers = QUICK_BUYERS if given.quick else BUYERS
            found["sale"] = await bench_sale(seconds=seconds, buyers=buyers, workers=given.workers)
        return found

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


if __name__ == "__main__":
    sys.exit(main())

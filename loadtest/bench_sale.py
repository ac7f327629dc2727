"""How fast the flash sale is, beside what it is compared with, all in one run. `make bench-sale`.

    python -m loadtest.bench_sale [--rounds 5] [--only engine,doors,journal,plain] [--json FILE]

The parts of a group take turns, in an order drawn anew each round, and each figure is the median
of its rounds. The PostgreSQL parts need LIVEROOM_DATABASE_URL (see tests/with_postgres.py) and are
said to be skipped without. Exit status 1 when anything was not exact; a goal missed is only shown.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import orjson
import uvloop
from rich.console import Console

from loadtest.bench_doors import Doors
from loadtest.bench_engine import CONNECTIONS, IN_FLIGHT, Counter, make_tables
from loadtest.bench_parts import Part, in_turns
from loadtest.bench_sql import Drain, PlainShop
from loadtest.report import print_table, provenance, write_json

GROUPS = ("engine", "doors", "journal", "plain")
ENGINE_BUYS = 20_000  # each round: a second or less where the goals are reached
DOOR_BUYS = 10_000
JOURNAL_ORDERS = 20_000
PLAIN_BUYS = 1_000
QUICK_DIVISOR = 50

ENGINE, PEER, PIPELINED = (
    "engine, batches",
    "redis-benchmark, one EVALSHA a buy",
    "pipelined client, one EVALSHA a buy",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench_sale")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(GROUPS), help="groups, with commas between")
    parser.add_argument("--quick", action="store_true", help="tiny amounts: does it run?")
    parser.add_argument("--seed", type=int, default=1, help="draws the order of the turns")
    parser.add_argument("--json", default="", help="write everything here as well")
    given = parser.parse_args()
    groups = given.only.split(",")
    if unknown := set(groups) - set(GROUPS):
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    found = measure(groups, rounds=given.rounds, seed=given.seed, quick=given.quick)
    console = Console(width=130)
    show(found, console)
    if given.json:
        write_json(given.json, found)
    sys.stdout.write(orjson.dumps(found).decode() + "\n")
    return 1 if found["broken"] else 0


def measure(groups: Sequence[str], *, rounds: int, seed: int, quick: bool) -> dict[str, Any]:
    """The whole run. Not to be called from a running event loop."""
    found: dict[str, Any] = provenance(seed=seed)
    found |= {"rounds": rounds, "load_before": os.getloadavg(), "skipped": [], "broken": []}
    postgres = os.environ.get("LIVEROOM_DATABASE_URL", "")
    if not postgres.startswith("postgres"):
        found["skipped"] = ["PostgreSQL: LIVEROOM_DATABASE_URL names none"]
        postgres = ""
    share = QUICK_DIVISOR if quick else 1
    with tempfile.TemporaryDirectory(prefix="liveroom-bench-") as folder:
        sqlite = f"sqlite+aiosqlite:///{folder}/bench.sqlite3"
        for url in filter(None, (sqlite, postgres)):
            make_tables(url)
        bench = _Bench(sqlite, postgres, rounds, share, random.Random(seed))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            rows, broken = runner.run(bench.run(groups))
    found["parts"], found["load_after"] = rows, os.getloadavg()
    found["broken"] = broken + [f"{row['name']}: {w}" for row in rows for w in row["broken"]]
    found["goals"] = goals({row["name"]: row for row in rows})
    return found


class _Bench:
    """The groups in order; within one they take turns."""

    def __init__(
        self, sqlite: str, postgres: str, rounds: int, share: int, order: random.Random
    ) -> None:
        self._sqlite, self._postgres = sqlite, postgres
        self._rounds, self._share, self._order = rounds, share, order
        self._broken: list[str] = []

    async def run(self, groups: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
        steps = {"engine": self._engine, "doors": self._doors, "journal": self._journal,
                 "plain": self._plain}  # fmt: skip
        rows = [row for group in GROUPS if group in groups for row in await steps[group]()]
        return rows, self._broken

    async def _turns(self, parts: Sequence[Part]) -> list[dict[str, Any]]:
        return await in_turns(parts, self._rounds, self._order)

    async def _engine(self) -> list[dict[str, Any]]:
        async with Counter(self._sqlite) as counter:
            return await self._turns(counter.parts(ENGINE_BUYS // self._share))

    async def _doors(self) -> list[dict[str, Any]]:
        async with Doors() as doors:
            rows = await self._turns(doors.parts(DOOR_BUYS // self._share))
            audit = await doors.audit()
        self._broken += [f"audit after buying: {kind} ({n})" for kind, n in audit.items()]
        return rows

    async def _journal(self) -> list[dict[str, Any]]:
        databases = {"SQLite": self._sqlite, "PostgreSQL": self._postgres}
        async with AsyncExitStack() as stack:
            parts = []
            for name, url in databases.items():
                if url:
                    counter = await stack.enter_async_context(Counter(url))
                    parts.append(Drain(counter).part(name, JOURNAL_ORDERS // self._share))
            return await self._turns(parts)

    async def _plain(self) -> list[dict[str, Any]]:
        if not self._postgres:
            return []
        shop = PlainShop(self._postgres)
        await shop.open()
        try:
            return await self._turns([shop.part(PLAIN_BUYS // self._share)])
        finally:
            await shop.close()


# -- what it means --------------------------------------------------------------------------------


def goals(rows: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each goal that was measured: what was found, what is wanted, and the ratio of CPU spent.

    `cpu_ratio` is the peer's CPU a request over ours, in the process both have; it hardly moves
    with what else the machine does.
    """
    peer = PEER if PEER in rows else PIPELINED
    wanted = [
        _rate(rows, ENGINE, 100_000),
        _ratio(rows, ENGINE, peer, 2.5, "redis"),
        _ratio(rows, "sale.buy over WebSocket", "bare aiohttp, WebSocket echo", 0.5, "worker"),
        _ratio(rows, "sale.buy over HTTP", "bare aiohttp, JSON POST", 0.5, "worker"),
        _rate(rows, "journal into SQLite", 20_000),
        _rate(rows, "journal into PostgreSQL", 20_000),
    ]
    return [goal for goal in wanted if goal is not None]


def _rate(rows: Mapping[str, Mapping[str, Any]], name: str, goal: float) -> dict[str, Any] | None:
    if name not in rows:
        return None
    found = rows[name]["per_s"]
    return {"what": f"{name}, a second", "found": found, "goal": goal, "reached": found >= goal}


def _ratio(
    rows: Mapping[str, Mapping[str, Any]], ours: str, theirs: str, goal: float, process: str
) -> dict[str, Any] | None:
    if ours not in rows or theirs not in rows:
        return None
    found = round(rows[ours]["per_s"] / rows[theirs]["per_s"], 2)
    cpu = rows[theirs]["cpu_us_each"][process] / (rows[ours]["cpu_us_each"][process] or 1)
    return {
        "what": f"{ours} / {theirs}",
        "found": found,
        "goal": goal,
        "reached": found >= goal,
        "cpu_ratio": round(cpu, 2),
    }


def show(found: Mapping[str, Any], console: Console) -> None:
    columns = ("part", "a second", "p50 ms", "p99 ms", "CPU µs each", "cores", "limited by")
    table = [
        [
            row["name"],
            row["per_s"],
            row["latency_ms"].get("p50", "–"),
            row["latency_ms"].get("p99", "–"),
            " ".join(f"{name} {us:g}" for name, us in row["cpu_us_each"].items()),
            " ".join(f"{name} {share:g}" for name, share in row["cpu_share"].items()),
            "generator" if row["generator_limited"] else "",
        ]
        for row in found["parts"]
    ]
    print_table("Flash sale, median of rounds", columns, table, console=console)
    verdicts = [
        [
            goal["what"],
            goal["found"],
            goal["goal"],
            "yes" if goal["reached"] else "NO",
            goal.get("cpu_ratio", "–"),
        ]
        for goal in found["goals"]
    ]
    print_table("Goals", ("what", "found", "goal", "reached", "by CPU"), verdicts, console=console)
    for line in (*found["skipped"], *found["broken"]):
        console.print(
            f"{'skipped' if line in found['skipped'] else 'BROKEN'}: {line}", markup=False
        )
    machine, before, after = found["machine"], found["load_before"], found["load_after"]
    console.print(f"commit {found['commit']} · seed {found['seed']} · {found['command']}",
                  markup=False)  # fmt: skip
    console.print(f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, "
                  f"Python {machine['python']} · load average {before[0]:.1f} before, "
                  f"{after[0]:.1f} after · {IN_FLIGHT} buyers in flight, one call a buy on "
                  f"{CONNECTIONS} connections", markup=False)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

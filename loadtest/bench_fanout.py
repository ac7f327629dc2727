"""How much CPU a delivered comment costs: a swarm on a server of our own, several loads in turn.

Every point ends with the swarm's invariants; a figure from a run that lost something is not given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.console import Console

from loadtest.outcome import document
from loadtest.own_server import OwnServer
from loadtest.plan import Plan
from loadtest.report import print_table
from loadtest.swarm import run_swarm


class Load(NamedTuple):
    viewers: int
    comments_per_s: float


LOADS = (Load(200, 1), Load(500, 50), Load(1000, 100), Load(2000, 100), Load(2000, 300))
QUICK_LOADS = (Load(50, 10),)


async def bench_fanout(
    *, seconds: float, seed: int, loads: Sequence[Load] = LOADS, workers: int = 1
) -> list[dict[str, Any]]:
    """One row a load, each on a fresh server."""
    return [await _measure(load, seconds=seconds, seed=seed, workers=workers) for load in loads]


async def _measure(load: Load, *, seconds: float, seed: int, workers: int) -> dict[str, Any]:
    async with OwnServer(workers=workers) as server:
        plan = Plan(
            url=server.url,
            room="bench",
            viewers=load.viewers,
            comments_per_s=load.comments_per_s,
            seconds=seconds,
            speakers=min(load.viewers, 400),
            seed=seed,
            jwt_secret=server.jwt_secret,
        )
        pids = server.worker_pids()
        outcome = await run_swarm(
            plan, stock=0, winners=0, host_token=None, server_cpu=lambda: server.cpu_s(pids)
        )
    found = document(outcome, seed=seed)
    deliveries = max(1, found["deliveries"])
    return {
        **load._asdict(),
        "deliveries_per_s": found["deliveries_per_s"],
        "frames_per_s": round(found["frames"] / seconds, 1),
        "server_cpu_s": round(outcome.server_cpu_s, 2),
        "cpu_s_per_million": round(outcome.server_cpu_s * 1e6 / deliveries, 2),
        "comment_ms": found["latency_ms"].get("comment", {}),
        "critical_ms": found["latency_ms"].get("critical", {}),
        "delivered_percent": found["delivered_percent"],
        "generator": found["generator"],
        "broken": found["broken"],
    }


def show_fanout(rows: Sequence[dict[str, Any]], console: Console) -> None:
    columns = ("viewers", "comments/s", "deliveries/s", "frames/s", "CPU s/M", "p50 ms", "p99 ms",
               "critical p99", "shown %", "generator")  # fmt: skip
    table = [
        [
            f"{row['viewers']}",
            row["comments_per_s"],
            row["deliveries_per_s"],
            row["frames_per_s"],
            row["cpu_s_per_million"],
            row["comment_ms"].get("p50", 0),
            row["comment_ms"].get("p99", 0),
            row["critical_ms"].get("p99", 0),
            row["delivered_percent"],
            "saturated" if row["generator"]["saturated"] else "ok",
        ]
        for row in rows
    ]
    print_table("Fan-out, one room", columns, table, console=console)
    for row in rows:
        if row["broken"]:
            console.print(f"[red]{row['viewers']} viewers: BROKEN {row['broken']}")

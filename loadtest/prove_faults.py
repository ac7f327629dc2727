"""Many sell-outs on two workers, each with one fault drawn by its seed, and every promise checked.

    python -m loadtest.prove_faults --runs 200 --seed 1 --database sqlite

Faults: `kill -9` of a worker, of Redis, of the worker that holds the duties' lease; the database
away for a while; a bank that is late, repeats, loses, reorders, forges or takes another sum; one
key asked a hundred times at once through a restart of Redis; and Redis killed with the tail of its
append-only file destroyed.

What is promised then: Redis runs with `appendfsync always`, so an acknowledged hold is on the disk
and every kill keeps it. Destroying the tail is the loss of data that the disk had taken; the holds
in it whose journal entries had not reached SQL yet are gone, and cannot be known any more: their
orders are not found, and their keys are decided afresh (a hold while there is stock, else sold
out). Whatever SQL had, paid orders above all, and whatever is in the file's remaining part stays,
and stock is exact. A hold counts as lost only when its id stands in the destroyed bytes and neither
in what is left nor in SQL.

After each run: acknowledged reservations = orders in SQL; every captured payment in exactly one of
order and refund; every audit balanced; exactly the stock sold once all buyers had asked again with
the same keys; nobody above the limit; equal bytes for equal keys. Exit status 1 otherwise. One run
again: `--runs 1 --seed` with its seed, `--fault` to choose the fault oneself.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from sqlalchemy.engine import make_url

from loadtest.api import LiveroomApi
from loadtest.away import Away, PostgresAway, SqliteAway
from loadtest.checks import Failure, examples, summary
from loadtest.fault_runs import FaultRun, Shop, Trial, kind_of
from loadtest.faults import KINDS, Faults
from loadtest.full_room import Audits, full_room
from loadtest.ledger import Books
from loadtest.own_server import DATABASE_VARIABLE, OwnServer, own_database
from loadtest.report import exact_percentile, print_table, provenance, write_json

WORKERS = 2
BUYERS = 40
RUNS_PER_ROOM = 10  # then a new room: an audit reads every sale of a room


@dataclass
class FaultsResult:
    runs: list[FaultRun] = field(default_factory=list)
    audits: Audits = field(default_factory=Audits)

    @property
    def failures(self) -> list[Failure]:
        return [*self.audits.failures, *(f for run in self.runs for f in run.failures)]

    @property
    def broken_seeds(self) -> list[int]:
        return [run.seed for run in self.runs if run.failures]


async def run_faults(
    server: OwnServer,
    *,
    seeds: Sequence[int],
    buyers: int = BUYERS,
    kind: str | None = None,
    console: Console | None = None,
) -> FaultsResult:
    """All runs against one server that is up."""
    result = FaultsResult()
    faults, books = Faults(server, away_of(server)), Books(server.database_url)
    async with LiveroomApi(server.url, jwt_secret=server.jwt_secret) as api:
        for first in range(0, len(seeds), RUNS_PER_ROOM):
            room, audits = f"faults-{seeds[first]}", result.audits
            async with full_room(api, room, buyers, seeds[first], audits) as (stage, seats):
                shop = Shop(stage, seats, faults, books, audits)
                trials = []
                for seed in seeds[first : first + RUNS_PER_ROOM]:
                    trials.append(Trial(shop, seed, kind or kind_of(seed)))
                    result.runs.append(await _one(trials[-1], audits, console))
                await shop.healthy()
                for trial in trials:
                    await trial.judge_money()
                    _tell(trial.run, console, when="its money")
    return result


async def _one(trial: Trial, audits: Audits, console: Console | None) -> FaultRun:
    before = len(audits.failures)
    try:
        await trial.go()
    except (TimeoutError, RuntimeError) as stuck:
        trial.run.failures.append(Failure("stuck", f"seed {trial.run.seed}", repr(stuck)))
    trial.run.failures += audits.failures[before:]
    del audits.failures[before:]
    _tell(trial.run, console)
    return trial.run


def _tell(run: FaultRun, console: Console | None, when: str = "") -> None:
    if console is None or (when and not run.failures):
        return
    verdict = f"BROKEN {when} {summary(run.failures)}" if run.failures else "exact"
    line = f"seed {run.seed} {run.kind}: {run.stock} pieces, {run.lost} lost, {run.took_s:.1f} s"
    console.print(f"{line}: {verdict}", markup=False, highlight=False)
    for failure in examples(run.failures) if run.failures else ():
        console.print("  " + " · ".join(failure), markup=False, highlight=False)


def away_of(server: OwnServer) -> Away:
    """How to take this server's database away."""
    url = make_url(server.database_url)
    if url.get_backend_name() == "sqlite":
        return SqliteAway(Path(url.database or ""))
    return PostgresAway(server.database_url)


def rows_of(result: FaultsResult) -> list[list[object]]:
    """One row a fault, and one for all."""
    kinds = [(kind, [run for run in result.runs if run.kind == kind]) for kind in KINDS]
    kinds.append(("all", result.runs))
    return [_row(kind, runs) for kind, runs in kinds if runs]


def _row(kind: str, runs: Sequence[FaultRun]) -> list[object]:
    took = sorted(run.took_s for run in runs)
    return [
        kind,
        len(runs),
        sum(not run.failures for run in runs),
        sum(run.stock for run in runs),
        sum(run.acknowledged for run in runs),
        sum(run.lost for run in runs),
        sum(run.in_orders for run in runs),
        sum(run.payments for run in runs),
        exact_percentile(took, 50),
        took[-1],
    ]


COLUMNS = ["fault", "runs", "exact", "pieces", "acknowledged", "lost with the tail", "orders",
           "payments", "p50 s", "longest s"]  # fmt: skip


def document(result: FaultsResult, *, seed: int, database: str) -> dict[str, Any]:
    return {
        **provenance(seed=seed),
        "database": database,
        "faults": [dict(zip(COLUMNS, row, strict=True)) for row in rows_of(result)],
        "audits": result.audits.answered,
        "audits_refused": result.audits.refused,
        "broken": summary(result.failures),
        "broken_seeds": result.broken_seeds,
        "broken_examples": [list(failure) for failure in examples(result.failures)],
    }


def main() -> int:
    given = _arguments()
    console = Console(width=120)

    async def run() -> FaultsResult:
        async with OwnServer(workers=WORKERS, environment=own_database(given.database)) as server:
            return await run_faults(
                server,
                seeds=range(given.seed, given.seed + given.runs),
                buyers=given.buyers,
                kind=given.fault,
                console=console,
            )

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(run())
    title = f"Sell-outs under faults, {given.buyers} buyers, {WORKERS} workers, {given.database}"
    print_table(title, COLUMNS, rows_of(result), console=console)
    seeds = f"seeds {given.seed}…{given.seed + given.runs - 1}"
    console.print(f"{seeds}; {result.audits.answered} audits, {result.audits.refused} unanswered")
    if result.failures:
        console.print(f"[red]BROKEN: {summary(result.failures)}; seeds {result.broken_seeds}")
    else:
        console.print("[green]nothing lost, doubled, oversold or undersold; every audit balanced")
    if given.json:
        write_json(given.json, document(result, seed=given.seed, database=given.database))
    return 1 if result.failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.prove_faults")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--buyers", type=int, default=BUYERS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fault", choices=KINDS, help="for every run, instead of drawing it")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--json")
    given = parser.parse_args()
    if given.database == "postgresql" and not os.environ.get(DATABASE_VARIABLE):
        parser.error(f"{DATABASE_VARIABLE} must be the address of an empty PostgreSQL database")
    return given


if __name__ == "__main__":
    sys.exit(main())

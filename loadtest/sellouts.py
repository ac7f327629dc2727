"""Many sell-outs, each with another stock from 1 to 1,000 and more wishes than pieces.

    python -m loadtest.sellouts --runs 1000 --buyers 200 --database sqlite

Two workers sell; every buyer asks for single pieces under keys of its own, all at once, in an order
drawn from the run's seed. Exit status 1 when any run ended with other than exactly its stock. One
run again: `--runs 1 --seed` with the seed that was printed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import time
from dataclasses import dataclass, field

import uvloop
from rich.console import Console

from loadtest.api import LiveroomApi
from loadtest.buyer import Buyer
from loadtest.checks import Failure, examples, summary
from loadtest.full_room import Audits, full_room
from loadtest.own_server import DATABASE_VARIABLE, OwnServer, own_database
from loadtest.report import exact_percentile, print_table, provenance, write_json
from loadtest.sale_checks import audit_failures, final_stock_failures, purchase_failures
from loadtest.stage import Stage
from loadtest.steady import SteadySeat

STOCK_MAX = 1_000
BUYERS_MIN = 200
SALES_PER_ROOM = 10  # then a new room: an audit reads every sale of a room
WORKERS = 2


@dataclass(frozen=True, slots=True)
class SellOut:
    """One run. `seed` alone makes it again."""

    seed: int
    stock: int
    held: int
    wishes: int
    took_s: float


@dataclass
class SellOutsResult:
    buyers: int
    runs: list[SellOut] = field(default_factory=list)
    audits: Audits = field(default_factory=Audits)
    failures: list[Failure] = field(default_factory=list)
    broken_seeds: list[int] = field(default_factory=list)

    @property
    def oversold(self) -> int:
        return sum(run.held > run.stock for run in self.runs)

    @property
    def undersold(self) -> int:
        return sum(run.held < run.stock for run in self.runs)


async def run_sellouts(
    url: str, *, jwt_secret: str | None, runs: int, buyers: int, seed: int
) -> SellOutsResult:
    """All runs against a server that is up. Run n has the seed `seed + n`."""
    result = SellOutsResult(buyers)
    async with LiveroomApi(url, jwt_secret=jwt_secret) as api:
        for first in range(0, runs, SALES_PER_ROOM):
            room = f"sellouts-{seed}-{first}"
            audits = result.audits
            async with full_room(api, room, buyers, seed + first, audits) as (stage, seats):
                for number in range(first, min(first + SALES_PER_ROOM, runs)):
                    await _sell_out(stage, seats, seed + number, result)
    result.failures += result.audits.failures
    return result


async def _sell_out(
    stage: Stage, seats: list[SteadySeat], seed: int, result: SellOutsResult
) -> None:
    """One sale: more wishes than pieces, all at once."""
    rng = random.Random(seed)
    stock = rng.randint(1, STOCK_MAX)
    each = stock // len(seats) + 1
    sale_id, sku_id = await stage.make_sale(stock=stock, per_user=each)
    wishes = [
        (Buyer(seat, sale_id=sale_id, sku_id=sku_id), f"wish-{n}")
        for seat in seats
        for n in range(each)
    ]
    rng.shuffle(wishes)
    await stage.start_sale(sale_id, countdown_s=0)
    began = time.monotonic()
    bought = await asyncio.gather(*(buyer.buy(key, asks=1) for buyer, key in wishes))
    took_s = time.monotonic() - began
    answers = [answer for each_answer in bought for answer in each_answer]
    audit = await stage.api.audit(stage.room, stage.token)
    await stage.viewer.command("sale.stop", sale_id=sale_id)
    failures = purchase_failures(
        answers, stock={sku_id: stock}, per_user=each, demand={sku_id: len(wishes)}
    )
    failures += audit_failures(audit)
    failures += final_stock_failures(audit, sale_id=sale_id, taken={sku_id: stock})
    held = len({answer.reservation_id for answer in answers if answer.held})
    result.runs.append(SellOut(seed, stock, held, len(wishes), took_s))
    result.failures += failures
    if failures:
        result.broken_seeds.append(seed)


def _show(result: SellOutsResult, database: str, console: Console) -> None:
    stocks = sorted(run.stock for run in result.runs)
    took = sorted(run.took_s * 1000 for run in result.runs)
    columns = ["runs", "stock", "pieces", "wishes", "oversold", "undersold", "p50 ms", "longest ms"]
    row = [
        len(result.runs),
        f"{stocks[0]}–{stocks[-1]}",
        sum(stocks),
        sum(run.wishes for run in result.runs),
        result.oversold,
        result.undersold,
        exact_percentile(took, 50),
        took[-1],
    ]
    title = f"{result.buyers} buyers on {WORKERS} workers, {database}"
    print_table(title, columns, [row], console=console)
    seeds = [run.seed for run in result.runs]
    console.print(f"seeds {seeds[0]}…{seeds[-1]}; {result.audits.answered} audits while selling")
    if result.failures:
        console.print(f"[red]BROKEN: {summary(result.failures)}; seeds {result.broken_seeds}")
        for failure in examples(result.failures):
            console.print(f"  {failure}")
    else:
        console.print("[green]exactly the stock was sold every time; every audit balanced")


def main() -> int:
    given = _arguments()
    environment = own_database(given.database)

    async def run() -> SellOutsResult:
        async with OwnServer(workers=WORKERS, environment=environment) as server:
            return await run_sellouts(
                server.url,
                jwt_secret=server.jwt_secret,
                runs=given.runs,
                buyers=given.buyers,
                seed=given.seed,
            )

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(run())
    _show(result, given.database, Console(width=110))
    if given.json:
        document = {
            **provenance(seed=given.seed),
            "database": given.database,
            "buyers": given.buyers,
            "runs": len(result.runs),
            "oversold": result.oversold,
            "undersold": result.undersold,
            "audits": result.audits.answered,
            "broken": summary(result.failures),
            "broken_seeds": result.broken_seeds,
        }
        write_json(given.json, document)
    return 1 if result.failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.sellouts")
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--buyers", type=int, default=BUYERS_MIN)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--json")
    given = parser.parse_args()
    if given.buyers < BUYERS_MIN:
        parser.error(f"a sell-out has at least {BUYERS_MIN} buyers")
    if given.database == "postgresql" and not os.environ.get(DATABASE_VARIABLE):
        parser.error(f"{DATABASE_VARIABLE} must be the address of an empty PostgreSQL database")
    return given


if __name__ == "__main__":
    sys.exit(main())

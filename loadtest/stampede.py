"""Three hundred buyers on two workers for one, seven and a hundred units, again and again.

    python -m loadtest.stampede --rounds 20

Every round is a sale of its own; the audit is asked all the time, and after each sale it is timed
how long the journal takes until every hold is an order in SQL. Exit status 1 when a sale ended with
other than exactly its stock, any sample did not balance, or a hold did not become an order.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import uvloop
from rich.console import Console

from loadtest.api import ApiError, LiveroomApi
from loadtest.buyer import Buyer
from loadtest.checks import Failure, examples, summary
from loadtest.client import Address
from loadtest.messages import MessageCache
from loadtest.own_server import OwnServer
from loadtest.report import exact_percentile, print_table, provenance, write_json
from loadtest.sale_checks import (
    Purchase,
    audit_failures,
    final_stock_failures,
    purchase_failures,
)
from loadtest.stage import Stage
from loadtest.steady import SteadySeat

AUDIT_STEP_S = 0.03
LAG_S_MAX = 15.0  # a hold that is no order by then is taken for lost
LAG_STEP_S = 0.02
READERS = 16  # people whose orders are read at once
ROOM = "stampede"


@dataclass
class Round:
    """One sale of the stampede."""

    stock: int
    held: int
    took_s: float
    answers_ms: list[float]
    journal_lag_s: float  # from the last answer until all was in SQL, the reading included


@dataclass
class StampedeResult:
    seed: int
    buyers: int
    rounds: list[Round] = field(default_factory=list)
    audits: int = 0
    failures: list[Failure] = field(default_factory=list)


async def run_stampede(
    url: str,
    *,
    jwt_secret: str | None,
    rounds: int = 20,
    buyers: int = 300,
    stocks: Sequence[int] = (1, 7, 100),
    seed: int = 1,
) -> StampedeResult:
    """All rounds against a server that is up."""
    rng = random.Random(seed)
    result = StampedeResult(seed, buyers)
    async with LiveroomApi(url, jwt_secret=jwt_secret) as api:
        host = await api.person("stampede-host", role="host")
        stage = Stage(api, ROOM, token=host.token)
        await stage.open()
        messages = MessageCache()
        seats = [await _seat(api, number, messages, rng) for number in range(buyers)]
        await asyncio.gather(*(seat.start() for seat in seats))
        watching = asyncio.create_task(_watch_audit(stage, result))
        try:
            for _ in range(rounds):
                for stock in stocks:
                    result.rounds.append(await _sell(stage, seats, stock, rng, result))
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            for seat in seats:
                seat.stop()
            stage.viewer.leave()
    return result


async def _seat(
    api: LiveroomApi, number: int, messages: MessageCache, rng: random.Random
) -> SteadySeat:
    person = await api.person(f"rush-{number}")
    address = Address.of(api.url, ROOM)
    return SteadySeat(address, name=person.name, person=person, messages=messages, rng=rng)


async def _sell(
    stage: Stage, seats: list[SteadySeat], stock: int, rng: random.Random, result: StampedeResult
) -> Round:
    """One sale: everyone at once, in a different order each time."""
    sale_id, sku_id = await stage.make_sale(stock=stock)
    buyers = [Buyer(seat, sale_id=sale_id, sku_id=sku_id) for seat in seats]
    rng.shuffle(buyers)
    await stage.start_sale(sale_id, countdown_s=0)
    began = time.monotonic()
    bought = await asyncio.gather(*(buyer.buy() for buyer in buyers))
    took_s = time.monotonic() - began
    answers = [answer for each in bought for answer in each]
    lag_s = await _until_ordered(stage.api, seats, answers, result)
    audit = await stage.api.audit(ROOM, stage.token)
    held = len({answer.reservation_id for answer in answers if answer.held})
    result.failures += _sale_failures(answers, sku_id, stock, len(seats))
    result.failures += audit_failures(audit)
    result.failures += final_stock_failures(
        audit, sale_id=sale_id, taken={sku_id: min(stock, len(seats))}
    )
    await stage.viewer.command("sale.stop", sale_id=sale_id)
    return Round(stock, held, took_s, [buyer.answered_us / 1000 for buyer in buyers], lag_s)


async def _until_ordered(
    api: LiveroomApi,
    seats: Sequence[SteadySeat],
    answers: Sequence[Purchase],
    result: StampedeResult,
) -> float:
    """Wait until SQL, which people's orders are listed from, knows every hold; how long it took."""
    began = time.monotonic()
    gate = asyncio.Semaphore(READERS)
    tokens = {seat.user_id: seat.token or "" for seat in seats}
    waiting = {answer.order_id: tokens[answer.user_id] for answer in answers if answer.held}

    async def look(order_id: str, token: str) -> None:
        async with gate, asyncio.timeout(LAG_S_MAX):
            orders = await api.orders(token)
        if any(order["order_id"] == order_id for order in orders):
            del waiting[order_id]

    while waiting and time.monotonic() - began < LAG_S_MAX:
        await asyncio.gather(*(look(*each) for each in list(waiting.items())))
        if waiting:
            await asyncio.sleep(LAG_STEP_S)
    result.failures += [Failure("order_missing", order_id, "not in SQL") for order_id in waiting]
    return time.monotonic() - began


def _sale_failures(answers: list[Purchase], sku_id: str, stock: int, demand: int) -> list[Failure]:
    failures = purchase_failures(
        answers, stock={sku_id: stock}, per_user=1, demand={sku_id: demand}
    )
    for answer in answers:
        if not answer.held and answer.code != "sold_out":
            failures.append(Failure("unexpected_answer", answer.user_id, answer.code))
    return failures


async def _watch_audit(stage: Stage, result: StampedeResult) -> None:
    while True:
        with contextlib.suppress(ApiError, TimeoutError):
            result.failures += audit_failures(await stage.api.audit(ROOM, stage.token))
            result.audits += 1
        await asyncio.sleep(AUDIT_STEP_S)


def _show(result: StampedeResult, console: Console) -> None:
    rows = []
    for stock in sorted({each.stock for each in result.rounds}):
        rounds = [each for each in result.rounds if each.stock == stock]
        answers = sorted(ms for each in rounds for ms in each.answers_ms)
        exact = sum(each.held == min(stock, result.buyers) for each in rounds)
        rows.append(
            [f"stock {stock}", len(rounds), exact, exact_percentile(answers, 50),
             exact_percentile(answers, 99), max(each.took_s for each in rounds) * 1000,
             max(each.journal_lag_s for each in rounds) * 1000]
        )  # fmt: skip
    columns = ["", "sales", "sold exactly", "answer p50 ms", "p99 ms", "longest round ms",
               "all in SQL after, ms"]  # fmt: skip
    print_table(f"{result.buyers} buyers at once", columns, rows, console=console)
    console.print(f"{result.audits} audits while selling, seed {result.seed}")
    if result.failures:
        console.print(f"[red]BROKEN: {summary(result.failures)}")
        for failure in examples(result.failures):
            console.print("  " + " · ".join(failure), markup=False)
    else:
        console.print("[green]exactly the stock was sold every time; every sample balanced")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.stampede")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--buyers", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json")
    given = parser.parse_args()

    async def run() -> StampedeResult:
        async with OwnServer(workers=given.workers) as server:
            return await run_stampede(
                server.url,
                jwt_secret=server.jwt_secret,
                rounds=given.rounds,
                buyers=given.buyers,
                seed=given.seed,
            )

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(run())
    _show(result, Console(width=100))
    if given.json:
        rounds = [
            {
                "stock": each.stock,
                "held": each.held,
                "took_s": round(each.took_s, 4),
                "journal_lag_s": round(each.journal_lag_s, 3),
            }
            for each in result.rounds
        ]
        document = {**provenance(seed=given.seed), "buyers": given.buyers, "rounds": rounds,
                    "journal_lag_s_max": max((each["journal_lag_s"] for each in rounds), default=0),
                    "audits": result.audits, "broken": summary(result.failures)}  # fmt: skip
        write_json(given.json, document)
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())

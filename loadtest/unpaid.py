"""Nobody pays: how soon after their deadline all units are back, and that they sell again.

    python -m loadtest.unpaid --stock 200 --rounds 5

Each round sells out a sale of short holds, lets them all lapse, and sells out once more. Exit
status 1 when stock is not back within `BACK_WITHIN_S`, or a second sell-out is not exact.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import uvloop
from rich.console import Console

from loadtest.api import LiveroomApi
from loadtest.checks import Failure, summary
from loadtest.client import Address
from loadtest.messages import MessageCache
from loadtest.own_server import OwnServer
from loadtest.report import print_table, provenance, write_json
from loadtest.sale_checks import audit_failures, final_stock_failures
from loadtest.stage import Stage
from loadtest.steady import SteadySeat

ROOM = "unpaid"
HOLD_S = 3
BACK_WITHIN_S = 2.0
GIVE_UP_S = 10.0
LOOK_EVERY_S = 0.02


@dataclass(frozen=True)
class Lapse:
    """One round: how long after the last deadline the last unit was back."""

    stock: int
    back_after_s: float
    sold_again: int


async def run_unpaid(
    url: str, *, jwt_secret: str | None, stock: int = 200, rounds: int = 1, seed: int = 1
) -> tuple[list[Lapse], list[Failure]]:
    """All rounds against a server that is up; one buyer a unit."""
    rng = random.Random(seed)
    lapses: list[Lapse] = []
    failures: list[Failure] = []
    async with LiveroomApi(url, jwt_secret=jwt_secret) as api:
        host = await api.person("unpaid-host", role="host")
        stage = Stage(api, ROOM, token=host.token)
        await stage.open()
        messages = MessageCache()
        seats = []
        for number in range(stock):
            person = await api.person(f"slow-{number}")
            address = Address.of(url, ROOM)
            seat = SteadySeat(address, name=person.name, person=person, messages=messages, rng=rng)
            await seat.start()
            seats.append(seat)
        for _ in range(rounds):
            lapses.append(await _lapse(stage, seats, failures))
        for seat in seats:
            seat.stop()
        stage.viewer.leave()
    return lapses, failures


async def _lapse(stage: Stage, seats: Sequence[SteadySeat], failures: list[Failure]) -> Lapse:
    stock = len(seats)
    sale_id, sku_id = await stage.make_sale(stock=stock, hold_s=HOLD_S)
    await stage.start_sale(sale_id, countdown_s=0)
    _, deadline_ms = await _sell_out(seats, sale_id, sku_id)
    back_after_s = await _until_back(stage, sale_id, stock, deadline_ms, failures)
    if back_after_s > BACK_WITHIN_S:
        failures.append(Failure("late_return", sale_id, f"{back_after_s:.2f} s"))
    again, _ = await _sell_out(seats, sale_id, sku_id)
    audit = await stage.api.audit(ROOM, stage.token)
    failures += audit_failures(audit)
    failures += final_stock_failures(audit, sale_id=sale_id, taken={sku_id: stock})
    await stage.viewer.command("sale.stop", sale_id=sale_id)
    return Lapse(stock, back_after_s, again)


async def _sell_out(seats: Sequence[SteadySeat], sale_id: str, sku_id: str) -> tuple[int, int]:
    """How many units were held, and the last deadline in Unix ms."""
    lines = [{"sku_id": sku_id, "qty": 1}]
    asked = (
        seat.viewer.command("sale.buy", sale_id=sale_id, lines=lines, key=secrets.token_hex(8))
        for seat in seats
    )
    held = await asyncio.gather(*asked)
    return len({each["reservation_id"] for each in held}), max(each["expires_ms"] for each in held)


async def _until_back(
    stage: Stage, sale_id: str, stock: int, deadline_ms: int, failures: list[Failure]
) -> float:
    """Seconds from the last deadline until the audit shows every unit available."""
    deadline_s = deadline_ms / 1000
    while time.time() < deadline_s + GIVE_UP_S:
        audit = await stage.api.audit(ROOM, stage.token)
        failures += audit_failures(audit)
        sale = next(each for each in audit["sales"] if each["sale_id"] == sale_id)
        if sum(sku["available"] for sku in sale["skus"]) == stock:
            return max(0.0, time.time() - deadline_s)
        await asyncio.sleep(LOOK_EVERY_S)
    return GIVE_UP_S


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.unpaid")
    parser.add_argument("--stock", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json")
    given = parser.parse_args()

    async def run() -> tuple[list[Lapse], list[Failure]]:
        async with OwnServer(workers=2) as server:
            return await run_unpaid(
                server.url,
                jwt_secret=server.jwt_secret,
                stock=given.stock,
                rounds=given.rounds,
                seed=given.seed,
            )

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        lapses, failures = runner.run(run())
    console = Console(width=100)
    rows = [[n, each.stock, each.back_after_s, each.sold_again] for n, each in enumerate(lapses, 1)]
    columns = ["round", "units held", "all back after s", "sold again"]
    print_table("Nobody pays", columns, rows, console=console)
    console.print("[red]BROKEN: " + str(summary(failures)) if failures else "[green]all came back")
    if given.json:
        figures = [vars(each) for each in lapses]
        document = {**provenance(seed=given.seed), "rounds": figures, "broken": summary(failures)}
        write_json(given.json, document)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

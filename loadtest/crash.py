"""The crash proof: a sale goes on while workers and Redis are killed every few seconds.

    python -m loadtest.crash --seed 1 --seconds 60

Afterwards every acknowledged reservation must exist exactly once, exactly the stock be held or
sold, every audit sample balance, and no watching viewer have lost a critical event. The killing is
in chaos.py, the judging in the checks.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import uvloop
from rich.console import Console

from loadtest.api import ApiError, LiveroomApi, Person
from loadtest.buyer import Buyer
from loadtest.chaos import Chaos, Kill
from loadtest.checks import (
    Failure,
    critical_failures,
    examples,
    reply_failures,
    summary,
)
from loadtest.client import Address
from loadtest.history import Joined
from loadtest.messages import MessageCache
from loadtest.own_server import OwnServer
from loadtest.report import print_table, provenance, write_json
from loadtest.sale_checks import (
    Purchase,
    audit_failures,
    final_stock_failures,
    order_failures,
    purchase_failures,
    units_held,
)
from loadtest.stage import Stage
from loadtest.steady import SteadySeat

ROOM = "crash"
PER_USER_MAX = 50
AUDIT_STEP_S = 0.2
PAYING_SHARE = 0.3
BUYING_SHARE = 0.7  # of the run's time over which the stock is meant to go
ORDERS_WAIT_S = 20.0  # for the journal to reach SQL after the last kill
FINISH_WAIT_S = 60.0  # for buyers to learn the outcome of everything they asked
RESUMABLE_EVENTS = 1000  # far below what a room keeps: who missed fewer must get them all
REST_ERRORS = (ApiError, aiohttp.ClientError, TimeoutError, OSError)


@dataclass
class CrashResult:
    """What was done and what was broken."""

    seed: int
    stock: int
    kills: list[Kill] = field(default_factory=list)
    answers: list[Purchase] = field(default_factory=list)
    audits: int = 0
    audits_refused: int = 0
    losses: int = 0
    recovered: int = 0
    snapshots: int = 0
    criticals: int = 0
    paid: int = 0
    units_in_orders: int = 0
    failures: list[Failure] = field(default_factory=list)

    @property
    def acknowledged(self) -> int:
        return len({answer.reservation_id for answer in self.answers if answer.held})


class Proof:
    """One run: people, sale, and what they found."""

    def __init__(self, server: OwnServer, api: LiveroomApi, result: CrashResult) -> None:
        self.server, self.api, self.result = server, api, result
        self.rng = random.Random(result.seed)
        self.messages = MessageCache()
        self.watchers: list[SteadySeat] = []
        self.buyers: list[SteadySeat] = []
        self.people: dict[str, Person] = {}
        self.stage: Stage | None = None
        self.sale_id = self.sku_id = ""

    async def set_up(self, *, buyers: int, viewers: int) -> Stage:
        host = await self.api.person("crash-host", role="host")
        stage = self.stage = Stage(self.api, ROOM, token=host.token)
        await stage.open()
        self.sale_id, self.sku_id = await stage.make_sale(
            stock=self.result.stock, per_user=PER_USER_MAX
        )
        for number in range(viewers):
            self.watchers.append(self._seat(f"watcher-{number}", None))
        for number in range(buyers):
            person = await self.api.person(f"buyer-{number}")
            self.people[person.user_id] = person
            self.buyers.append(self._seat(person.name, person))
        await asyncio.gather(*(seat.start() for seat in (*self.watchers, *self.buyers)))
        await stage.start_sale(self.sale_id, countdown_s=0)
        return stage

    def _seat(self, name: str, person: Person | None) -> SteadySeat:
        address = Address.of(self.api.url, ROOM)
        rng = random.Random(self.rng.random())
        return SteadySeat(address, name=name, person=person, messages=self.messages, rng=rng)

    async def shop(self, seat: SteadySeat, *, pause_s: float, until: float) -> None:
        """Buy one unit after the other, each with its own key, until there is nothing left."""
        buyer = Buyer(seat, sale_id=self.sale_id, sku_id=self.sku_id)
        rng = random.Random(self.rng.random())
        for number in range(PER_USER_MAX + 1):
            if time.monotonic() < until:
                await asyncio.sleep(rng.expovariate(1 / pause_s))
            answers = await buyer.buy(f"{seat.user_id}-{number}")
            self.result.answers.extend(answers)
            if not answers[0].held:
                return
            if rng.random() < PAYING_SHARE:
                await self._pay(seat, answers[0].order_id)

    async def _pay(self, seat: SteadySeat, order_id: str) -> None:
        """Once; a payment that fails in the storm leaves the unit held."""
        try:
            await self.api.pay(order_id, self.people[seat.user_id].token)
            self.result.paid += 1
        except REST_ERRORS:
            return

    async def watch_audit(self) -> None:
        """Every answer must balance; no answer while things are down is allowed."""
        assert self.stage is not None
        while True:
            try:
                audit = await self.api.audit(ROOM, self.stage.token)
            except REST_ERRORS:
                self.result.audits_refused += 1
            else:
                self.result.audits += 1
                self.result.failures += audit_failures(audit)
            await asyncio.sleep(AUDIT_STEP_S)

    async def judge(self) -> None:
        """All checks, once everything is quiet again."""
        assert self.stage is not None
        result, failures = self.result, self.result.failures
        end = await self.stage.end_position()
        await self._caught_up(end.epoch, end.seq)
        histories = [seat.viewer.history for seat in (*self.watchers, *self.buyers)]
        failures += critical_failures(histories, end=end, resumable=RESUMABLE_EVENTS)
        failures += reply_failures(histories)
        failures += purchase_failures(
            result.answers,
            stock={self.sku_id: result.stock},
            per_user=PER_USER_MAX,
            demand={self.sku_id: result.stock},
        )
        orders = await self._orders()
        failures += order_failures(result.answers, orders)
        every_order = [order for found in orders.values() for order in found]
        result.units_in_orders = units_held(every_order, self.sku_id)
        audit = await self.api.audit(ROOM, self.stage.token)
        failures += audit_failures(audit)
        taken = {self.sku_id: result.stock}
        failures += final_stock_failures(audit, sale_id=self.sale_id, taken=taken)
        self._count(histories)

    def _count(self, histories: Sequence[Any]) -> None:
        joins = [each for history in histories for each in history.records
                 if isinstance(each, Joined) and each.resumed is not None]  # fmt: skip
        self.result.recovered = sum(joined.recovered for joined in joins)
        self.result.snapshots = len(joins) - self.result.recovered
        self.result.losses = sum(seat.losses for seat in (*self.watchers, *self.buyers))
        self.result.criticals = max((seat.viewer.seq for seat in self.watchers), default=0)

    async def _caught_up(self, epoch: str, seq: int) -> None:
        until = time.monotonic() + ORDERS_WAIT_S
        seats = (*self.watchers, *self.buyers)
        while time.monotonic() < until:
            if all(s.viewer.connected and s.viewer.position == (epoch, seq) for s in seats):
                return
            await asyncio.sleep(0.1)

    async def _orders(self) -> dict[str, list[dict[str, Any]]]:
        """Every buyer's orders of this sale, once the journal has reached SQL."""
        until = time.monotonic() + ORDERS_WAIT_S
        while True:
            found = {
                user_id: [order for order in await self.api.orders(person.token)
                          if order["sale_id"] == self.sale_id]
                for user_id, person in self.people.items()
            }  # fmt: skip
            enough = sum(map(len, found.values())) >= self.result.acknowledged
            if enough or time.monotonic() > until:
                return found
            await asyncio.sleep(0.3)


async def run_crash(
    seed: int,
    seconds: float = 60.0,
    *,
    stock: int = 1000,
    buyers: int = 60,
    viewers: int = 40,
    workers: int = 2,
    kill_every_s: float = 3.0,
) -> CrashResult:
    """One run with a server of its own."""
    result = CrashResult(seed, stock)
    async with (
        OwnServer(workers=workers) as server,
        LiveroomApi(server.url, jwt_secret=server.jwt_secret) as api,
    ):
        proof = Proof(server, api, result)
        stage = await proof.set_up(buyers=buyers, viewers=viewers)
        chaos = Chaos(server, random.Random(seed), every_s=kill_every_s)
        await _storm(proof, stage, chaos, seconds)
        result.kills = chaos.kills
        await server.wait_ready()
        await stage.return_if_lost()
        await proof.judge()
        for seat in (*proof.watchers, *proof.buyers):
            seat.stop()
        stage.viewer.leave()
    return result


async def _storm(proof: Proof, stage: Stage, chaos: Chaos, seconds: float) -> None:
    until = time.monotonic() + seconds
    pause_s = len(proof.buyers) * seconds * BUYING_SHARE / proof.result.stock
    shopping = [
        asyncio.create_task(proof.shop(seat, pause_s=pause_s, until=until)) for seat in proof.buyers
    ]
    beside = [
        asyncio.create_task(proof.watch_audit()),
        asyncio.create_task(stage.keep_announcing(3.0)),
    ]
    await chaos.rage(seconds)
    done, late = await asyncio.wait(shopping, timeout=FINISH_WAIT_S)
    for task in (*late, *beside):
        task.cancel()
    await asyncio.gather(*late, *beside, return_exceptions=True)
    for task in done:
        task.result()
    if late:
        proof.result.failures.append(
            Failure("buyers_hang", "crash", f"{len(late)} of {len(shopping)} not finished")
        )


def document(result: CrashResult) -> dict[str, Any]:
    return {
        **provenance(seed=result.seed),
        "stock": result.stock,
        "kills": dict(Counter(kill.what for kill in result.kills)),
        "acknowledged_reservations": result.acknowledged,
        "units_in_orders": result.units_in_orders,
        "payments_begun": result.paid,
        "answers": dict(Counter(answer.code or "held" for answer in result.answers)),
        "audit_samples": result.audits,
        "audits_refused": result.audits_refused,
        "connections_lost": result.losses,
        "resumed_without_gap": result.recovered,
        "resumed_by_snapshot": result.snapshots,
        "last_seq": result.criticals,
        "broken": summary(result.failures),
        "broken_examples": [list(failure) for failure in examples(result.failures)],
    }


def show(result: CrashResult, console: Console) -> None:
    found = document(result)
    names = [name for name in found if name not in
             ("commit", "machine", "command", "at", "broken_examples")]  # fmt: skip
    rows = [[name.replace("_", " "), found[name]] for name in names]
    print_table("Sale through kills", ["", "figure"], rows, console=console)
    for failure in examples(result.failures):
        console.print("  " + " · ".join(failure), markup=False)
    verdict = "[red]BROKEN" if result.failures else "[green]nothing lost, doubled or oversold"
    console.print(verdict)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.crash")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1, help="with seeds counting up from --seed")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--stock", type=int, default=1000)
    parser.add_argument("--kill-every", type=float, default=3.0)
    parser.add_argument("--json")
    given = parser.parse_args()
    console, results = Console(width=100), []
    for seed in range(given.seed, given.seed + given.runs):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(
                run_crash(seed, given.seconds, stock=given.stock, kill_every_s=given.kill_every)
            )
        show(result, console)
        results.append(result)
    if given.json:
        write_json(given.json, {"runs": [document(result) for result in results]})
    return 1 if any(result.failures for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())

"""Redis stands still in the middle of a sale: how long buyers wait, and how soon all is well again.

    python -m loadtest.prove_frozen --frozen 3 6 12

Redis is stopped by a signal, as by a machine that hangs, while buyers buy under keys of their own
and two rooms talk. While it stands still every buy must be answered soon, be it by "unknown"; no
socket may be lost. Once it goes on, service must be good soon, the same keys must tell what became
of each buy, and the stock must be what was there less the orders. Exit status 1 otherwise.
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
from typing import Any

import uvloop
from rich.console import Console

from loadtest.api import LiveroomApi
from loadtest.buyer import UNKNOWN, UNSURE, Ask, Buyer
from loadtest.checks import Failure, examples, summary
from loadtest.client import Lost, Refused, Viewer
from loadtest.fault_runs import Shop
from loadtest.faults import Faults
from loadtest.full_room import Audits, full_room
from loadtest.ledger import Books
from loadtest.messages import Message
from loadtest.own_server import OwnServer, own_database
from loadtest.prove_faults import away_of
from loadtest.report import exact_percentile, print_table, provenance, write_json
from loadtest.sale_checks import (
    Purchase,
    audit_failures,
    final_stock_failures,
    limit_failures,
    order_failures,
    purchase_failures,
    units_held,
)
from loadtest.steady import SteadySeat

WORKERS = 2
BUYERS = 30
STOCK = 5_000  # more than is asked for: buying goes on all the time
PER_USER = 500
WISH_PAUSE_S = 0.1
TALK_PAUSE_S = 0.1
BEFORE_S, AFTER_S = 1.0, 4.0  # of good weather on either side
ANSWERED_WITHIN_S = 1.0  # while frozen, by the buyer's own clock
GOOD_AFTER_S = 3.0
SETTLED_WAIT_S = 20.0
POLL_S = 0.05


@dataclass
class Frozen:
    """One freeze. Seconds "after" count from the moment Redis goes on."""

    frozen_s: float
    seed: int
    asks: int = 0  # sent while it stood still, or open at its beginning
    unsure: int = 0
    p50_ms: float = 0.0
    longest_ms: float = 0.0
    held_after_s: float = 0.0
    unsure_until_s: float = 0.0
    chat_after_s: list[float] = field(default_factory=list)
    sockets_lost: int = 0
    orders: int = 0
    left: int = 0
    failures: list[Failure] = field(default_factory=list)


class Talk:
    """Somebody who speaks in a room all the time, and when the room heard it."""

    def __init__(self, speaker: SteadySeat, listener: SteadySeat) -> None:
        self.speaker = speaker
        self.heard_s: list[float] = []
        listener.viewer.on_message = self._hear

    def _hear(self, viewer: Viewer, message: Message) -> None:
        if any(event["t"] == "comment" for event in message.events):
            self.heard_s.append(time.monotonic())

    async def go_on(self) -> None:
        """Until cancelled; what is refused while Redis stands still is not said again."""
        number = 0
        while True:
            number += 1
            with contextlib.suppress(Refused, Lost, TimeoutError):  # silence is measured elsewhere
                await self.speaker.viewer.command("comment.send", text=f"word {number}")
            await asyncio.sleep(TALK_PAUSE_S)


async def run_frozen(
    server: OwnServer, frozen_s: float, *, seed: int, buyers: int = BUYERS
) -> Frozen:
    """One freeze on a server that is up."""
    audits, beside_audits = Audits(), Audits()
    faults, books = Faults(server, away_of(server)), Books(server.database_url)
    room = f"frozen-{seed}-{frozen_s:g}"
    async with (
        LiveroomApi(server.url, jwt_secret=server.jwt_secret) as api,
        full_room(api, room, buyers + 2, seed, audits) as (stage, seats),
        full_room(api, f"{room}-beside", 2, seed, beside_audits) as (_, others),
    ):
        shop = Shop(stage, seats, faults, books, audits)
        trial = _Trial(shop, others, Frozen(frozen_s, seed))
        await trial.go()
        trial.result.failures += audits.failures
    return trial.result


class _Trial:
    """The course of one freeze. The first two seats talk, the others buy."""

    def __init__(self, shop: Shop, others: Sequence[SteadySeat], result: Frozen) -> None:
        self.shop, self.result = shop, result
        self.seats = [*shop.seats, *others]
        self.talks = [Talk(*shop.seats[:2]), Talk(*others)]
        self.rng = random.Random(result.seed)
        self.sale_id = self.sku_id = ""
        self.buyers: list[Buyer] = []
        self.answers: list[Purchase] = []
        self.over = False

    async def go(self) -> None:
        await self.shop.healthy()
        self.sale_id, self.sku_id = await self.shop.new_sale(STOCK, PER_USER)
        self.buyers = [
            Buyer(seat, sale_id=self.sale_id, sku_id=self.sku_id) for seat in self.shop.seats[2:]
        ]
        talking = [asyncio.create_task(talk.go_on()) for talk in self.talks]
        shopping = [asyncio.create_task(self._shop(buyer)) for buyer in self.buyers]
        before = sum(seat.losses for seat in self.seats)
        await asyncio.sleep(BEFORE_S)
        began = time.monotonic()
        await self.shop.faults.freeze_redis(self.result.frozen_s)
        went_on = time.monotonic()
        await asyncio.sleep(AFTER_S)
        self.over = True
        await asyncio.gather(*shopping)
        for task in talking:
            task.cancel()
        await asyncio.gather(*talking, return_exceptions=True)
        self.result.sockets_lost = sum(seat.losses for seat in self.seats) - before
        self._measure(began, went_on)
        await self._judge()

    async def _shop(self, buyer: Buyer) -> None:
        rng, number = random.Random(self.rng.random()), 0
        while not self.over and number < PER_USER:
            number += 1
            self.answers += await buyer.buy(f"{self.sale_id}-{number:03}", asks=1)
            await asyncio.sleep(rng.expovariate(1 / WISH_PAUSE_S))

    def _measure(self, began: float, went_on: float) -> None:
        result = self.result
        asks = [ask for buyer in self.buyers for ask in buyer.asks]
        frozen = [ask for ask in asks if ask.at_s + ask.took_s > began and ask.at_s < went_on]
        took = sorted(ask.took_s * 1000 for ask in frozen)
        result.asks, result.unsure = len(frozen), sum(ask.code in UNSURE for ask in frozen)
        result.p50_ms = exact_percentile(took, 50)
        result.longest_ms = took[-1] if took else 0.0
        ends = [(ask.at_s + ask.took_s - went_on, ask.code) for ask in asks]
        held = [end for end, code in ends if end > 0 and not code]
        result.held_after_s = min(held, default=float("inf"))
        unsure = [end for end, code in ends if end > 0 and code in {*UNSURE, UNKNOWN}]
        result.unsure_until_s = max(unsure, default=0.0)
        result.chat_after_s = [
            min((at - went_on for at in talk.heard_s if at > went_on), default=float("inf"))
            for talk in self.talks
        ]
        result.failures += freeze_failures(result, asks)

    async def _judge(self) -> None:
        """The same keys once more, then orders, audit and stock."""
        result, shop = self.result, self.shop
        await shop.healthy()
        keys = {(answer.user_id, answer.key) for answer in self.answers}
        by_user = {buyer.seat.user_id: buyer for buyer in self.buyers}
        again = await asyncio.gather(
            *(self._again(by_user[user_id], user_id, keys) for user_id in by_user)
        )
        self.answers += [answer for answers in again for answer in answers]
        held = {answer.reservation_id for answer in self.answers if answer.held}
        ledger = await shop.books.ledger(self.sale_id)
        until = time.monotonic() + SETTLED_WAIT_S
        while len(ledger.orders) < len(held) and time.monotonic() < until:
            await asyncio.sleep(POLL_S)
            ledger = await shop.books.ledger(self.sale_id)
        stock = {self.sku_id: STOCK}
        failures = purchase_failures(
            self.answers, stock=stock, per_user=PER_USER, demand={self.sku_id: len(keys)}
        )
        failures += order_failures(self.answers, ledger.by_user)
        failures += limit_failures(ledger.by_user, self.sku_id, PER_USER)
        audit = await shop.stage.api.audit(shop.stage.room, shop.stage.token)
        failures += audit_failures(audit)
        result.orders = units_held(ledger.orders, self.sku_id)
        taken = {self.sku_id: result.orders}
        failures += final_stock_failures(audit, sale_id=self.sale_id, taken=taken)
        result.left = sum(sku["available"] for sale in audit["sales"] for sku in sale["skus"])
        result.failures += failures

    async def _again(
        self, buyer: Buyer, user_id: str, keys: set[tuple[str, str]]
    ) -> list[Purchase]:
        """One after the other: nobody may ask faster than a person's rate allows."""
        answers: list[Purchase] = []
        for key in sorted(key for owner, key in keys if owner == user_id):
            answers += await buyer.buy(key, asks=1)
        return answers


def freeze_failures(result: Frozen, asks: Sequence[Ask]) -> list[Failure]:
    """Answers too late, sockets lost, and service that took too long to be good again."""
    who, failures = f"frozen {result.frozen_s:g} s", []
    if not result.asks:
        failures.append(Failure("nothing_asked", who, "no buy while Redis stood still"))
    if result.longest_ms > ANSWERED_WITHIN_S * 1000:
        failures.append(Failure("answered_late", who, f"{result.longest_ms:.0f} ms"))
    unanswered = sum(ask.code == UNKNOWN for ask in asks)
    if unanswered:
        failures.append(Failure("unanswered", who, f"{unanswered} buys without any answer"))
    if result.sockets_lost:
        failures.append(Failure("socket_lost", who, f"{result.sockets_lost} connections"))
    for name, after_s in (
        ("sale_late", max(result.held_after_s, result.unsure_until_s)),
        ("chat_late", max(result.chat_after_s, default=float("inf"))),
    ):
        if after_s > GOOD_AFTER_S:
            failures.append(Failure(name, who, f"good only after {after_s:.2f} s"))
    return failures


COLUMNS = ["frozen s", "asks", "unsure", "p50 ms", "longest ms", "first hold after s",
           "last unsure after s", "chat after s", "sockets lost", "orders", "left"]  # fmt: skip


def row_of(result: Frozen) -> list[object]:
    return [
        result.frozen_s,
        result.asks,
        result.unsure,
        result.p50_ms,
        result.longest_ms,
        result.held_after_s,
        result.unsure_until_s,
        max(result.chat_after_s, default=float("inf")),
        result.sockets_lost,
        result.orders,
        result.left,
    ]


def document(results: Sequence[Frozen], *, seed: int, database: str) -> dict[str, Any]:
    failures = [failure for result in results for failure in result.failures]
    return {
        **provenance(seed=seed),
        "database": database,
        "stock": STOCK,
        "freezes": [dict(zip(COLUMNS, row_of(result), strict=True)) for result in results],
        "broken": summary(failures),
        "broken_examples": [list(failure) for failure in examples(failures)],
    }


def main() -> int:
    given = _arguments()
    console = Console(width=130)

    async def run() -> list[Frozen]:
        async with OwnServer(workers=WORKERS, environment=own_database(given.database)) as server:
            return [
                await run_frozen(server, seconds, seed=given.seed + number, buyers=given.buyers)
                for number, seconds in enumerate(given.frozen)
            ]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results = runner.run(run())
    title = f"Redis stopped in mid-sale, {given.buyers} buyers, {WORKERS} workers, {STOCK} pieces"
    print_table(title, COLUMNS, [row_of(result) for result in results], console=console)
    failures = [failure for result in results for failure in result.failures]
    for failure in examples(failures):
        console.print("  " + " · ".join(failure), markup=False)
    verdict = f"[red]BROKEN: {summary(failures)}" if failures else "[green]answered, kept, exact"
    console.print(f"seed {given.seed}: {verdict}")
    if given.json:
        found = document(results, seed=given.seed, database=given.database)
        write_json(given.json, found)
    return 1 if failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.prove_frozen")
    parser.add_argument("--frozen", type=float, nargs="+", default=[3.0, 6.0, 12.0], metavar="S")
    parser.add_argument("--buyers", type=int, default=BUYERS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

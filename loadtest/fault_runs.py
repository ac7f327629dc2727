"""One sell-out with one fault in its middle, and the judgement of it. See prove_faults.py.

Everything that is drawn comes from the run's seed. The money is judged later than the stock: a
callback that never arrived is asked about by the shop only after some seconds.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from loadtest.buyer import Buyer
from loadtest.checks import Failure
from loadtest.client import Lost as ConnectionLost
from loadtest.client import Refused
from loadtest.faults import KINDS, Cut, Faults
from loadtest.full_room import REST_ERRORS, Audits
from loadtest.ledger import Books, Ledger
from loadtest.money_checks import money_failures, settled
from loadtest.one_key import ask_at_once
from loadtest.sale_checks import (
    NOTHING_LOST,
    Lost,
    Purchase,
    audit_failures,
    final_stock_failures,
    limit_failures,
    one_key_failures,
    order_failures,
    orders_told_of,
    purchase_failures,
    vanished_failures,
)
from loadtest.stage import Stage
from loadtest.steady import SteadySeat

STOCK = (10, 100)
SELL_S = 1.0  # over which the wishes are spread
FAULT_AT_S = (0.15, 0.85)
PAYING_SHARE = 0.4
ONE_KEY_TIMES = 100
SETTLED_WAIT_S = 20.0  # until orders, audit and money have caught up with the last fault
POLL_S = 0.05
SQL_ERRORS = (SQLAlchemyError, OSError, TimeoutError)


@dataclass
class FaultRun:
    """One sell-out and what was found. `seed` and `kind` alone make it again."""

    seed: int
    kind: str
    stock: int = 0
    acknowledged: int = 0
    lost: int = 0  # acknowledged, then destroyed with the log's tail
    in_orders: int = 0
    payments: int = 0
    took_s: float = 0.0
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class Shop:
    """A room full of buyers on a server that is to be hurt."""

    stage: Stage
    seats: Sequence[SteadySeat]
    faults: Faults
    books: Books
    audits: Audits

    async def healthy(self) -> None:
        """Until every worker serves, everybody is connected and the audit answers."""
        server = self.faults.server
        until = time.monotonic() + SETTLED_WAIT_S
        while time.monotonic() < until:
            await self.stage.return_if_lost()
            seats_in = all(seat.viewer.connected for seat in self.seats)
            workers_in = len(server.worker_pids()) == server.workers
            if seats_in and workers_in and self.stage.viewer.connected:
                await server.wait_ready()
                return
            await asyncio.sleep(POLL_S)
        raise TimeoutError(f"not healthy; the end of the server's log:\n{server.log_tail()}")

    async def new_sale(self, stock: int, per_user: int) -> tuple[str, str]:
        """A sale that is live. What the last fault left may refuse a first try."""
        for _ in range(20):
            try:
                made = await self.stage.make_sale(stock=stock, per_user=per_user)
                await self.stage.start_sale(made[0], countdown_s=0)
            except (Refused, ConnectionLost, TimeoutError):
                await asyncio.sleep(POLL_S * 4)
                await self.healthy()
            else:
                return made
        raise TimeoutError("no sale could be started")


def kind_of(seed: int) -> str:
    """The fault that a seed stands for."""
    return random.Random(seed).choice(KINDS)


class Trial:
    """The course of one run."""

    def __init__(self, shop: Shop, seed: int, kind: str) -> None:
        self.shop = shop
        self.rng = random.Random(seed)
        self.run = FaultRun(seed, kind, stock=self.rng.randint(*STOCK))
        self.per_user = self.run.stock // len(shop.seats) + 1
        self.sale_id = self.sku_id = ""
        self.answers: list[Purchase] = []
        self.before_cut: Ledger | None = None
        self.same: list[bytes] = []

    async def go(self) -> FaultRun:
        """Sell, hurt, ask everything again, judge all but the money."""
        await self.shop.healthy()
        made = await self.shop.new_sale(self.run.stock, self.per_user)
        self.sale_id, self.sku_id = made
        began = time.monotonic()
        wishes = self._wishes()
        shopping = [asyncio.create_task(self._wish(buyer, key)) for buyer, key in wishes]
        if self.run.kind == "one_key":
            shopping.append(asyncio.create_task(self._storm()))
        await asyncio.sleep(self.rng.uniform(*FAULT_AT_S))
        cut = await self.shop.faults.inject(self.run.kind, self.rng, self._witness)
        await asyncio.gather(*shopping)
        await self.shop.healthy()
        again = await asyncio.gather(*(buyer.buy(key, asks=1) for buyer, key in wishes))
        self.answers += [answer for answers in again for answer in answers]
        await self._judge(cut)
        self.run.took_s = time.monotonic() - began
        return self.run

    def _wishes(self) -> list[tuple[Buyer, str]]:
        """One wish more for everybody than a person may have."""
        return [
            (Buyer(seat, sale_id=self.sale_id, sku_id=self.sku_id), f"{self.sale_id}-{n:03}")
            for seat in self.shop.seats
            for n in range(self.per_user + 1)
        ]

    async def _wish(self, buyer: Buyer, key: str) -> None:
        rng = random.Random(self.rng.random())
        await asyncio.sleep(rng.uniform(0, SELL_S))
        answers = await buyer.buy(key)
        self.answers += answers
        if answers[0].held and rng.random() < PAYING_SHARE:
            await self._pay(buyer, answers[0].order_id, rng)

    async def _pay(self, buyer: Buyer, order_id: str, rng: random.Random) -> None:
        """Once; a payment that fails in the fault leaves the unit held."""
        tricks = bank_tricks(rng) if self.run.kind == "bank" else {}
        token = buyer.seat.viewer.token or ""
        try:
            await self.shop.stage.api.pay(order_id, token, press=tricks)
        except REST_ERRORS:
            return

    async def _storm(self) -> None:
        """Somebody without another wish asks one thing many times, before and after the fault."""
        stage = self.shop.stage
        person = await stage.api.person("impatient")
        for _ in range(2):
            self.same += await ask_at_once(
                stage.api.url, stage.room, person.token, sale_id=self.sale_id, sku_id=self.sku_id,
                key=f"{self.sale_id}-storm", times=ONE_KEY_TIMES,
            )  # fmt: skip

    async def _witness(self) -> None:
        self.before_cut = await self.shop.books.ledger(self.sale_id)

    # -- judging --------------------------------------------------------------------------------

    async def _judge(self, cut: Cut | None) -> None:
        run, failures = self.run, self.run.failures
        lost, ledger = await self._caught_up(cut)
        orders = ledger.by_user
        stormed = orders.pop("impatient", [])
        if self.same:
            failures += one_key_failures("impatient", self.same, len(stormed))
        stock = run.stock - len(stormed)
        failures += purchase_failures(
            self.answers,
            stock={self.sku_id: stock},
            per_user=self.per_user,
            demand={self.sku_id: self.per_user * len(self.shop.seats)},
            lost=lost,
        )
        failures += order_failures(self.answers, orders, lost)
        failures += limit_failures(orders, self.sku_id, self.per_user)
        if self.before_cut is not None:
            failures += vanished_failures(self.before_cut.order_ids, ledger.order_ids)
        audit = await self._audit()
        failures += audit_failures(audit)
        taken = {self.sku_id: run.stock}
        failures += final_stock_failures(audit, sale_id=self.sale_id, taken=taken)
        unknown = Counter(answer.code for answer in self.answers)["unknown"]
        if unknown:
            failures.append(Failure("never_answered", self.sale_id, f"{unknown} purchases"))
        run.acknowledged = len({a.reservation_id for a in self.answers if a.held}) + len(stormed)
        run.in_orders, run.lost = len(ledger.orders), len(lost.reservations)

    async def _caught_up(self, cut: Cut | None) -> tuple[Lost, Ledger]:
        """The books once everything acknowledged is in them, or as they are when time is over."""
        until = time.monotonic() + SETTLED_WAIT_S
        while True:
            ledger = await self._ledger(until)
            lost = self._lost(cut, ledger)
            kept = {a.reservation_id for a in self.answers if a.held} - lost.reservations
            found = {order["reservation_id"] for order in ledger.orders}
            if kept <= found and len(found) >= len(kept) + orders_told_of(self.same):
                return lost, ledger
            if time.monotonic() > until:
                return lost, ledger
            await asyncio.sleep(POLL_S)

    async def _ledger(self, until: float) -> Ledger:
        while True:
            try:
                return await self.shop.books.ledger(self.sale_id)
            except SQL_ERRORS:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(POLL_S)

    def _lost(self, cut: Cut | None, ledger: Ledger) -> Lost:
        """Only what was in the destroyed bytes, nowhere else in Redis' log, and not in SQL."""
        if cut is None or self.before_cut is None:
            return NOTHING_LOST
        in_sql = {order["reservation_id"] for order in ledger.orders}
        held = [answer for answer in self.answers if answer.held]
        return Lost(
            reservations={
                answer.reservation_id
                for answer in held
                if answer.reservation_id not in in_sql and cut.destroyed(answer.reservation_id[1:])
            },
            keys={
                (answer.user_id, answer.key)
                for answer in held
                if (answer.user_id, answer.key) not in self.before_cut.keys
                and cut.destroyed(f"{answer.user_id}:{answer.key}")
            },
        )

    async def _audit(self) -> dict[str, Any]:
        until = time.monotonic() + SETTLED_WAIT_S
        while True:
            try:
                return await self.shop.stage.api.audit(self.shop.stage.room, self.shop.stage.token)
            except REST_ERRORS:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(POLL_S)

    async def judge_money(self) -> None:
        """When the shop has decided about all captured money, or should have long ago."""
        until = time.monotonic() + SETTLED_WAIT_S
        ledger = await self._ledger(until)
        while not settled(ledger.orders, ledger.payments) and time.monotonic() < until:
            await asyncio.sleep(POLL_S * 4)
            ledger = await self._ledger(until)
        self.run.payments = len(ledger.payments)
        self.run.failures += money_failures(ledger.orders, ledger.payments, ledger.refunds)


def bank_tricks(rng: random.Random) -> dict[str, object]:
    """How the sandbox bank treats one payment."""
    tricks: list[dict[str, object]] = [
        {"late_ms": rng.randint(50, 1500)},
        {"duplicate": rng.randint(1, 10)},
        {"lose": True},
        {"reorder": True},
        {"forge": rng.choice(["unsigned", "secret", "body", "stale", "future"])},
        {"amount_cents": rng.randint(1, 1899)},
        {"late_ms": rng.randint(50, 800), "duplicate": 2, "reorder": True},
        {"outcome": "failed"},
    ]
    return rng.choice(tricks)

"""Random acts done by the Lua scripts (real Redis) and by `stock.py`, compared at every step."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from flash_sale import stock
from flash_sale.errors import Refused
from flash_sale.orders import ReservationState
from flash_sale.ports import BatchAnswer
from flash_sale.reserve import fingerprint
from flash_sale.sale import Phase as SalePhase
from flash_sale.sale import Sale, Stage
from flash_sale.storage import keys
from flash_sale.storage.redis import RedisStock
from flash_sale.storage.scripts import Scripts, source
from tests.contracts.flash_sale.shop import START_MS, sku
from tests.contracts.flash_sale.spelled import spelled

SALE = "machine"
HOLD_MS, PAY_MS = 330_000, 300_000
USERS = st.sampled_from(["ann", "bob", "cy"])
SKUS = st.sampled_from(["a", "b", "c"])
LINES = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", "a", "b", "x"]), st.sampled_from([1, 1, 1, 2, 3, 0])),
    min_size=1,
    max_size=3,
)
BATCHES = st.lists(st.tuples(USERS, st.integers(1, 6), LINES), min_size=1, max_size=4)
WARES = (
    sku("a", stock=3, per_user=2, cents=100),
    sku("b", stock=1, per_user=0, cents=2_500),
    sku("c", stock=5, per_user=1, cents=999_999_999),
)
PAYMENTS = st.sampled_from(["pay1", "pay2"])


class Machine(RuleBasedStateMachine):
    """One sale, three buyers, three SKUs; the clock moves in the test alone."""

    loop: asyncio.AbstractEventLoop
    redis: Redis
    scripts: RedisStock

    @initialize()
    def open(self) -> None:
        self.now_ms = START_MS
        self.numbers = itertools.count(1)
        self.suffixes: list[str] = ["1-none"]
        counters = {
            w.sku_id: {"i": w.stock, "r": 0, "w": 0, "a": w.stock, "h": 0, "s": 0, "v": 10}
            for w in WARES
        }
        shelves = {
            w.sku_id: stock.Shelf(w.sale_cents, w.per_user, w.stock, w.stock, 10) for w in WARES
        }
        self.book = stock.Book(shelves, HOLD_MS, PAY_MS)
        self.run(self.redis.unlink(*keys.all_of(SALE)))
        assert self.run(self.scripts.begin(_sale(), counters, seq=0, fenced="0"))
        self.stage("start", 1)
        self.now_ms += 1

    def run(self, awaitable):  # type: ignore[no-untyped-def]
        return self.loop.run_until_complete(awaitable)

    # -- acts -----------------------------------------------------------------------------------

    @rule(asked=BATCHES)
    def reserve(self, asked: list[tuple[str, int, list[tuple[str, int]]]]) -> None:
        buys = [
            stock.Buy(user, f"k{key}", fingerprint(lines), f"1-{next(self.numbers)}", tuple(lines))
            for user, key, lines in asked
        ]
        sent = [(b.user_id, b.key, b.fingerprint, b.suffix, b.lines, 0, "") for b in buys]
        answer: BatchAnswer = self.run(self.scripts.reserve(SALE, self.now_ms, sent))
        expected = [spelled(stock.reserve(self.book, buy, self.now_ms)) for buy in buys]
        assert list(answer.answers) == expected
        for sku_id, level in answer.levels.items():
            shelf = self.book.shelves[sku_id]
            assert level == (shelf.available, shelf.version)
        self.suffixes += [b.suffix for b in buys if b.suffix in self.book.reservations]

    @rule(which=st.integers(0, 50), payment_id=PAYMENTS)
    def settle(self, which: int, payment_id: str) -> None:
        suffix = self.suffixes[which % len(self.suffixes)]
        done = self.run(self.scripts.settle(SALE, suffix, payment_id, self.now_ms))
        assert done.outcome == stock.settle(self.book, suffix, payment_id)

    @rule(which=st.integers(0, 50), payment_id=PAYMENTS)
    def reclaim(self, which: int, payment_id: str) -> None:
        suffix = self.suffixes[which % len(self.suffixes)]
        done = self.run(self.scripts.reclaim(SALE, suffix, payment_id, self.now_ms))
        assert done.outcome == stock.reclaim(self.book, suffix, payment_id)

    @rule(
        which=st.lists(st.integers(0, 50), min_size=1, max_size=3),
        into=st.sampled_from([ReservationState.EXPIRED, ReservationState.CANCELLED]),
    )
    def release(self, which: list[int], into: ReservationState) -> None:
        chosen = [self.suffixes[i % len(self.suffixes)] for i in which]
        done = self.run(self.scripts.release(SALE, chosen, into.value, self.now_ms))
        expected = [stock.release(self.book, s, into, self.now_ms) for s in chosen]
        assert list(done.outcomes) == expected

    @rule(which=st.integers(0, 50), rival=USERS, payment_id=PAYMENTS)
    def money_comes_late(self, which: int, rival: str, payment_id: str) -> None:
        """A hold goes back, somebody may take the pieces, then its payment arrives."""
        kept = self.book.reservations
        held = [s for s in kept if kept[s].state is ReservationState.HELD]
        if not held:
            return
        at = held[which % len(held)]
        index = self.suffixes.index(at)
        self.release([index], ReservationState.CANCELLED)
        self.reserve([(rival, next(self.numbers), list(kept[at].lines))])
        self.settle(index, payment_id)
        self.reclaim(index, payment_id)

    @rule(user=USERS, key=st.integers(1, 6), lines=LINES)
    def reserve_twice_at_once(self, user: str, key: int, lines: list[tuple[str, int]]) -> None:
        self.reserve([(user, key, lines), (user, key, lines)])

    @rule(
        which=st.integers(0, 50),
        into=st.sampled_from([ReservationState.EXPIRED, ReservationState.CANCELLED]),
    )
    def release_a_hold(self, which: int, into: ReservationState) -> None:
        kept = self.book.reservations
        held = [s for s in kept if kept[s].state is ReservationState.HELD]
        if held:
            self.release([self.suffixes.index(held[which % len(held)])], into)

    @rule(sku_id=SKUS, above=st.sampled_from([0, 1]))
    def write_off_all_there_is(self, sku_id: str, above: int) -> None:
        qty = self.book.shelves[sku_id].available + above
        self.adjust("write_off", sku_id, qty, next(self.numbers) + 100)

    @rule()
    def sweep(self) -> None:
        due = self.run(self.scripts.due_holds(SALE, self.now_ms, 100))
        overdue = {
            suffix
            for suffix, kept in self.book.reservations.items()
            if kept.state is ReservationState.HELD and kept.expires_ms <= self.now_ms
        }
        assert set(due) == overdue
        if due:
            done = self.run(self.scripts.release(SALE, due, "expired", self.now_ms))
            assert set(done.outcomes) == {"released"}
            for suffix in due:
                stock.release(self.book, suffix, ReservationState.EXPIRED, self.now_ms)

    @rule(
        kind=st.sampled_from(["restock", "write_off"]),
        sku_id=st.sampled_from(["a", "b", "x"]),
        qty=st.sampled_from([1, 2, 0, -1, 1_000_000]),
        key=st.integers(1, 8),
    )
    def adjust(self, kind: str, sku_id: str, qty: int, key: int) -> None:
        expected = stock.adjust(self.book, kind, sku_id, qty, f"adj{key}")
        try:
            level = self.run(
                self.scripts.adjust(
                    SALE,
                    kind,
                    sku_id,
                    qty,
                    key=f"adj{key}",
                    actor="host",
                    reason="",
                    now_ms=self.now_ms,
                )
            )
            answered = ("done", *level)
        except Refused as refusal:
            answered = (refusal.code, 0, 0)
        assert answered == expected

    @rule(act=st.sampled_from(["preheat", "start", "stop"]), chance=st.integers(0, 9))
    def change_stage(self, act: str, chance: int) -> None:
        if act != "stop" or chance == 0:  # a stopped sale has little left to say
            self.stage(act, 1000)

    @rule(ms=st.sampled_from([1, 1000, 60_000, HOLD_MS]))
    def wait(self, ms: int) -> None:
        self.now_ms += ms

    @rule(before_ms=st.sampled_from([0, 1]), user=USERS, at_end=st.sampled_from([True, False]))
    def buy_at_the_edge(self, before_ms: int, user: str, at_end: bool) -> None:
        """In the first and last millisecond of the window, and just outside."""
        edge_ms = (self.book.end_ms if at_end else self.book.start_ms) - before_ms
        if edge_ms >= self.now_ms:
            self.now_ms = edge_ms
            self.reserve([(user, next(self.numbers), [("c", 1)])])

    def stage(self, act: str, countdown_ms: int) -> None:
        timing = {"countdown_ms": countdown_ms, "duration_ms": 5_000_000, "now_ms": self.now_ms}
        expected = stock.change_stage(self.book, act, **timing)
        try:
            change = self.run(self.scripts.change_stage(SALE, act, **timing))
            answered = "done"
            window = (self.book.start_ms, self.book.end_ms)
            assert (change.stage, change.start_ms or 0, change.end_ms or 0) == (
                self.book.stage,
                *window,
            )
        except Refused as refusal:
            answered = refusal.code
        assert answered == expected

    # -- what must hold at every step -----------------------------------------------------------

    @invariant()
    def same_state(self) -> None:
        if not hasattr(self, "book"):
            return
        snapshot = self.run(self.scripts.snapshot(SALE))
        entries = self.run(self.scripts.entries_after(SALE, 0, 10_000))
        for sku_id, shelf in self.book.shelves.items():
            row = snapshot.counters[sku_id]
            assert row == {
                "i": shelf.initial,
                "r": shelf.restocked,
                "w": shelf.written_off,
                "a": shelf.available,
                "h": shelf.held,
                "s": shelf.sold,
                "v": shelf.version,
            }
            # I1, I2: never below zero, and every piece is somewhere.
            assert row["a"] >= 0
            assert row["i"] + row["r"] - row["w"] == row["a"] + row["h"] + row["s"]
        records = {record.suffix: record for record in snapshot.reservations}
        assert {s: r.state for s, r in records.items()} == {
            s: k.state for s, k in self.book.reservations.items()
        }
        # I5: the count per person is what the person holds and has paid.
        owned: Counter[str] = Counter()
        for record in records.values():
            if record.state in (ReservationState.HELD, ReservationState.PAID):
                for line in record.lines:
                    owned[f"{record.user_id}:{line.sku_id}"] += line.qty
        assert snapshot.counts == dict(owned)
        for ware in WARES:
            mine = [n for field, n in owned.items() if field.endswith(f":{ware.sku_id}")]
            assert all(n <= ware.per_user for n in mine if ware.per_user)
        held = sum(r.state is ReservationState.HELD for r in records.values())
        assert snapshot.holds == held
        # Every change is in the journal, in order, without a gap.
        assert [entry.kind for entry in entries] == self.book.journal
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))


def _sale() -> Sale:
    return Sale(
        sale_id=SALE,
        number=1,
        room_id="room1",
        stage=Stage.DRAFT,
        start_ms=None,
        end_ms=None,
        duration_s=10_000,
        hold_s=HOLD_MS // 1000,
        pay_s=PAY_MS // 1000,
        currency="CNY",
        generation=1,
        created_ms=START_MS,
        announced=SalePhase.DRAFT,
        skus=WARES,
    )


def run_machine(
    redis_url: str,
    *,
    examples: int,
    steps: int,
    phases: tuple[Phase, ...],
    source_of: Callable[[str], str] = source,
) -> None:
    loop = asyncio.new_event_loop()
    redis = Redis.from_url(redis_url)
    stock_store = RedisStock(redis, Scripts(redis, source_of=source_of))
    parts = {"loop": loop, "redis": redis, "scripts": stock_store}
    try:
        run_state_machine_as_test(
            type("TheMachine", (Machine,), parts),
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                phases=phases,
                report_multiple_bugs=False,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.run_until_complete(redis.aclose())
        loop.close()

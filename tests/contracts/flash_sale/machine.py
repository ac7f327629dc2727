"""Random acts done by the Lua scripts (real Redis) and by `stock.py`, compared at every step."""

from __future__ import annotations

import asyncio
import itertools

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)
from redis.asyncio import Redis

from flash_sale import stock
from flash_sale.channels import LIVE, Cell
from flash_sale.errors import Refused
from flash_sale.orders import ReservationState
from flash_sale.ports import Ask, BatchAnswer, Buy, Transfer
from flash_sale.reserve import fingerprint
from flash_sale.shelves import Pieces, Shelf
from flash_sale.storage import keys
from flash_sale.storage.redis import RedisStock
from tests.contracts.flash_sale.compare import (
    a_draft,
    as_sent,
    compare_counters,
    compare_journalled,
    compare_records,
)
from tests.contracts.flash_sale.shop import START_MS, sku

SALE = "machine"
HOLD_MS, PAY_MS = 330_000, 300_000
USERS = st.sampled_from(["ann", "bob", "cy"])
SKUS = st.sampled_from(["a", "b", "c"])
LINES = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", "a", "b", "x"]), st.sampled_from([1, 1, 1, 2, 3, 0])),
    min_size=1,
    max_size=3,
)
CHANNELS = st.sampled_from([LIVE, LIVE, LIVE, "shop", "dist"])
MAY = st.sampled_from([True, True, True, True, True, False])
BATCHES = st.lists(
    st.tuples(USERS, st.integers(1, 6), LINES, CHANNELS, MAY), min_size=1, max_size=4
)
FREEZE_MS = 120_000
NEWEST = 8  # journalled facts that are looked at after each step; no step makes more
ENDS = ["paid", "late", "frozen"]
KINDS = ["restock"] * 4 + ["write_off"]
WARES = (
    sku("a", stock=3, per_user=2, cents=100),
    sku("b", stock=1, per_user=0, cents=2_500),
    sku("c", stock=5, per_user=1, cents=999_999_999, channels={"shop": 2}),
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
        self.told: dict[str, bytes] = {}
        none = {"r": 0, "w": 0, "t": 0, "h": 0, "s": 0, "v": 10}
        counters = {
            Cell(w.sku_id, channel): {"i": n, "a": n, **none}
            for w in WARES
            for channel, n in w.shares.items()
        }
        shelves = {
            w.sku_id: Shelf(
                w.sale_cents,
                w.per_user,
                {channel: Pieces(n, n, 10) for channel, n in w.shares.items()},
            )
            for w in WARES
        }
        self.book = stock.Book(shelves, HOLD_MS, PAY_MS)
        self.run(self.redis.unlink(*keys.all_of(SALE)))
        assert self.run(
            self.scripts.begin(a_draft(SALE, WARES, HOLD_MS, PAY_MS), counters, seq=0, fenced="0")
        )
        self.stage("start", 1)
        self.now_ms += 1

    def run(self, awaitable):  # type: ignore[no-untyped-def]
        return self.loop.run_until_complete(awaitable)

    # -- acts -----------------------------------------------------------------------------------

    @rule(asked=BATCHES)
    def reserve(self, asked: list[tuple[str, int, list[tuple[str, int]], str, bool]]) -> None:
        buys = [
            stock.Buy(
                user,
                f"k{key}",
                fingerprint(lines, channel),
                f"1-{next(self.numbers)}",
                tuple(lines),
                channel,
                may,
            )
            for user, key, lines, channel, may in asked
        ]
        sent = [
            Buy(
                b.user_id,
                b.key,
                b.suffix,
                Ask(b.fingerprint, b.lines, b.channel),
                int(b.eligible),
            )
            for b in buys
        ]
        answer: BatchAnswer = self.run(self.scripts.reserve(SALE, self.now_ms, sent))
        expected = [as_sent(stock.reserve(self.book, buy, self.now_ms)) for buy in buys]
        assert list(answer.answers) == expected
        self.told |= {buy.suffix: told for buy, told in zip(buys, expected, strict=True)}
        for sku_id, level in answer.levels.items():
            cell = self.book.shelves[sku_id].cells[LIVE]
            assert level == (cell.available, cell.version)
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
        wish = (list(kept[at].lines), kept[at].channel, True)
        self.reserve([(rival, next(self.numbers), *wish)])
        self.settle(index, payment_id)
        self.reclaim(index, payment_id)

    @rule(user=USERS, key=st.integers(1, 6), lines=LINES, channel=CHANNELS)
    def reserve_twice_at_once(
        self, user: str, key: int, lines: list[tuple[str, int]], channel: str
    ) -> None:
        self.reserve([(user, key, lines, channel, True)] * 2)

    @rule(user=USERS, times=st.integers(1, 3), channel=CHANNELS)
    def ask_again_with_new_keys(self, user: str, times: int, channel: str) -> None:
        """At the limit the hold is given again; after it ended it is not."""
        keys_of = [next(self.numbers) for _ in range(times)]
        self.reserve([(user, key, [("c", 1)], channel, True) for key in keys_of])
        self.reserve([(user, key, [("c", 1)], channel, True) for key in keys_of])

    @rule(which=st.integers(0, 50))
    def freeze(self, which: int) -> None:
        self.freeze_one(self.suffixes[which % len(self.suffixes)])

    @rule(which=st.integers(0, 50), before_ms=st.sampled_from([0, 1, 1000]))
    def freeze_near_the_end(self, which: int, before_ms: int) -> None:
        """A payment begins when little is left of its window; twice, and once more later."""
        kept = self.book.reservations
        held = [s for s in kept if kept[s].state is ReservationState.HELD]
        if held:
            at = held[which % len(held)]
            self.now_ms = max(self.now_ms, kept[at].pay_by_ms - before_ms - 1)
            was_due_ms = kept[at].expires_ms
            self.freeze_one(at)
            self.now_ms += 1
            self.freeze_one(at)
            self.now_ms = max(self.now_ms, was_due_ms)
            self.sweep()

    @rule(user=USERS, channel=CHANNELS, payment_id=PAYMENTS, end=st.sampled_from(ENDS))
    def buy_to_the_limit_and_ask_again(
        self, user: str, channel: str, payment_id: str, end: str
    ) -> None:
        """Held and asked again, then paid in time or late, and asked once more."""
        wish = ([("c", 1)], channel, True)
        self.reserve([(user, next(self.numbers), *wish)])
        self.reserve([(user, next(self.numbers), *wish)])
        newest = len(self.suffixes) - 1
        if end == "frozen":
            self.freeze_one(self.suffixes[newest])
            return
        if end == "late":
            self.release([newest], ReservationState.CANCELLED)
            self.reclaim(newest, payment_id)
        self.settle(newest, payment_id)
        self.reserve([(user, next(self.numbers), *wish)])

    def freeze_one(self, suffix: str) -> None:
        done = self.run(self.scripts.freeze(SALE, suffix, FREEZE_MS, self.now_ms))
        assert done.outcome == stock.freeze(self.book, suffix, FREEZE_MS, self.now_ms)
        kept = self.book.reservations.get(suffix)
        if kept is not None:
            assert done.reservation.expires_ms == kept.expires_ms
            assert kept.expires_ms <= kept.created_ms + HOLD_MS + FREEZE_MS

    @rule(
        sku_id=st.sampled_from(["a", "b", "c", "x"]),
        qty=st.sampled_from([1, 1, 2, 3, 0]),
        way=st.tuples(CHANNELS, st.sampled_from([LIVE, "shop", "dist"])),
        key=st.integers(1, 8),
    )
    def transfer(self, sku_id: str, qty: int, way: tuple[str, str], key: int) -> None:
        expected = stock.transfer(self.book, sku_id, qty, *way, f"adj{key}")
        ask = Transfer(sku_id, qty, *way, key=f"adj{key}", actor="host")
        try:
            levels = self.run(self.scripts.transfer(SALE, ask, self.now_ms))
            answered = ("done", (*levels[0], *levels[1]))
        except Refused as refusal:
            answered = (refusal.code, (0, 0, 0, 0))
        assert answered == expected

    @rule(sku_id=SKUS, above=st.sampled_from([0, 1]))
    def transfer_all_there_is(self, sku_id: str, above: int) -> None:
        qty = self.book.shelves[sku_id].cells[LIVE].available + above
        key = next(self.numbers) + 100
        self.transfer(sku_id, qty, (LIVE, "shop"), key)
        self.transfer(sku_id, qty, (LIVE, "shop"), key)

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
        qty = self.book.shelves[sku_id].cells[LIVE].available + above
        self.adjust("write_off", sku_id, qty, next(self.numbers) + 100, LIVE)

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
        channel=CHANNELS,
    )
    def adjust(
        self, kind: str, sku_id: str, qty: int, key: int, channel: str, suffix: str = ""
    ) -> None:
        expected = stock.adjust(self.book, kind, sku_id, qty, f"adj{key}", channel, suffix)
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
                    channel=channel,
                    suffix=suffix,
                )
            )
            answered = ("done", *level)
        except Refused as refusal:
            answered = (refusal.code, 0, 0)
        assert answered == expected

    @rule(which=st.integers(0, 50), user=USERS, kind=st.sampled_from(KINDS))
    def give_back(self, which: int, user: str, kind: str) -> None:
        """Pieces of an order, mostly a new and paid one, come back, repeated and again."""
        self.reserve([(user, next(self.numbers), [("a", 2)], LIVE, True)])
        at = len(self.suffixes) - 1 if which % 2 else which % len(self.suffixes)
        if which % 4:
            self.settle(at, "pay1")
        for key in (next(self.numbers) + 100, 99, next(self.numbers) + 100):
            self.adjust(kind, "a", 1, key, "dist", self.suffixes[at])

    @rule(
        act=st.sampled_from(["preheat", "start", "stop", "pause", "resume", "resume", "resume"]),
        chance=st.integers(0, 9),
    )
    def change_stage(self, act: str, chance: int) -> None:
        if act != "stop" or chance == 0:  # a stopped sale has little left to say
            self.stage(act, 1000)

    @rule(chance=st.integers(0, 4))
    def stop_while_paused(self, chance: int) -> None:
        if chance == 0:
            self.stage("pause", 0)
            self.stage("stop", 0)

    @rule(ms=st.sampled_from([1, 1000, 60_000, HOLD_MS]))
    def wait(self, ms: int) -> None:
        self.now_ms += ms

    @rule(before_ms=st.sampled_from([0, 1]), user=USERS, at_end=st.sampled_from([True, False]))
    def buy_at_the_edge(self, before_ms: int, user: str, at_end: bool) -> None:
        """In the first and last millisecond of the window, and just outside."""
        edge_ms = (self.book.end_ms if at_end else self.book.start_ms) - before_ms
        if edge_ms >= self.now_ms:
            self.now_ms = edge_ms
            self.reserve([(user, next(self.numbers), [("c", 1)], LIVE, True)])

    def stage(self, act: str, countdown_ms: int) -> None:
        timing = {"countdown_ms": countdown_ms, "duration_ms": 5_000_000, "now_ms": self.now_ms}
        expected = stock.change_stage(self.book, act, **timing)
        try:
            change = self.run(self.scripts.change_stage(SALE, act, **timing))
            answered = "done"
            window = (self.book.start_ms, self.book.end_ms)
            assert (change.stage, change.start_ms or 0, change.end_ms or 0, change.paused) == (
                self.book.stage,
                *window,
                self.book.paused,
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
        compare_counters(self.book, snapshot)
        records = compare_records(
            self.book, snapshot, {ware.sku_id: ware.per_user for ware in WARES}
        )
        # Every change is in the journal, in order, without a gap.
        entries = self.run(self.scripts.entries_after(SALE, 0, 10_000))
        assert [entry.kind for entry in entries] == self.book.journal
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        for entry in entries[-NEWEST:]:
            if entry.reservation is not None:
                compare_journalled(self.book, entry, self.told)
                assert records[entry.reservation.suffix].journal_seq >= entry.seq

"""`serving.lua` does what `waitlist.py` says, and a comparison that passes means something."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test
from redis.asyncio import Redis

from flash_sale import stock, waitlist
from flash_sale.errors import Refused
from flash_sale.orders import ReservationState
from flash_sale.reserve import fingerprint
from flash_sale.storage import keys
from flash_sale.storage.redis import RedisStock
from flash_sale.storage.scripts import Scripts, source
from flash_sale.storage.waitlist_redis import RedisWaitlist
from tests.contracts.flash_sale.machine import SALE, SKUS, USERS, Machine

WAITERS = st.one_of(USERS, st.sampled_from(["dan", "eve", "flo"]))
BACK = st.sampled_from([ReservationState.EXPIRED, ReservationState.CANCELLED])


class WaitingMachine(Machine):
    """The machine of buying, with people waiting for what comes back."""

    lists: RedisWaitlist

    @initialize()
    def open(self) -> None:
        self.list = waitlist.Waitlist()
        self.run(self.redis.unlink(*keys.waitlist_of(SALE)))
        super().open()

    @rule(user=WAITERS, sku_id=st.sampled_from(["a", "b", "c", "x"]), qty=st.integers(1, 3))
    def wait_for(self, user: str, sku_id: str, qty: int) -> None:
        number = next(self.numbers)
        mark = fingerprint([(sku_id, qty)])
        waiter = waitlist.Waiter(user, sku_id, qty, f"1-w{number}", f"wait{number}", mark)
        outcome, place = self.run(
            self.lists.join(
                SALE,
                user,
                sku_id,
                qty,
                suffix=waiter.suffix,
                key=waiter.key,
                fingerprint=mark,
                now_ms=self.now_ms,
            )
        )
        assert outcome == waitlist.join(self.book, self.list, waiter, self.now_ms)
        if outcome == "waiting":
            people = [one.user_id for one in self.list.of(sku_id)]
            assert place == people.index(user)

    @rule(
        sku_id=SKUS,
        waiting=st.lists(st.tuples(WAITERS, st.integers(1, 3)), min_size=1, max_size=3),
        into=BACK,
        pieces=st.integers(1, 3),
        at_end=st.sampled_from([False, False, False, True]),
        spare=st.sampled_from([0, 0, 1]),
    )
    def sell_out_and_return(
        self,
        sku_id: str,
        waiting: list[tuple[str, int]],
        into: ReservationState,
        pieces: int,
        at_end: bool,
        spare: int,
    ) -> None:
        """What random acts seldom reach: nothing left, people waiting, and pieces come back."""
        for _ in range(self.book.shelves[sku_id].cells["live"].available - spare):
            number = next(self.numbers)
            self.reserve([(f"rival{number}", number, [(sku_id, 1)], "live", True)])
        for user, qty in waiting:
            self.wait_for(user, sku_id, max(qty, spare + 1))
        if spare:  # who waits for two may still buy the one there is, and then may not have two
            self.reserve([(waiting[0][0], next(self.numbers), [(sku_id, 1)], "live", True)])
        if at_end and self.book.stage == "scheduled":
            self.now_ms = max(self.now_ms, self.book.end_ms)
        back = [
            self.suffixes.index(suffix)
            for suffix, kept in self.book.reservations.items()
            if kept.state is ReservationState.HELD and sku_id in dict(kept.lines)
        ]
        if back:
            self.release(back[:pieces], into)
        else:
            self.restock(sku_id, pieces, next(self.numbers) + 1000)

    @rule(user=WAITERS, into=BACK)
    def wait_for_two_and_buy_one(self, user: str, into: ReservationState) -> None:
        """With a limit of two, what comes back must pass this person by."""
        if self.book.counts.get((user, "a"), 0) == 0:
            self.restock("a", 3, next(self.numbers) + 1000)
            self.sell_out_and_return("a", [(user, 2)], into, pieces=3, at_end=False, spare=1)

    @rule(user=WAITERS, sku_id=SKUS)
    def stop_waiting(self, user: str, sku_id: str) -> None:
        left = self.run(self.lists.leave(SALE, user, sku_id))
        assert left == waitlist.leave(self.list, user, sku_id)

    @rule(which=st.lists(st.integers(0, 50), min_size=1, max_size=3), into=BACK)
    def release(self, which: list[int], into: ReservationState) -> None:
        before = {sku: shelf.cells["live"].version for sku, shelf in self.book.shelves.items()}
        super().release(which, into)
        self._served(before)

    @rule()
    def sweep(self) -> None:
        before = {sku: shelf.cells["live"].version for sku, shelf in self.book.shelves.items()}
        super().sweep()
        self._served(before)

    @rule(sku_id=SKUS, qty=st.sampled_from([1, 2, 5]), number=st.integers(100, 999))
    def restock(self, sku_id: str, qty: int, number: int) -> None:
        key = f"more{number}"
        known = key in self.book.acts
        outcome, left, v = stock.adjust(self.book, "restock", sku_id, qty, key)
        if outcome == "done" and not known:
            waitlist.serve(self.book, self.list, [sku_id], self.now_ms)
            cell = self.book.shelves[sku_id].cells["live"]
            left, v = cell.available, cell.version
            self.book.acts[key] = (("restock", sku_id, "live", qty), (left, v))
        try:
            level = self.run(self._restock(sku_id, qty, key))
            answered = ("done", *level)
        except Refused as refusal:
            answered = (refusal.code, 0, 0)
        assert answered == (outcome, left, v)
        self._keep_suffixes()

    def adjust(
        self, kind: str, sku_id: str, qty: int, key: int, channel: str, suffix: str = ""
    ) -> None:
        if kind == "write_off" or channel != "live":  # live restocks serve: see above
            super().adjust(kind, sku_id, qty, key, channel, suffix)

    def transfer(self, sku_id: str, qty: int, way: tuple[str, str], key: int) -> None:
        if way[1] != "live":  # what comes to the live room serves: tested over the whole shop
            super().transfer(sku_id, qty, way, key)

    @rule()
    def look_after(self) -> None:
        """Serving again, with nothing given back, finds nothing left to do."""
        served = self.run(self.lists.serve(SALE, list(self.book.shelves), self.now_ms))
        waitlist.serve(self.book, self.list, self.book.shelves, self.now_ms)
        assert served is not None

    @invariant()
    def the_lists_are_equal(self) -> None:
        if not hasattr(self, "list"):
            return
        for sku_id in self.book.shelves:
            people = self.list.of(sku_id)
            lengths = self.run(self.lists.lengths(SALE, [sku_id]))
            assert lengths == {sku_id: len(people)}
            for at, one in enumerate(people):
                standing = self.run(self.lists.standing(SALE, one.user_id, [sku_id]))
                assert standing == {sku_id: (one.qty, at)}
        told = self.run(self.lists.offers(SALE))
        assert {s: (t.outcome, t.user_id) for s, t in told.items()} == {
            s: (outcome, one.user_id) for s, (outcome, one) in self.list.turns.items()
        }

    def _served(self, before: dict[str, int]) -> None:
        moved = [
            s for s, shelf in self.book.shelves.items() if shelf.cells["live"].version != before[s]
        ]
        waitlist.serve(self.book, self.list, moved, self.now_ms)
        self._keep_suffixes()

    def _keep_suffixes(self) -> None:
        self.suffixes += [s for s in self.book.reservations if s not in self.suffixes]

    async def _restock(self, sku_id: str, qty: int, key: str) -> tuple[int, int]:
        return await self.scripts.adjust(
            SALE, "restock", sku_id, qty, key=key, actor="host", reason="", now_ms=self.now_ms
        )


def run_waiting(
    redis_url: str, source_of: Callable[[str], str] = source, examples: int = 60
) -> None:
    loop = asyncio.new_event_loop()
    redis = Redis.from_url(redis_url)
    scripts = Scripts(redis, source_of=source_of)
    parts = {
        "loop": loop,
        "redis": redis,
        "scripts": RedisStock(redis, scripts),
        "lists": RedisWaitlist(redis, scripts),
    }
    try:
        run_state_machine_as_test(
            type("TheMachine", (WaitingMachine,), parts),
            settings=settings(
                max_examples=examples,
                stateful_step_count=40,
                phases=(Phase.generate,),
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.run_until_complete(redis.aclose())
        loop.close()


def test_the_scripts_serve_as_the_specification_says(redis_url: str) -> None:
    """Who is offered what, in which order, with counters, records and journal equal."""
    run_waiting(redis_url)


# It ends with the first example that shows the fault. How soon that is depends on what else was
# imported: Hypothesis also draws from the constants of loaded modules.
FAULT_EXAMPLES_MAX = 3_000
MUTANTS = {
    "the limit is not looked at": (
        "if limit > 0 and count + waiter[1] > limit then",
        "if false then",
    ),
    "the last piece is not offered": (
        "elseif waiter[1] <= left then",
        "elseif waiter[1] < left then",
    ),
    "one piece too many is offered": (
        "elseif waiter[1] <= left then",
        "elseif waiter[1] <= left + 1 then",
    ),
    "who was offered stays in line": ("call('HDEL', WAITERS,", "call('HEXISTS', WAITERS,"),
    "offers are not counted": ("call('HINCRBY', KEYS[4], user .. ':' .. sku, whole(qty))", ""),
    "offers never lapse": ("call('ZADD', KEYS[5], whole(expires), id)", ""),
    "the version stands still": ("add('v', sku, 1)", ""),
    "it is served past the end": ("or now >= tonumber(sale[3]) then return end", "then return end"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_comparison_notices(redis_url: str, name: str) -> None:
    """A wrong `serving.lua` does not pass."""
    right, wrong = MUTANTS[name]

    def broken(script: str) -> str:
        text = source(script)
        at = text.find("-- serving.lua")
        assert at < 0 or right in text[at:]
        return text if at < 0 else text[:at] + text[at:].replace(right, wrong)

    with pytest.raises(BaseException):  # noqa: B017 - whatever it breaks first
        run_waiting(redis_url, broken, examples=FAULT_EXAMPLES_MAX)

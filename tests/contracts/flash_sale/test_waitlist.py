"""What comes back goes to those who wait: as specified, once each, in order, and told."""

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
from tests.contracts.flash_sale.shop import ROOM, Shop, sku

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
        for _ in range(self.book.shelves[sku_id].available - spare):
            number = next(self.numbers)
            self.reserve([(f"rival{number}", number, [(sku_id, 1)])])
        for user, qty in waiting:
            self.wait_for(user, sku_id, max(qty, spare + 1))
        if spare:  # who waits for two may still buy the one there is, and then may not have two
            self.reserve([(waiting[0][0], next(self.numbers), [(sku_id, 1)])])
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
        before = {sku: shelf.version for sku, shelf in self.book.shelves.items()}
        super().release(which, into)
        self._served(before)

    @rule()
    def sweep(self) -> None:
        before = {sku: shelf.version for sku, shelf in self.book.shelves.items()}
        super().sweep()
        self._served(before)

    @rule(sku_id=SKUS, qty=st.sampled_from([1, 2, 5]), number=st.integers(100, 999))
    def restock(self, sku_id: str, qty: int, number: int) -> None:
        key = f"more{number}"
        known = key in self.book.adjustments
        outcome, left, v = stock.adjust(self.book, "restock", sku_id, qty, key)
        if outcome == "done" and not known:
            waitlist.serve(self.book, self.list, [sku_id], self.now_ms)
            left, v = self.book.shelves[sku_id].available, self.book.shelves[sku_id].version
            self.book.adjustments[key] = (("restock", sku_id, qty), left, v)
        try:
            level = self.run(self._restock(sku_id, qty, key))
            answered = ("done", *level)
        except Refused as refusal:
            answered = (refusal.code, 0, 0)
        assert answered == (outcome, left, v)
        self._keep_suffixes()

    def adjust(self, kind: str, sku_id: str, qty: int, key: int) -> None:
        if kind == "write_off":
            super().adjust(kind, sku_id, qty, key)

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
        moved = [s for s, shelf in self.book.shelves.items() if shelf.version != before[s]]
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
        run_waiting(redis_url, broken, examples=60)


# -- over the whole shop ----------------------------------------------------------------------


async def sold_out(shop: Shop, *, stock: int = 1, hold_s: int = 330) -> list[str]:
    await shop.open_sale(stock=stock, per_user=1, hold_s=hold_s)
    return [await shop.hold(f"first{n}") for n in range(stock)]


async def test_a_lapsed_hold_is_offered_to_the_next_as_a_payable_order(shop: Shop) -> None:
    """In the same act, with a deadline of its own; told with the order; paid like any other."""
    await sold_out(shop, hold_s=60)
    assert await shop.sale.offers.join("s1", "ann", "a", 1) == 0
    assert await shop.sale.offers.join("s1", "bob", "a", 1) == 1
    offered: list[tuple[str, str, str, dict[str, object]]] = []
    shop.sale.hooks.on_offer = lambda *turn: offered.append(turn)
    shop.stock_seen.clear()
    shop.now_ms += 60_000
    assert await shop.sale.sweeper.step() == 1
    assert [levels["a"].left for levels in shop.stock_seen] == [0], "never shown as back"
    assert await shop.sale.offers.tell("s1") == 1
    ((room_id, user_id, outcome, about),) = offered
    assert (room_id, user_id, outcome) == (ROOM, "ann", "offered")
    order = about["order"]
    assert isinstance(order, dict)
    assert order["expires_ms"] == shop.now_ms + 60_000
    await shop.drain()
    payment_id = await shop.begin(order["order_id"], "ann")
    assert (await shop.callback(payment_id, order["order_id"])).status == "paid"
    assert await shop.pieces() == (0, 0, 1)


async def test_an_offer_that_lapses_goes_to_the_one_after(shop: Shop) -> None:
    await sold_out(shop, hold_s=60)
    for user in ("ann", "bob"):
        await shop.sale.offers.join("s1", user, "a", 1)
    holders = []
    shop.sale.hooks.on_offer = lambda room, user, outcome, about: holders.append(user)
    for _ in range(3):
        shop.now_ms += 60_000
        await shop.sale.sweeper.step()
        await shop.sale.offers.tell("s1")
    assert holders == ["ann", "bob"]
    assert await shop.pieces() == (1, 0, 0), "nobody waits any more: it is for everybody"


async def test_who_may_not_have_it_any_more_is_passed_over_and_told(shop: Shop) -> None:
    """Ann waited for two, bought one meanwhile, and may have two at most: it is Bob's turn."""
    await shop.open_sale(skus=(sku("a", stock=3, per_user=2),))
    orders = [await shop.hold(f"first{n}") for n in range(2)]
    await shop.sale.offers.join("s1", "ann", "a", 2)
    await shop.hold("ann")
    await shop.sale.offers.join("s1", "bob", "a", 1)
    turns = []
    shop.sale.hooks.on_offer = lambda room, user, outcome, about: turns.append((user, outcome))
    for n, order_id in enumerate(orders):
        await shop.sale.checkout.cancel(order_id, f"first{n}", shop.now_ms)
    await shop.sale.offers.tell("s1")
    assert sorted(turns) == [("ann", "limit_reached"), ("bob", "offered")]
    assert await shop.sale.offers.standing("s1", "ann") == []
    assert await shop.pieces() == (1, 2, 0)


async def test_who_wants_more_than_there_is_keeps_the_place(shop: Shop) -> None:
    """And the piece goes to the next, so that nothing is kept back."""
    await shop.open_sale(stock=2)
    orders = [await shop.hold(f"first{n}") for n in range(2)]
    await shop.sale.offers.join("s1", "ann", "a", 2)
    await shop.sale.offers.join("s1", "bob", "a", 1)
    turns = []
    shop.sale.hooks.on_offer = lambda room, user, outcome, about: turns.append((user, outcome))
    await shop.sale.checkout.cancel(orders[0], "first0", shop.now_ms)
    await shop.sale.offers.tell("s1")
    assert turns == [("bob", "offered")]
    assert await shop.sale.offers.standing("s1", "ann") == [{"sku_id": "a", "qty": 2, "ahead": 0}]
    await shop.sale.desk.restock("s1", "a", 2, actor="host")
    await shop.sale.offers.tell("s1")
    assert turns[1:] == [("ann", "offered")]


@pytest.mark.parametrize("seed", range(3))
async def test_many_returns_at_once_skip_and_double_nobody(shop: Shop, seed: int) -> None:
    """30 holds given back by three workers at once, 40 people waiting: the first 30 get one."""
    orders = await sold_out(shop, stock=30)
    people = [f"w{n}" for n in range(40)]
    for user in people:
        await shop.sale.offers.join("s1", user, "a", 1)
    workers = [shop, shop.another_worker(), shop.another_worker()]
    offered: list[str] = []
    for worker in workers:
        worker.sale.hooks.on_offer = lambda room, user, outcome, about: offered.append(user)
    acts = [
        workers[(n * (seed + 1)) % 3].sale.checkout.cancel(order_id, f"first{n}", shop.now_ms)
        for n, order_id in enumerate(orders)
    ]
    rivals = [shop.buy(f"rival{n}") for n in range(30)]
    answers = await asyncio.gather(*acts, *rivals)
    assert {answer.code for answer in answers[30:]} == {"sold_out"}  # type: ignore[union-attr]
    while await shop.sale.offers.tell("s1"):
        pass
    assert sorted(set(offered)) == sorted(people[:30])
    assert await shop.pieces() == (0, 30, 0)
    await shop.drain()
    for user in people[:30]:
        assert len(await shop.sale.checkout.orders(user)) == 1
    for worker in workers[1:]:
        await worker.sale.close()


async def test_a_list_survives_the_death_of_its_worker_between_offer_and_word(shop: Shop) -> None:
    """The offer is in Redis: whoever holds the lease next tells it, and the order is there."""
    (order_id,) = await sold_out(shop)
    await shop.sale.offers.join("s1", "ann", "a", 1)
    await shop.sale.checkout.cancel(order_id, "first0", shop.now_ms)
    heir = shop.another_worker()
    told: list[str] = []
    heir.sale.hooks.on_offer = lambda room, user, outcome, about: told.append(user)
    assert await heir.sale.offers.step() == 1
    assert await heir.sale.offers.step() == 0
    assert told == ["ann"]
    await heir.drain()
    assert [o["status"] for o in await heir.sale.checkout.orders("ann")] == ["placed"]


async def test_the_list_is_served_after_the_sale_was_rebuilt(shop: Shop) -> None:
    """What Redis lost of the sale comes back from SQL, and with it what the list can have."""
    (order_id,) = await sold_out(shop)
    await shop.sale.offers.join("s1", "ann", "a", 1)
    await shop.redis.delete(*keys.all_of("s1"))  # never written to SQL: the hold is lost
    assert await shop.sale.recovery.step() == 1
    assert await shop.sale.offers.step() == 1
    assert (await shop.pieces())[1] == 1
    assert order_id


async def test_joining_and_leaving(shop: Shop) -> None:
    """Only what is sold out is waited for; twice is once; leaving frees the place."""
    await shop.open_sale(stock=1, per_user=1)
    with pytest.raises(Refused, match="conflict"):
        await shop.sale.offers.join("s1", "ann", "a", 1)
    await shop.hold("first")
    with pytest.raises(Refused, match="limit_reached"):
        await shop.sale.offers.join("s1", "first", "a", 1)
    assert [await shop.sale.offers.join("s1", "ann", "a", 1) for _ in range(2)] == [0, 0]
    assert await shop.sale.offers.join("s1", "bob", "a", 1) == 1
    assert await shop.sale.offers.leave("s1", "ann", "a")
    assert not await shop.sale.offers.leave("s1", "ann", "a")
    assert await shop.sale.offers.standing("s1", "bob") == [{"sku_id": "a", "qty": 1, "ahead": 0}]
    await shop.sale.desk.stop("s1")
    await shop.sale.offers.step()
    assert await shop.sale.offers.lengths("s1") == {"a": 0}
    with pytest.raises(Refused, match="ended"):
        await shop.sale.offers.join("s1", "ann", "a", 1)

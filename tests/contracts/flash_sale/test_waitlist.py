"""What comes back goes to those who wait: once each, in order, and told."""

from __future__ import annotations

import asyncio

import pytest

from flash_sale.eligibility import Buyer
from flash_sale.errors import Refused
from flash_sale.storage import keys
from tests.contracts.flash_sale.shop import ROOM, Shop, sku


async def sold_out(shop: Shop, *, stock: int = 1, hold_s: int = 330) -> list[str]:
    await shop.open_sale(stock=stock, per_user=1, hold_s=hold_s)
    return [await shop.hold(f"first{n}") for n in range(stock)]


async def test_a_lapsed_hold_is_offered_to_the_next_as_a_payable_order(shop: Shop) -> None:
    """In the same act, with a deadline of its own; told with the order; paid like any other."""
    await sold_out(shop, hold_s=60)
    assert await shop.sale.offers.join("s1", Buyer("ann"), "a", 1) == 0
    assert await shop.sale.offers.join("s1", Buyer("bob"), "a", 1) == 1
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
        await shop.sale.offers.join("s1", Buyer(user), "a", 1)
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
    await shop.sale.offers.join("s1", Buyer("ann"), "a", 2)
    await shop.hold("ann")
    await shop.sale.offers.join("s1", Buyer("bob"), "a", 1)
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
    await shop.sale.offers.join("s1", Buyer("ann"), "a", 2)
    await shop.sale.offers.join("s1", Buyer("bob"), "a", 1)
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
        await shop.sale.offers.join("s1", Buyer(user), "a", 1)
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
    await shop.sale.offers.join("s1", Buyer("ann"), "a", 1)
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
    await shop.sale.offers.join("s1", Buyer("ann"), "a", 1)
    await shop.redis.delete(*keys.all_of("s1"))  # never written to SQL: the hold is lost
    assert await shop.sale.recovery.step() == 1
    assert await shop.sale.offers.step() == 1
    assert (await shop.pieces())[1] == 1
    assert order_id


async def test_joining_and_leaving(shop: Shop) -> None:
    """Only what is sold out is waited for; twice is once; leaving frees the place."""
    await shop.open_sale(stock=1, per_user=1)
    with pytest.raises(Refused, match="conflict"):
        await shop.sale.offers.join("s1", Buyer("ann"), "a", 1)
    await shop.hold("first")
    with pytest.raises(Refused, match="limit_reached"):
        await shop.sale.offers.join("s1", Buyer("first"), "a", 1)
    assert [await shop.sale.offers.join("s1", Buyer("ann"), "a", 1) for _ in range(2)] == [0, 0]
    assert await shop.sale.offers.join("s1", Buyer("bob"), "a", 1) == 1
    assert await shop.sale.offers.leave("s1", "ann", "a")
    assert not await shop.sale.offers.leave("s1", "ann", "a")
    assert await shop.sale.offers.standing("s1", "bob") == [{"sku_id": "a", "qty": 1, "ahead": 0}]
    await shop.sale.desk.stop("s1")
    await shop.sale.offers.step()
    assert await shop.sale.offers.lengths("s1") == {"a": 0}
    with pytest.raises(Refused, match="ended"):
        await shop.sale.offers.join("s1", Buyer("ann"), "a", 1)

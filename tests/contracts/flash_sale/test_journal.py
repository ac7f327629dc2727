"""The journal reaches SQL completely, once, whoever crashed or came second."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select

from flash_sale.errors import Refused
from flash_sale.ports import Entry
from flash_sale.sale import Sale
from flash_sale.storage import keys
from flash_sale.storage.orders import SqlOrders
from flash_sale.storage.tables import order_lines, orders, parked_entries, sales, stock_changes
from tests.contracts.flash_sale.shop import Shop, sku


async def rows(shop: Shop, statement: object) -> list[tuple[object, ...]]:
    async with shop.database.connect() as connection:
        return [tuple(row) for row in await connection.execute(statement)]  # type: ignore[call-overload]


async def test_every_act_becomes_rows(shop: Shop, redis: Redis) -> None:
    await shop.open_sale(skus=(sku("a", stock=5), sku("b", stock=5, cents=7)))
    kept = await shop.hold("ann", lines=[("b", 2), ("a", 1)])
    paid, cancelled, expired = [await shop.hold(f"u{n}") for n in range(3)]
    await shop.callback(await shop.begin(paid, "u0"), paid)
    await shop.sale.checkout.cancel(cancelled, "u1", shop.now_ms)
    await shop.sale.stock.release("s1", [expired[1:]], "expired", shop.now_ms + 400_000)
    await shop.sale.desk.restock("s1", "a", 3, actor="host", reason="more")
    await shop.sale.desk.stop("s1")
    assert await shop.drain() == 10  # start, four buys, three ends, restock, stop
    statuses = dict(await rows(shop, select(orders.c.order_id, orders.c.status)))  # type: ignore[arg-type]
    assert statuses == {
        kept: "placed",
        paid: "paid",
        cancelled: "cancelled",
        expired: "expired",
    }
    columns = (order_lines.c.sku_id, order_lines.c.qty, order_lines.c.unit_cents)
    lines = select(*columns).where(order_lines.c.order_id == kept).order_by(order_lines.c.position)
    assert await rows(shop, lines) == [("b", 2, 7), ("a", 1, 100)]
    change = select(stock_changes.c.kind, stock_changes.c.qty, stock_changes.c.actor)
    assert await rows(shop, change) == [("restock", 3, "host")]
    assert await rows(shop, select(sales.c.stage, sales.c.journal_seq)) == [("stopped", 10)]
    assert await redis.xlen(keys.journal("s1")) == 0


async def test_two_consumers_move_each_entry_once(shop: Shop) -> None:
    await shop.open_sale(stock=100)
    other = shop.another_worker()
    for turn in range(5):
        await asyncio.gather(*(shop.buy(f"u{turn}-{n}") for n in range(10)))
        await asyncio.gather(shop.sale.consumer.step(), other.sale.consumer.step())
    await shop.drain()
    assert await rows(shop, select(func.count()).select_from(orders)) == [(50,)]
    assert await rows(shop, select(sales.c.journal_seq)) == [(51,)]


async def test_a_consumer_that_died_before_trimming_is_no_trouble(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.open_sale(stock=5)
    await shop.hold("ann")

    async def die(sale_id: str, upto_seq: int) -> None:
        raise Refused("unknown_outcome", "killed here")

    with monkeypatch.context() as crash:
        crash.setattr(shop.sale.stock, "trim", die)
        with pytest.raises(Refused):
            await shop.sale.consumer.step()
    await shop.hold("bob")
    assert await shop.drain() == 1
    assert await rows(shop, select(func.count()).select_from(orders)) == [(2,)]


async def test_a_row_made_on_the_request_path_is_the_journals_own(shop: Shop) -> None:
    await shop.open_sale()
    order_id = await shop.hold("ann")
    await shop.begin(order_id, "ann")
    before = await rows(shop, select(orders))
    await shop.drain()
    assert await rows(shop, select(orders)) == before


async def test_a_poison_entry_is_parked_and_the_others_flow(shop: Shop, redis: Redis) -> None:
    """Nobody writes such an entry; if somebody does, the sale goes on and the alarm is in SQL."""
    await shop.open_sale(stock=9)
    await shop.hold("ann")
    seq = 1 + int(await redis.hget(keys.sale("s1"), "journal_seq") or 0)  # type: ignore[misc]
    await redis.xadd(
        keys.journal("s1"), {"k": "held", "t": 1, "r": "1-x", "d": b"?"}, id=f"{seq}-0"
    )
    await redis.hset(keys.sale("s1"), "journal_seq", seq)  # type: ignore[misc]
    last = await shop.hold("bob")
    moved = [await shop.sale.consumer.step() for _ in range(4)]
    assert moved == [2, 0, 2, 0]
    parked = select(parked_entries.c.journal_seq, parked_entries.c.kind)
    assert await rows(shop, parked) == [(seq, "unreadable")]
    assert await shop.order_status(last) == "placed"
    assert await redis.xlen(keys.journal("s1")) == 0


async def test_a_sale_that_cannot_be_moved_keeps_no_other_waiting(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row locked by somebody for long, say: the others are moved a step later."""
    for sale_id in ("s1", "s2", "s3"):
        await shop.open_sale(sale_id=sale_id)
    apply, stuck = SqlOrders.apply, []

    async def locked(at: SqlOrders, sale: Sale, expected: int, entries: Sequence[Entry]) -> bool:
        stuck.append(sale.sale_id)
        if sale.sale_id == stuck[0]:
            raise Refused("unavailable", "locked")
        return await apply(at, sale, expected, entries)

    with monkeypatch.context() as lock:
        lock.setattr(SqlOrders, "apply", locked)
        for _ in range(3):
            with pytest.raises(Refused):
                await shop.sale.consumer.step()
    moved = await rows(shop, select(sales.c.journal_seq).order_by("journal_seq"))
    assert moved == [(0,), (1,), (1,)]


async def test_a_thousand_buys_move_in_few_transactions(shop: Shop) -> None:
    await shop.open_sale(stock=1_200)
    await asyncio.gather(*(shop.buy(f"u{n}") for n in range(1_200)))
    assert [await shop.sale.consumer.step() for _ in range(3)] == [1_000, 201, 0]
    assert await rows(shop, select(func.count()).select_from(orders)) == [(1_200,)]


async def test_holds_nobody_paid_are_back_at_once(shop: Shop) -> None:
    """I4: and can be sold again."""
    await shop.open_sale(stock=700, hold_s=5)
    await asyncio.gather(*(shop.buy(f"u{n}") for n in range(700)))
    shop.now_ms += 4_999
    assert await shop.sale.sweeper.step() == 0
    shop.now_ms += 1
    assert await shop.sale.sweeper.step() == 700
    assert await shop.pieces() == (700, 0, 0)
    assert (await shop.buy("eve")).code == "held"
    assert len(shop.orders_seen) == 700


async def test_a_sale_long_over_leaves_redis_and_stays_in_sql(shop: Shop, redis: Redis) -> None:
    await shop.open_sale(stock=3)
    order_id = await shop.hold("ann")
    shop.now_ms += 2 * 86_400_000
    assert await shop.sale.sweeper.retire() == 0  # a hold is open, the journal not moved
    await shop.sale.sweeper.step()
    await shop.drain()
    assert await shop.sale.sweeper.retire() == 1
    assert await redis.keys("liveroom:*") == []
    assert await shop.order_status(order_id) == "expired"
    assert await shop.sale.recovery.step() == 0
    assert await shop.sale.desk.due() == []

"""Batches of buys: in the order they were asked for, and one entry of the journal each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from redis.asyncio import Redis
from sqlalchemy import select

from flash_sale.eligibility import Buyer
from flash_sale.ports import Entry
from flash_sale.sale import Sale
from flash_sale.storage import keys
from flash_sale.storage.records import pack_record
from flash_sale.storage.tables import orders, parked_entries
from tests.contracts.flash_sale.shop import Shop

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


# -- first come, first served ---------------------------------------------------------------------


async def test_who_asked_first_is_served_first(shop: Shop) -> None:
    """Of one worker, exactly: though the first batch waits longer to be judged than the second."""
    await shop.open_sale(stock=300)
    find, calls = shop.sale.engine._directory.find, 0

    async def slow_at_first(sale_id: str) -> Sale | None:
        nonlocal calls
        calls += 1
        for _ in range(1000 if calls == 1 else 1):
            await asyncio.sleep(0)
        return await find(sale_id)

    shop.sale.engine._directory.find = slow_at_first  # type: ignore[method-assign]
    answers = await asyncio.gather(*(shop.buy(f"u{n}") for n in range(900)))
    assert [answer.code for answer in answers] == ["held"] * 300 + ["sold_out"] * 600
    lefts = [answer.held["left"]["a"] for answer in answers if answer.held]  # type: ignore[index]
    assert lefts == list(range(299, -1, -1))


async def test_who_waited_too_long_is_told_that_nothing_was_reserved(shop: Shop) -> None:
    await shop.open_sale(stock=5)
    long_ago_s = asyncio.get_running_loop().time() - 50
    reserve = shop.sale.engine.reserve
    late = await reserve("s1", Buyer("ann"), [("a", 1)], "k1", asked_s=long_ago_s)
    assert (late.code, late.retry_ms > 0) == ("unavailable", True)
    assert await shop.pieces() == (5, 0, 0)
    assert (await shop.buy("ann")).code == "held"


# -- the journal ----------------------------------------------------------------------------------


async def test_a_batch_is_one_entry_and_as_many_facts(shop: Shop, redis: Redis) -> None:
    await shop.open_sale(stock=9)
    await asyncio.gather(*(shop.buy(f"u{n}") for n in range(5)))
    assert await redis.xlen(keys.journal("s1")) == 2  # the start of the sale, and the batch
    read = shop.sale.stock.entries_after
    facts = await read("s1", 0, 100)
    assert [fact.seq for fact in facts] == [1, 2, 3, 4, 5, 6]
    assert [fact.seq for fact in await read("s1", 3, 2)] == [4, 5]
    assert [fact.seq for fact in await read("s1", 5, 2)] == [6]


async def test_a_bad_fact_is_parked_and_the_rest_of_its_batch_flows(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.open_sale(stock=9)
    apply = shop.sale.consumer._journal.apply

    async def without_bob(sale: Sale, expected: int, entries: Sequence[Entry]) -> bool:
        if any(e.reservation is not None and e.reservation.user_id == "bob" for e in entries):
            raise ValueError("not this one")
        return await apply(sale, expected, entries)

    monkeypatch.setattr(shop.sale.consumer._journal, "apply", without_bob)
    await asyncio.gather(*(shop.buy(user) for user in ("ann", "bob", "cy")))
    assert [await shop.sale.consumer.step() for _ in range(4)] == [2, 0, 2, 0]
    async with shop.database.connect() as connection:
        bought = (await connection.execute(select(orders.c.user_id))).scalars().all()
        parked = (await connection.execute(select(parked_entries))).one()
    assert sorted(bought) == ["ann", "cy"]
    assert (parked.journal_seq, parked.kind) == (3, "held")
    assert b"bob" in parked.fields


async def test_what_an_earlier_version_wrote_is_still_told_and_moved(
    shop: Shop, redis: Redis
) -> None:
    """It kept each answer whole and wrote an entry for each buy."""
    await shop.open_sale(stock=9)
    first = await shop.buy("ann")
    [held] = [e for e in await shop.sale.stock.entries_after("s1", 0, 9) if e.reservation]
    assert held.answer is not None
    assert held.reservation is not None
    mark, told = held.answer.fingerprint, held.answer.json
    await redis.hset(keys.answers("s1"), "ann:k1", mark + told)  # type: ignore[misc]
    await redis.delete(keys.journal("s1"))
    record = pack_record(held.reservation)
    fields = {"k": "held", "t": held.at_ms, "r": held.reservation.suffix, "d": record}
    start = {"k": "stage", "t": 1, "stage": "scheduled", "start": 1, "end": 0, "paused": "0"}
    await redis.xadd(keys.journal("s1"), start, id="1-0")
    await redis.xadd(keys.journal("s1"), fields | {"f": mark, "a": told}, id=f"{held.seq}-0")
    assert (await shop.buy("ann")).raw == first.raw
    await shop.buy("bob")
    assert await shop.drain() == 3
    async with shop.database.connect() as connection:
        answers = dict((await connection.execute(select(orders.c.user_id, orders.c.answer))).all())  # type: ignore[arg-type]
    assert first.raw is not None
    assert answers["ann"] == first.raw.decode()
    assert set(answers) == {"ann", "bob"}

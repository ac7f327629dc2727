"""Every provider's word, genuine or not, has the one right effect."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select

from flash_sale.errors import Refused
from flash_sale.storage.tables import payments, refunds
from server.database import make_engine
from tests.contracts.flash_sale.forgeries import FORGERIES, Forgery
from tests.contracts.flash_sale.street import PROVIDERS, Street

SEED = 20271120
REAL = [name for name in PROVIDERS if name != "sandbox"]


@pytest.fixture
async def street(sale_redis: Redis, database_url: str) -> AsyncIterator[Street]:
    engine = make_engine(database_url)
    street = Street(sale_redis, engine)
    await street.sale.open()
    await street.open_sale(stock=10)
    yield street
    await street.sale.close()
    await engine.dispose()


async def ends_of_money(street: Street) -> dict[tuple[str, str | None], int]:
    columns = (payments.c.status, payments.c.resolution)
    async with street.database.connect() as connection:
        rows = await connection.execute(select(*columns, func.count()).group_by(*columns))
        return {(status, resolution): n for status, resolution, n in rows}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("forgery", FORGERIES, ids=str)
async def test_nothing_is_sold_by(street: Street, forgery: Forgery) -> None:
    """A forged, stale or irrelevant callback; the genuine one afterwards pays."""
    payment_id, order_id = await street.bill(forgery.provider)
    assert await end_of(street, forgery, (payment_id, order_id)) == forgery.end
    assert await street.order_status(order_id) == "placed"
    assert await ends_of_money(street) == {("pending", None): 1}
    assert await street.pieces() == (9, 1, 0)
    assert street.orders_seen == []
    genuine = street.letter(forgery.provider, payment_id, order_id)
    assert (await street.deliver(forgery.provider, genuine)).status == "paid"
    assert await ends_of_money(street) == {("succeeded", "order"): 1}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_all_of_them_one_after_the_other_sell_nothing(street: Street) -> None:
    """The same in one go on the other database: a bill of each provider, and every forgery."""
    bills = {provider: await street.bill(provider, provider) for provider in PROVIDERS}
    ends = [await end_of(street, forgery, bills[forgery.provider]) for forgery in FORGERIES]
    assert ends == [forgery.end for forgery in FORGERIES]
    assert await ends_of_money(street) == {("pending", None): len(PROVIDERS)}
    assert await street.pieces() == (10 - len(PROVIDERS), len(PROVIDERS), 0)


async def end_of(street: Street, forgery: Forgery, bill: tuple[str, str]) -> str:
    try:
        return (await street.deliver(forgery.provider, forgery.make(street, bill))).status
    except Refused as refused:
        return refused.code


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_callback_a_hundred_times_over_two_workers_is_one_transition(
    street: Street, provider: str
) -> None:
    """In any order, some at once, mixed with an older "failed" of the sandbox."""
    payment_id, order_id = await street.bill(provider)
    other = street.another_worker()
    letters = [street.letter(provider, payment_id, order_id)] * 100
    if provider == "sandbox":
        failed = street.letter(provider, payment_id, order_id, status="failed", event_id="e0")
        letters[::10] = [failed] * 10
    random.Random(SEED).shuffle(letters)
    letters[0] = street.letter(provider, payment_id, order_id)
    outcomes = await asyncio.gather(
        *(
            worker.sale.checkout.on_callback(provider, *letter, street.now_ms)
            for n, letter in enumerate(letters)
            for worker in ((street, other)[n % 2],)
        )
    )
    assert {outcome.status for outcome in outcomes} <= {"paid", "failed"}
    assert [order["status"] for order in street.orders_seen + other.orders_seen] == ["paid"]
    assert await street.pieces() == (9, 0, 1)
    assert await ends_of_money(street) == {("succeeded", "order"): 1}


async def test_paying_at_two_banks_gives_the_second_one_back(street: Street) -> None:
    order_id = await street.hold("ann")
    first = await street.begin(order_id, "ann", "wechat")
    second = await street.begin(order_id, "ann", "alipay")
    street.take_money("alipay", second)
    paid = await street.deliver("wechat", street.letter("wechat", first, order_id))
    assert paid.acknowledgement == ("application/json", b'{"code":"SUCCESS"}')
    twice = await street.deliver("alipay", street.letter("alipay", second, order_id))
    assert (paid.status, twice.status) == ("paid", "refunded")
    assert twice.acknowledgement == ("text/plain", b"success")
    assert await street.sale.reconciler.step(street.now_ms) == 1
    assert list(street.alipay.refunds.values()) == ["1.00"]
    assert not street.wechat.refunds
    assert await street.order_status(order_id) == "paid"
    assert await ends_of_money(street) == {("succeeded", "order"): 1, ("succeeded", "refund"): 1}


@pytest.mark.parametrize("provider", REAL)
async def test_a_lost_callback_is_found_by_asking(street: Street, provider: str) -> None:
    payment_id, order_id = await street.bill(provider)
    street.take_money(provider, payment_id)
    street.now_ms += 6_000
    assert await street.sale.reconciler.step(street.now_ms) == 1
    assert await street.order_status(order_id) == "paid"
    late = await street.deliver(provider, street.letter(provider, payment_id, order_id))
    assert late.status == "paid"
    assert len(street.orders_seen) == 1


@pytest.mark.parametrize("provider", REAL)
@pytest.mark.parametrize("stock_is_left", [True, False])
async def test_late_money_is_an_order_again_or_a_refund(
    street: Street, provider: str, stock_is_left: bool
) -> None:
    payment_id, order_id = await street.bill(provider)
    street.now_ms += 330_000
    assert await street.sale.sweeper.step() == 1
    if not stock_is_left:
        await street.buy("bob", lines=(("a", 10),))
    street.take_money(provider, payment_id)
    outcome = await street.deliver(provider, street.letter(provider, payment_id, order_id))
    assert outcome.status == ("paid" if stock_is_left else "refunded")
    await street.sale.reconciler.step(street.now_ms)
    async with street.database.connect() as connection:
        ended = [tuple(row) for row in await connection.execute(select(refunds.c.status))]
    assert ended == ([] if stock_is_left else [("succeeded",)])
    assert await street.order_status(order_id) == outcome.status


@pytest.mark.parametrize("provider", REAL)
async def test_a_bank_is_asked_before_a_hold_ends(street: Street, provider: str) -> None:
    payment_id, order_id = await street.bill(provider)
    street.take_money(provider, payment_id)
    street.now_ms += 330_000
    assert await street.sale.sweeper.step() == 0
    assert await street.order_status(order_id) == "paid"


async def test_money_of_another_sum_neither_buys_nor_holds_for_ever(street: Street) -> None:
    payment_id, order_id = await street.bill("alipay")
    street.take_money("alipay", payment_id)
    street.alipay.trades[payment_id]["total_amount"] = "0.99"
    street.now_ms += 330_000
    await street.sale.reconciler.step(street.now_ms)
    assert await street.sale.sweeper.step() == 1
    await street.drain()
    assert await street.order_status(order_id) == "expired"
    assert await street.pieces() == (10, 0, 0)


async def test_a_bank_out_of_reach_is_said_and_can_be_tried_again(street: Street) -> None:
    order_id = await street.hold("ann")
    street.wechat.signer = "eve"  # an answer that is not WeChat's
    with pytest.raises(Refused, match="bad_signature"):
        await street.begin(order_id, "ann", "wechat")
    street.wechat.signer = "wechat"
    payment_id = await street.begin(order_id, "ann", "wechat")
    outcome = await street.deliver("wechat", street.letter("wechat", payment_id, order_id))
    assert outcome.status == "paid"

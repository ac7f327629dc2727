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
from tests.contracts.flash_sale.shop_with_banks import PROVIDERS, ShopWithBanks

SEED = 20271120
REAL = [name for name in PROVIDERS if name != "sandbox"]


@pytest.fixture
async def shop(sale_redis: Redis, database_url: str) -> AsyncIterator[ShopWithBanks]:
    engine = make_engine(database_url)
    shop = ShopWithBanks(sale_redis, engine)
    await shop.sale.open()
    await shop.open_sale(stock=10)
    yield shop
    await shop.sale.close()
    await engine.dispose()


async def ends_of_money(shop: ShopWithBanks) -> dict[tuple[str, str | None], int]:
    columns = (payments.c.status, payments.c.resolution)
    async with shop.database.connect() as connection:
        rows = await connection.execute(select(*columns, func.count()).group_by(*columns))
        return {(status, resolution): n for status, resolution, n in rows}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("forgery", FORGERIES, ids=str)
async def test_nothing_is_sold_by(shop: ShopWithBanks, forgery: Forgery) -> None:
    """A forged, stale or irrelevant callback; the genuine one afterwards pays."""
    payment_id, order_id = await shop.bill(forgery.provider)
    assert await end_of(shop, forgery, (payment_id, order_id)) == forgery.end
    assert await shop.order_status(order_id) == "placed"
    assert await ends_of_money(shop) == {("pending", None): 1}
    assert await shop.pieces() == (9, 1, 0)
    assert shop.orders_seen == []
    genuine = shop.letter(forgery.provider, payment_id, order_id)
    assert (await shop.deliver(forgery.provider, genuine)).status == "paid"
    assert await ends_of_money(shop) == {("succeeded", "order"): 1}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_all_of_them_one_after_the_other_sell_nothing(shop: ShopWithBanks) -> None:
    """The same in one go on the other database: a bill of each provider, and every forgery."""
    bills = {provider: await shop.bill(provider, provider) for provider in PROVIDERS}
    ends = [await end_of(shop, forgery, bills[forgery.provider]) for forgery in FORGERIES]
    assert ends == [forgery.end for forgery in FORGERIES]
    assert await ends_of_money(shop) == {("pending", None): len(PROVIDERS)}
    assert await shop.pieces() == (10 - len(PROVIDERS), len(PROVIDERS), 0)


async def end_of(shop: ShopWithBanks, forgery: Forgery, bill: tuple[str, str]) -> str:
    try:
        return (await shop.deliver(forgery.provider, forgery.make(shop, bill))).status
    except Refused as refused:
        return refused.code


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_callback_a_hundred_times_over_two_workers_is_one_transition(
    shop: ShopWithBanks, provider: str
) -> None:
    """In any order, some at once, mixed with an older "failed" of the sandbox."""
    payment_id, order_id = await shop.bill(provider)
    other = shop.another_worker()
    letters = [shop.letter(provider, payment_id, order_id)] * 100
    if provider == "sandbox":
        failed = shop.letter(provider, payment_id, order_id, status="failed", event_id="e0")
        letters[::10] = [failed] * 10
    random.Random(SEED).shuffle(letters)
    letters[0] = shop.letter(provider, payment_id, order_id)
    outcomes = await asyncio.gather(
        *(
            worker.sale.checkout.on_callback(provider, *letter, shop.now_ms)
            for n, letter in enumerate(letters)
            for worker in ((shop, other)[n % 2],)
        )
    )
    # "pending": captured, but so many at once that a store did not answer this one in time
    assert {outcome.status for outcome in outcomes} <= {"paid", "failed", "pending"}
    await shop.sale.reconciler.step(shop.now_ms)
    assert [order["status"] for order in shop.orders_seen + other.orders_seen] == ["paid"]
    assert await shop.pieces() == (9, 0, 1)
    assert await ends_of_money(shop) == {("succeeded", "order"): 1}


async def test_paying_at_two_banks_gives_the_second_one_back(shop: ShopWithBanks) -> None:
    order_id = await shop.hold("ann")
    first = await shop.begin(order_id, "ann", "wechat")
    second = await shop.begin(order_id, "ann", "alipay")
    shop.take_money("alipay", second)
    paid = await shop.deliver("wechat", shop.letter("wechat", first, order_id))
    assert paid.acknowledgement == ("application/json", b'{"code":"SUCCESS"}')
    twice = await shop.deliver("alipay", shop.letter("alipay", second, order_id))
    assert (paid.status, twice.status) == ("paid", "refunded")
    assert twice.acknowledgement == ("text/plain", b"success")
    assert await shop.sale.reconciler.step(shop.now_ms) == 1
    assert list(shop.alipay.refunds.values()) == ["1.00"]
    assert not shop.wechat.refunds
    assert await shop.order_status(order_id) == "paid"
    assert await ends_of_money(shop) == {("succeeded", "order"): 1, ("succeeded", "refund"): 1}


@pytest.mark.parametrize("provider", REAL)
async def test_a_lost_callback_is_found_by_asking(shop: ShopWithBanks, provider: str) -> None:
    payment_id, order_id = await shop.bill(provider)
    shop.take_money(provider, payment_id)
    shop.now_ms += 6_000
    assert await shop.sale.reconciler.step(shop.now_ms) == 1
    assert await shop.order_status(order_id) == "paid"
    late = await shop.deliver(provider, shop.letter(provider, payment_id, order_id))
    assert late.status == "paid"
    assert len(shop.orders_seen) == 1


@pytest.mark.parametrize("provider", REAL)
@pytest.mark.parametrize("stock_is_left", [True, False])
async def test_late_money_is_an_order_again_or_a_refund(
    shop: ShopWithBanks, provider: str, stock_is_left: bool
) -> None:
    payment_id, order_id = await shop.bill(provider)
    shop.now_ms += 330_000
    assert await shop.sale.sweeper.step() == 1
    if not stock_is_left:
        await shop.buy("bob", lines=(("a", 10),))
    shop.take_money(provider, payment_id)
    outcome = await shop.deliver(provider, shop.letter(provider, payment_id, order_id))
    assert outcome.status == ("paid" if stock_is_left else "refunded")
    await shop.sale.reconciler.step(shop.now_ms)
    async with shop.database.connect() as connection:
        ended = [tuple(row) for row in await connection.execute(select(refunds.c.status))]
    assert ended == ([] if stock_is_left else [("succeeded",)])
    assert await shop.order_status(order_id) == outcome.status


@pytest.mark.parametrize("provider", REAL)
async def test_a_bank_is_asked_before_a_hold_ends(shop: ShopWithBanks, provider: str) -> None:
    payment_id, order_id = await shop.bill(provider)
    shop.take_money(provider, payment_id)
    shop.now_ms += 330_000
    assert await shop.sale.sweeper.step() == 0
    assert await shop.order_status(order_id) == "paid"


async def test_money_of_another_sum_neither_buys_nor_holds_for_ever(shop: ShopWithBanks) -> None:
    payment_id, order_id = await shop.bill("alipay")
    shop.take_money("alipay", payment_id)
    shop.alipay.trades[payment_id]["total_amount"] = "0.99"
    shop.now_ms += 330_000
    await shop.sale.reconciler.step(shop.now_ms)
    assert await shop.sale.sweeper.step() == 1
    await shop.drain()
    assert await shop.order_status(order_id) == "expired"
    assert await shop.pieces() == (10, 0, 0)


async def test_a_bank_out_of_reach_is_said_and_can_be_tried_again(shop: ShopWithBanks) -> None:
    order_id = await shop.hold("ann")
    shop.wechat.signer = "eve"  # an answer that is not WeChat's
    with pytest.raises(Refused, match="bad_signature"):
        await shop.begin(order_id, "ann", "wechat")
    shop.wechat.signer = "wechat"
    payment_id = await shop.begin(order_id, "ann", "wechat")
    outcome = await shop.deliver("wechat", shop.letter("wechat", payment_id, order_id))
    assert outcome.status == "paid"

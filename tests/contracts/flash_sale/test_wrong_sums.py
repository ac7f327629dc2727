"""Money of another sum than was due goes back, all of it, once; the order can still be paid."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from flash_sale.errors import Refused
from flash_sale.payments import Callback, Payment
from flash_sale.providers.sandbox import SandboxProvider
from flash_sale.providers.sandbox_tricks import Tricks
from flash_sale.storage.tables import payments, refunds
from tests.contracts.flash_sale.shop import Shop


async def refunds_of(shop: Shop) -> list[tuple[int, str, str, str]]:
    columns = (refunds.c.amount_cents, refunds.c.currency, refunds.c.reason, refunds.c.status)
    async with shop.database.connect() as connection:
        return [tuple(row) for row in await connection.execute(select(*columns))]


async def captured(shop: Shop) -> list[tuple[int, str, str, int]]:
    at = payments.c
    columns = (at.captured_cents, at.captured_currency, at.resolution, at.refunded_cents)
    taken = select(*columns).where(at.status == "succeeded").order_by(at.created_ms)
    async with shop.database.connect() as connection:
        return [tuple(row) for row in await connection.execute(taken)]


async def bill(shop: Shop) -> tuple[str, str]:
    await shop.open_sale(stock=2)
    order_id = await shop.hold("ann")
    return order_id, await shop.begin(order_id, "ann")


@pytest.mark.parametrize("cents", [1, 99, 101, 250])
async def test_another_sum_goes_back_and_the_right_one_still_pays(shop: Shop, cents: int) -> None:
    order_id, payment_id = await bill(shop)
    tricks = Tricks(amount_cents=cents, duplicate=3)
    await shop.sale.bank.press(payment_id, "succeeded", shop.now_ms, tricks)
    assert await refunds_of(shop) == [(cents, "CNY", "wrong_amount", "pending")]
    assert await captured(shop) == [(cents, "CNY", "refund", cents)]
    assert await shop.order_status(order_id) == "placed"
    assert await shop.pieces() == (1, 1, 0)
    shown = await shop.sale.checkout.payment(payment_id, shop.now_ms)
    assert shown["status"] == "refunded"
    again = await shop.begin(order_id, "ann")
    assert again != payment_id
    await shop.sale.bank.press(again, "succeeded", shop.now_ms)
    await shop.sale.reconciler.step(shop.now_ms)
    assert await shop.order_status(order_id) == "paid"
    assert await refunds_of(shop) == [(cents, "CNY", "wrong_amount", "succeeded")]
    points = await shop.sale.rewards.books.points("ann")
    assert points["points"] == 1  # of one yuan: what went back was of another payment


async def test_a_second_press_says_what_the_first_one_took(shop: Shop) -> None:
    """The bank's word must be its books': else a due sum is believed that was never taken."""
    order_id, payment_id = await bill(shop)
    lost = Tricks(amount_cents=99, lose=True)
    await shop.sale.bank.press(payment_id, "succeeded", shop.now_ms, lost)
    await shop.sale.bank.press(payment_id, "succeeded", shop.now_ms)
    assert await captured(shop) == [(99, "CNY", "refund", 99)]
    assert await shop.order_status(order_id) == "placed"


@pytest.mark.parametrize("how", ["callback lost", "hold over", "cancelled"])
async def test_it_goes_back_however_it_is_learnt_of(shop: Shop, how: str) -> None:
    order_id, payment_id = await bill(shop)
    shop.delivering = False
    tricks = Tricks(amount_cents=60)
    await shop.sale.bank.press(payment_id, "succeeded", shop.now_ms, tricks)
    if how == "callback lost":
        shop.now_ms += 6_000
        await shop.sale.reconciler.step(shop.now_ms)
    elif how == "hold over":
        shop.now_ms += 330_000
        assert await shop.sale.sweeper.step() == 1
    else:
        await shop.sale.checkout.cancel(order_id, "ann", shop.now_ms)
    assert [row[:3] for row in await refunds_of(shop)] == [(60, "CNY", "wrong_amount")]
    held = 1 if how == "callback lost" else 0
    assert await shop.pieces() == (2 - held, held, 0)


async def test_money_in_another_currency_goes_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told to two workers at once, as a callback and by asking."""
    order_id, payment_id = await bill(shop)

    async def query(self: SandboxProvider, payment: Payment) -> Callback:
        return Callback("q", payment.payment_id, payment.order_id, "succeeded", 100, "USD", 0)

    monkeypatch.setattr(SandboxProvider, "query", query)
    other = shop.another_worker()
    shop.now_ms += 6_000
    ends = await asyncio.gather(
        *(at.callback(payment_id, order_id, currency="USD") for at in (shop, other) * 3),
        shop.sale.reconciler.step(shop.now_ms),
    )
    assert {end.status for end in ends[:-1]} == {"refunded"}  # type: ignore[union-attr]
    assert [row[:3] for row in await refunds_of(shop)] == [(100, "USD", "wrong_currency")]
    assert await captured(shop) == [(100, "USD", "refund", 100)]
    assert await shop.order_status(order_id) == "placed"


async def test_what_the_books_do_not_confirm_is_neither_sold_nor_refunded(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, payment_id = await bill(shop)

    async def silent(self: SandboxProvider, payment: Payment) -> Callback:
        raise ConnectionError("silent")

    async def nothing(self: SandboxProvider, payment: Payment) -> Callback:
        return Callback("q", payment.payment_id, payment.order_id, "succeeded", 0, "CNY", 0)

    for query in (None, silent, nothing):
        with monkeypatch.context() as bank:
            if query is not None:
                bank.setattr(SandboxProvider, "query", query)
            with pytest.raises(Refused, match="amount_mismatch"):
                await shop.callback(payment_id, order_id, amount_cents=99, event_id=f"e{query}")
    assert await refunds_of(shop) == []
    assert (await shop.callback(payment_id, order_id, event_id="right")).status == "paid"


async def test_an_old_failed_does_not_hide_money_whose_news_was_lost(shop: Shop) -> None:
    """The bank's books are asked before a payment counts as failed, which nobody looks at again."""
    await shop.open_sale()
    order_id = await shop.hold("ann")
    payment_id = await shop.begin(order_id, "ann")
    await shop.sale.bank.press(payment_id, "succeeded", shop.now_ms, tricks=Tricks(lose=True))
    outcome = await shop.callback(payment_id, order_id, status="failed", event_id="before")
    assert outcome.status == "paid"
    assert await shop.order_status(order_id) == "paid"


async def test_a_failed_that_the_bank_cannot_confirm_leaves_the_payment_open(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the reconciler asks, and finds the money that was there."""
    order_id, payment_id = await bill(shop)

    async def silent(self: SandboxProvider, payment: Payment) -> Callback:
        raise ConnectionError("silent")

    with monkeypatch.context() as bank:
        bank.setattr(SandboxProvider, "query", silent)
        with pytest.raises(Refused, match="unavailable"):
            await shop.callback(payment_id, order_id, status="failed", event_id="before")
    await shop.sale.bank.press(payment_id, "succeeded", shop.now_ms, tricks=Tricks(lose=True))
    shop.now_ms += 6_000
    await shop.sale.reconciler.step(shop.now_ms)
    assert await shop.order_status(order_id) == "paid"

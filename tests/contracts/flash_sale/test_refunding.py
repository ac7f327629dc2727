"""Giving paid money back: exact sums, once, and stock only by decision; on both databases."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select

from flash_sale.errors import Refused
from flash_sale.payments import Payment
from flash_sale.providers.sandbox import SandboxProvider
from flash_sale.refunds import Refund, RefundAsk, RefundReason, RefundStatus, StockReturn
from flash_sale.storage.tables import payments, refunds
from tests.contracts.flash_sale.shop import Shop

WHY = RefundReason.DAMAGED
BACK = StockReturn.RETURNING


async def refusal_of(awaitable: object) -> str:
    with pytest.raises(Refused) as refusal:
        await awaitable  # type: ignore[misc]
    return refusal.value.code


async def paid_order(shop: Shop, user_id: str = "ann", qty: int = 3) -> str:
    """An order of `qty` pieces of 1.00 each."""
    order_id = await shop.hold(user_id, lines=(("a", qty),))
    payment_id = await shop.begin(order_id, user_id)
    await shop.sale.bank.press(payment_id, "succeeded", shop.now_ms)
    shop.orders_seen.clear()
    return order_id


async def give_back(shop: Shop, order_id: str, ask: RefundAsk, key: str = "k") -> dict[str, object]:
    return await shop.sale.refunding.request(
        order_id, ask, actor="host", key=key, now_ms=shop.now_ms
    )


async def sums(shop: Shop) -> tuple[int, int]:
    """Cents refunded by the payments, and by the refunds that did not fail."""
    counted = refunds.c.status != RefundStatus.FAILED
    async with shop.database.connect() as connection:
        first = await connection.execute(select(func.sum(payments.c.refunded_cents)))
        second = await connection.execute(select(func.sum(refunds.c.amount_cents)).where(counted))
        return int(first.scalar_one()), int(second.scalar_one() or 0)


def answering(shop: Shop, monkeypatch: pytest.MonkeyPatch, *says: object) -> list[str]:
    """Let the bank say these things of refunds, one after the other; the ids it was asked for."""
    asked: list[str] = []
    script = list(says)

    async def refund(self: SandboxProvider, its: Refund, payment: Payment) -> RefundStatus:
        asked.append(its.refund_id)
        said = script.pop(0)
        if isinstance(said, Exception):
            raise said
        assert isinstance(said, RefundStatus)
        return said

    monkeypatch.setattr(SandboxProvider, "refund", refund)
    return asked


async def test_parts_then_the_rest(shop: Shop) -> None:
    await shop.open_sale()
    order_id = await paid_order(shop)
    part = await give_back(shop, order_id, RefundAsk(WHY, 120), "k1")
    assert (part["status"], part["amount_cents"], part["reason"]) == ("succeeded", 120, "damaged")
    assert await shop.order_status(order_id) == "partially_refunded"
    over = give_back(shop, order_id, RefundAsk(WHY, 181), "k2")
    assert await refusal_of(over) == "conflict"
    rest = await give_back(shop, order_id, RefundAsk(WHY), "k3")
    assert (rest["amount_cents"], rest["stock"]) == (180, "kept")
    assert await shop.order_status(order_id) == "refunded"
    assert [order["status"] for order in shop.orders_seen] == ["partially_refunded", "refunded"]
    assert await refusal_of(give_back(shop, order_id, RefundAsk(WHY, 1), "k4")) == "conflict"
    assert await sums(shop) == (300, 300)
    assert await shop.pieces() == (7, 0, 3)  # nobody decided that the pieces come back
    listed = await shop.sale.refunding.of_order(order_id)
    assert [refund["amount_cents"] for refund in listed] == [120, 180]


async def test_the_same_key_is_the_same_refund(shop: Shop) -> None:
    await shop.open_sale()
    order_id = await paid_order(shop)
    ask = RefundAsk(WHY, 100)
    other = shop.another_worker()
    made = await asyncio.gather(*(give_back(worker, order_id, ask) for worker in (shop, other) * 5))
    assert len({str(refund["refund_id"]) for refund in made}) == 1
    assert await sums(shop) == (100, 100)
    again = give_back(shop, order_id, RefundAsk(WHY, 101))
    assert await refusal_of(again) == "key_reused"


async def test_many_at_once_never_give_back_more_than_was_paid(shop: Shop) -> None:
    await shop.open_sale()
    order_id = await paid_order(shop)
    other = shop.another_worker()
    ends = await asyncio.gather(
        *(
            give_back(worker, order_id, RefundAsk(WHY, 70), f"{name}{n}")
            for n in range(5)
            for name, worker in (("x", shop), ("y", other))
        ),
        return_exceptions=True,
    )
    refused = [end.code for end in ends if isinstance(end, Refused)]
    assert refused == ["conflict"] * 6
    assert await sums(shop) == (280, 280)
    assert await shop.order_status(order_id) == "partially_refunded"
    told = [order["status"] for order in shop.orders_seen + other.orders_seen]
    assert told == ["partially_refunded"] * 4


async def test_stock_returns_once_and_only_by_decision(shop: Shop) -> None:
    await shop.open_sale()
    order_id = await paid_order(shop)
    ask = RefundAsk(WHY, lines=(("a", 1),), stock=BACK)
    for _ in range(2):
        made = await give_back(shop, order_id, ask)
        assert (made["amount_cents"], made["stock"]) == (100, "returned")
    assert await shop.pieces() == (8, 0, 3)
    assert await give_back(shop, order_id, RefundAsk(WHY, stock=BACK), "rest")
    assert await shop.pieces() == (10, 0, 3)
    [row] = (await shop.audit())["skus"]  # type: ignore[misc]
    assert (row["restocked"], row["sold"]) == (3, 3)


async def test_an_order_that_is_not_paid_cannot_be_refunded(shop: Shop) -> None:
    await shop.open_sale()
    order_id = await shop.hold("ann")
    assert await refusal_of(give_back(shop, order_id, RefundAsk(WHY))) == "not_found"
    await shop.begin(order_id, "ann")
    assert await refusal_of(give_back(shop, order_id, RefundAsk(WHY))) == "conflict"
    assert await refusal_of(give_back(shop, "o9-none", RefundAsk(WHY))) == "not_found"


async def test_a_refund_the_bank_is_silent_about_is_finished_later(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence, then "not yet", then done: one refund, one order told, stock back at the end."""
    await shop.open_sale()
    order_id = await paid_order(shop)
    says = (ConnectionError("silent"), RefundStatus.PENDING, RefundStatus.SUCCEEDED)
    asked = answering(shop, monkeypatch, *says)
    made = await give_back(shop, order_id, RefundAsk(WHY, stock=BACK))
    assert made["status"] == "pending"
    assert await shop.order_status(order_id) == "paid"
    assert await refusal_of(give_back(shop, order_id, RefundAsk(WHY, 1), "k2")) == "conflict"
    assert await shop.sale.reconciler.step(shop.now_ms) == 0
    assert len(asked) == 1  # it was asked a moment ago
    for _ in range(2):
        shop.now_ms += 5_000
        await shop.sale.reconciler.step(shop.now_ms)
    assert set(asked) == {made["refund_id"]}
    assert len(asked) == 3
    assert await shop.order_status(order_id) == "refunded"
    assert await shop.pieces() == (10, 0, 3)
    assert [order["status"] for order in shop.orders_seen] == ["refunded"]
    shop.now_ms += 5_000
    assert await shop.sale.reconciler.step(shop.now_ms) == 0


async def test_a_refund_that_failed_can_be_made_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.open_sale()
    order_id = await paid_order(shop)
    answering(shop, monkeypatch, RefundStatus.FAILED, RefundStatus.SUCCEEDED)
    failed = await give_back(shop, order_id, RefundAsk(WHY, stock=BACK))
    assert (failed["status"], failed["stock"]) == ("failed", "returning")
    assert await sums(shop) == (0, 0)
    assert await shop.pieces() == (7, 0, 3)
    assert await shop.order_status(order_id) == "paid"
    made = await give_back(shop, order_id, RefundAsk(WHY, stock=BACK), "k2")
    assert made["status"] == "succeeded"
    assert await sums(shop) == (300, 300)
    assert await shop.pieces() == (10, 0, 3)


async def test_stock_waits_for_redis(shop: Shop, redis: Redis) -> None:
    """The money is back, Redis did not answer the restock: the reconciler does it."""
    await shop.open_sale()
    order_id = await paid_order(shop)
    await redis.client_pause(3000, all=False)
    made = await give_back(shop, order_id, RefundAsk(WHY, stock=BACK))
    assert (made["status"], made["stock"]) == ("succeeded", "returning")
    await redis.client_unpause()
    for _ in range(2):
        await shop.sale.reconciler.step(shop.now_ms)
    assert await shop.pieces() == (10, 0, 3)
    assert (await shop.sale.refunding.of_order(order_id))[0]["stock"] == "returned"


async def test_what_was_refunded_stays_sold_when_redis_is_rebuilt(shop: Shop, redis: Redis) -> None:
    """Its pieces only come back by the restock, and that is counted once."""
    await shop.open_sale()
    kept, returned = await paid_order(shop, "ann"), await paid_order(shop, "bob")
    await give_back(shop, kept, RefundAsk(WHY), "k1")
    await give_back(shop, returned, RefundAsk(WHY, lines=(("a", 2),), stock=BACK), "k2")
    before = await shop.pieces()
    assert before == (6, 0, 6)
    await shop.drain()
    await redis.flushall()
    assert await shop.sale.recovery.step() == 1
    assert await shop.pieces() == before
    assert await shop.order_status(kept) == "refunded"
    assert await shop.order_status(returned) == "partially_refunded"


async def test_figures_count_what_stayed(shop: Shop) -> None:
    """Net of refunds in the sum, the curve and the products; the refund of a second payment
    takes nothing off the order's own."""
    await shop.open_sale()
    part, whole = await paid_order(shop, "ann"), await paid_order(shop, "bob")
    await give_back(shop, part, RefundAsk(WHY, 1), "k1")
    await give_back(shop, whole, RefundAsk(WHY), "k2")
    twice = await shop.hold("cy", lines=(("a", 2),))
    first = await shop.begin(twice, "cy")
    await shop.callback(first, twice, amount_cents=200, status="failed", event_id="f")
    await shop.callback(await shop.begin(twice, "cy"), twice, amount_cents=200, event_id="s")
    await shop.callback(first, twice, amount_cents=200, event_id="s1")
    await shop.sale.reconciler.step(shop.now_ms)
    numbers = await shop.sale.numbers.sale_numbers("room1", shop.now_ms)
    sums = [numbers[f"{what}_cents"] for what in ("gross", "refunded", "gmv")]
    assert (numbers["paid_orders"], sums) == (2, [800, 301, 499])
    assert [point["gmv_cents"] for point in numbers["series"]] == [499]
    [product] = numbers["top_products"]
    assert (product["qty"], product["gmv_cents"]) == (5, 499)

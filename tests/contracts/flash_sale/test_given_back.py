"""Refunded pieces that come back: to the channel they left, and off their buyer's limit, once."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis
from sqlalchemy import update

from flash_sale.refunds import RefundAsk, RefundReason, StockReturn
from flash_sale.storage.tables import sales
from tests.contracts.flash_sale.shop import Shop, sku
from tests.contracts.flash_sale.test_refunding import give_back, paid_order

BACK = RefundAsk(RefundReason.CHANGED_MIND, stock=StockReturn.RETURNING)
ONE_BACK = RefundAsk(RefundReason.CHANGED_MIND, lines=(("a", 1),), stock=StockReturn.RETURNING)


async def lose_redis(shop: Shop, redis: Redis) -> None:
    await redis.flushall()
    assert await shop.sale.recovery.step() == 1
    await shop.sale.reconciler.step(shop.now_ms)


@pytest.mark.parametrize("crash", [False, True])
async def test_who_gave_everything_back_may_buy_again(
    shop: Shop, redis: Redis, crash: bool
) -> None:
    await shop.open_sale(per_user=2)
    order_id = await paid_order(shop, qty=2)
    assert (await shop.buy("ann", "k2")).code == "limit_reached"
    for _ in range(2):
        await give_back(shop, order_id, BACK)
    if crash:
        await shop.drain()
        await lose_redis(shop, redis)
    assert await shop.pieces() == (10, 0, 2)
    assert (await shop.buy("ann", "k3", lines=(("a", 3),))).code == "limit_reached"
    assert (await shop.buy("ann", "k4", lines=(("a", 2),))).code == "held"
    assert (await shop.buy("ann", "k5")).code == "limit_reached"
    assert await shop.pieces() == (8, 2, 2)


async def test_only_what_came_back_is_freed(shop: Shop, redis: Redis) -> None:
    """One piece back, the other refunded and kept: also after Redis lost everything."""
    await shop.open_sale(per_user=2)
    order_id = await paid_order(shop, qty=2)
    await give_back(shop, order_id, ONE_BACK, "one")
    await give_back(shop, order_id, RefundAsk(RefundReason.GOODWILL), "rest")
    await shop.drain()
    for _ in range(2):
        two = await shop.buy("ann", "two", lines=(("a", 2),))
        assert two.code == "limit_reached"
        await lose_redis(shop, redis)
    assert (await shop.buy("ann", "k2")).code == "held"
    assert await shop.pieces() == (8, 1, 2)


async def test_a_return_that_redis_lost_is_made_again(shop: Shop, redis: Redis) -> None:
    """The bank paid, the pieces were back, but Redis lost its tail before the journal moved."""
    await shop.open_sale(per_user=2)
    order_id = await paid_order(shop, qty=2)
    await shop.drain()
    await give_back(shop, order_id, BACK)
    await lose_redis(shop, redis)
    assert await shop.pieces() == (10, 0, 2)
    assert (await shop.sale.refunding.of_order(order_id))[0]["stock"] == "returned"
    assert (await shop.buy("ann", "k2", lines=(("a", 2),))).code == "held"


async def test_pieces_go_back_to_their_channel(shop: Shop) -> None:
    await shop.open_sale(skus=(sku("a", stock=10, channels={"shop": 4}),))
    answer = await shop.buy("ann", channel="shop", lines=(("a", 2),))
    assert answer.held is not None
    order_id = str(answer.held["order_id"])
    await shop.sale.bank.press(await shop.begin(order_id, "ann"), "succeeded", shop.now_ms)
    shop.stock_seen.clear()
    await give_back(shop, order_id, BACK)
    audit = await shop.audit()
    assert audit["balanced"], audit
    [row] = audit["skus"]  # type: ignore[misc,attr-defined]
    cells = {name: (c["available"], c["restocked"]) for name, c in row["channels"].items()}
    assert cells == {"live": (6, 0), "shop": (4, 2)}
    assert shop.stock_seen == []  # the room shows the live channel


async def test_a_sale_that_is_gone_for_good_takes_nothing_back(shop: Shop) -> None:
    await shop.open_sale()
    order_id = await paid_order(shop)
    async with shop.database.begin() as connection:
        await connection.execute(update(sales).values(retired=1))
    made = await give_back(shop, order_id, BACK)
    assert (made["status"], made["stock"]) == ("succeeded", "impossible")

"""Money attacked from several sides at once: limits, coupons and deadlines keep their sums."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flash_sale.errors import Refused
from flash_sale.refunds import RefundAsk, RefundReason, StockReturn
from tests.contracts.flash_sale.shop import Shop, sku
from tests.contracts.flash_sale.test_coupons import buy, claim, drop, states

BACK = RefundAsk(RefundReason.DAMAGED, lines=(("a", 1),), stock=StockReturn.RETURNING)


async def told(what: Any) -> str:
    """How it ended, as a word."""
    try:
        answer = await what
    except Refused as refusal:
        return refusal.code
    return str(getattr(answer, "status", "ok"))


async def pay(shop: Shop, order_id: str, cents: int) -> str:
    payment = await shop.begin(order_id, "ann")
    outcome = await shop.callback(payment, order_id, amount_cents=cents, event_id=order_id)
    return outcome.status


async def test_a_refund_frees_the_limit_for_its_pieces_and_once(shop: Shop) -> None:
    """Three pieces at most; one comes back by five refunds of one key, raced over two workers."""
    await shop.open_sale(skus=(sku("a", stock=9, per_user=3),))
    order_id = await shop.hold("ann", lines=(("a", 3),))
    assert await pay(shop, order_id, 300) == "paid"
    other = shop.another_worker()

    async def give_back(n: int) -> str:
        refunding = (shop, other)[n % 2].sale.refunding
        asked = refunding.request(order_id, BACK, actor="host", key="r", now_ms=shop.now_ms)
        return await told(asked)

    ends = await asyncio.gather(*(give_back(n) for n in range(5)))
    assert "ok" in ends
    for _ in range(2):  # what a worker could not do at once, the reconciler does
        shop.now_ms += 6_000
        await shop.sale.reconciler.step(shop.now_ms)
    again = await asyncio.gather(*(shop.buy("ann", f"again{n}") for n in range(4)))
    assert len({str(answer.held["order_id"]) for answer in again if answer.held}) == 1
    available, held, _ = await shop.pieces()
    assert (available, held) == (6, 1)  # nine, three sold, one back, one held
    await shop.drain()
    await shop.redis.flushall()  # and what is rebuilt from SQL knows the same
    await shop.sale.recovery.step()
    assert (await shop.buy("ann", "more", lines=(("a", 2),))).code == "limit_reached"
    assert (await shop.pieces())[:2] == (6, 1)


@pytest.mark.parametrize("seed", range(3))
async def test_cancelled_and_paid_at_once_the_coupon_has_one_end(shop: Shop, seed: int) -> None:
    """Used with a paid order, free with a cancelled one, and the money is never both."""
    await shop.open_sale(stock=5)
    await claim(shop, await drop(shop), "ann")
    held = (await buy(shop, "ann")).held
    assert held is not None
    order_id = str(held["order_id"])
    payment = await shop.begin(order_id, "ann")
    other = shop.another_worker()
    acts = [
        other.sale.checkout.cancel(order_id, "ann", shop.now_ms),
        shop.callback(payment, order_id, amount_cents=80),
        other.callback(payment, order_id, amount_cents=80),
    ]
    await asyncio.gather(*(told(act) for act in acts[seed:] + acts[:seed]))
    for _ in range(2):
        await shop.sale.reconciler.step(shop.now_ms)
    await shop.drain()
    status = await shop.order_status(order_id)
    assert status in ("paid", "refunded")  # the bank has the money: it is never just cancelled
    assert await states(shop) == (["used"] if status == "paid" else ["claimed"])
    await shop.pieces()


async def test_a_payment_in_progress_keeps_the_hold_to_the_cap_and_no_longer(shop: Shop) -> None:
    """Begun in the last moment; after the cap it is swept, and late money has one end."""
    await shop.open_sale(stock=1)
    order_id = await shop.hold("ann")
    shop.now_ms += 299_000
    payment = await shop.begin(order_id, "ann")
    shop.now_ms += 40_000  # past the hold's own end, not past the cap
    await shop.sale.sweeper.step(shop.now_ms)
    assert await shop.pieces() == (0, 1, 0)
    assert (await shop.buy("bob")).code == "sold_out"
    shop.now_ms += 3_600_000  # past every cap
    await shop.sale.sweeper.step(shop.now_ms)
    await shop.drain()
    assert await shop.order_status(order_id) == "expired"
    assert (await shop.callback(payment, order_id)).status in ("paid", "refunded")
    audit = await shop.audit()
    assert audit["balanced"], audit

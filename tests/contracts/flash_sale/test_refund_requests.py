"""A buyer's request for a refund: answered once, in the transaction that gives the money back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from flash_sale.errors import Refused
from flash_sale.refund_requests import REQUESTS_OF_ORDER_MAX, BuyerAsk
from flash_sale.refunds import RefundAsk, RefundReason, StockReturn
from flash_sale.storage.tables_rewards import webhook_outbox
from tests.contracts.flash_sale.shop import ROOM, Shop
from tests.contracts.flash_sale.test_refunding import give_back, paid_order, sums

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
TORN = BuyerAsk(RefundReason.DAMAGED, "torn", (("a", 1),))
ALL = BuyerAsk(RefundReason.CHANGED_MIND)


async def ask(shop: Shop, order_id: str, wish: BuyerAsk = TORN, key: str = "w1") -> Any:
    return await shop.sale.rewards.refund_requests.ask(
        order_id, "ann", wish, key=key, now_ms=shop.now_ms
    )


async def approve(
    shop: Shop, request_id: str, stock: StockReturn = StockReturn.KEPT
) -> dict[str, Any]:
    return await shop.sale.rewards.refund_requests.approve(
        request_id, stock, actor="host", now_ms=shop.now_ms
    )


async def refuse(shop: Shop, request_id: str, answer: str = "no") -> dict[str, Any]:
    return await shop.sale.rewards.refund_requests.refuse(
        request_id, answer, actor="host", now_ms=shop.now_ms
    )


async def refusal(what: Any) -> str:
    with pytest.raises(Refused) as caught:
        await what
    return caught.value.code


async def test_a_request_becomes_a_refund_once_whoever_approves(shop: Shop) -> None:
    await shop.open_sale()
    order_id = await paid_order(shop)
    request_id = (await ask(shop, order_id))["request_id"]
    other = shop.another_worker()
    answers = await asyncio.gather(
        *(approve((shop, other)[n % 2], request_id, StockReturn.RETURNING) for n in range(6))
    )
    assert len({answer["refund"]["refund_id"] for answer in answers}) == 1
    assert answers[0]["request"]["refund_id"] == answers[0]["refund"]["refund_id"]
    assert await sums(shop) == (100, 100)
    assert await shop.sale.rewards.refund_requests.waiting(ROOM) == []
    assert await refusal(approve(shop, request_id, StockReturn.KEPT)) == "key_reused"
    assert await refusal(refuse(shop, request_id)) == "conflict"


@SQLITE
async def test_of_yes_and_no_at_once_one_counts(shop: Shop) -> None:
    await shop.open_sale()
    order_id = await paid_order(shop)
    request_id = (await ask(shop, order_id))["request_id"]
    other = shop.another_worker()
    acts = [
        approve(shop, request_id),
        refuse(other, request_id),
        other.sale.rewards.refund_requests.withdraw(request_id, "ann", shop.now_ms),
    ]
    ended = await asyncio.gather(*acts, return_exceptions=True)
    assert sum(isinstance(one, dict) for one in ended) == 1
    [request] = await shop.sale.rewards.refund_requests.of_order(order_id)
    given = 100 if request["status"] == "approved" else 0
    assert (await sums(shop))[1] == given


async def test_what_cannot_be_asked(shop: Shop) -> None:
    await shop.open_sale()
    unpaid = await shop.hold("ann", "k9")
    requests = shop.sale.rewards.refund_requests
    await shop.drain()
    assert await refusal(ask(shop, unpaid)) == "conflict"
    order_id = await paid_order(shop)
    strange = requests.ask(order_id, "eve", TORN, key="w", now_ms=shop.now_ms)
    assert await refusal(strange) == "not_found"
    fraud = BuyerAsk(RefundReason.FRAUD)
    assert await refusal(ask(shop, order_id, fraud)) == "bad_request"
    too_many = BuyerAsk(RefundReason.OTHER, lines=(("a", 99),))
    assert await refusal(ask(shop, order_id, too_many)) == "conflict"
    await ask(shop, order_id)
    assert await refusal(ask(shop, order_id, ALL)) == "key_reused"
    assert await refusal(ask(shop, order_id, ALL, "w2")) == "conflict"


@SQLITE
async def test_an_order_is_asked_about_so_often_and_no_more(shop: Shop) -> None:
    await shop.open_sale()
    order_id = await paid_order(shop)
    for n in range(REQUESTS_OF_ORDER_MAX):
        request_id = (await ask(shop, order_id, ALL, f"w{n}"))["request_id"]
        await refuse(shop, request_id)
    assert await refusal(ask(shop, order_id, ALL, "more")) == "conflict"


@SQLITE
async def test_money_given_back_another_way_answers_the_request(shop: Shop) -> None:
    """And what staff gave back in the meantime is not given back again."""
    await shop.open_sale()
    order_id = await paid_order(shop)
    request_id = (await ask(shop, order_id, ALL))["request_id"]
    await give_back(shop, order_id, RefundAsk(RefundReason.GOODWILL))
    request = await shop.sale.rewards.refund_requests.find(request_id)
    assert request.status == "approved"
    chosen = select(webhook_outbox.c.event).where(webhook_outbox.c.event.like("refund.%"))
    async with shop.database.connect() as connection:
        told = list((await connection.execute(chosen)).scalars())
    assert told == ["refund.requested", "refund.decided"]
    assert await refusal(ask(shop, order_id, ALL, "w2")) == "conflict"

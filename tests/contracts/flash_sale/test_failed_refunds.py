"""A refund that its provider refuses waits for a person, who says how it was seen to."""

from __future__ import annotations

import orjson
import pytest
from sqlalchemy import select

from flash_sale.refunds import RefundAsk, RefundReason, RefundStatus, Settling, StockReturn
from flash_sale.storage.tables_rewards import webhook_outbox
from tests.contracts.flash_sale.shop import ROOM, Shop
from tests.contracts.flash_sale.test_refunding import (
    answering,
    give_back,
    paid_order,
    refusal_of,
    sums,
)

ASK = RefundAsk(RefundReason.DAMAGED, lines=(("a", 1),), stock=StockReturn.RETURNING)
PAID = Settling(paid=True, note="by bank transfer", actor="host")
NOTHING_OWED = Settling(paid=False, note="refunded again", actor="host")


async def refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """An after-sale refund that the bank refused: its order and its own id."""
    await shop.open_sale()
    order_id = await paid_order(shop)
    with monkeypatch.context() as bank:
        answering(shop, bank, RefundStatus.FAILED)
        made = await give_back(shop, order_id, ASK)
    return order_id, str(made["refund_id"])


async def test_staff_and_webhooks_hear_of_it_and_it_is_listed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.sale.rewards.webhooks.add(
        "*", "http://erp/", ["refund.failed"], actor="op", now_ms=shop.now_ms
    )
    alerts: list[tuple[str, dict[str, object]]] = []
    shop.sale.hooks.on_refund_failed = lambda room_id, refund: alerts.append((room_id, refund))
    order_id, refund_id = await refused(shop, monkeypatch)
    [(room_id, alert)] = alerts
    assert (room_id, alert["refund_id"], alert["status"]) == (ROOM, refund_id, "failed")
    [listed] = await shop.sale.refunding.failed(ROOM)
    assert listed == alert
    assert await shop.sale.refunding.failed("another") == []
    assert await shop.sale.refunding.failed_count() == 1
    chosen = select(webhook_outbox.c.body).where(webhook_outbox.c.event == "refund.failed")
    async with shop.database.connect() as connection:
        [body] = [orjson.loads(text) for text in (await connection.execute(chosen)).scalars()]
    assert (body["refund"]["refund_id"], body["order"]["order_id"]) == (refund_id, order_id)


async def test_money_given_back_by_hand_counts_as_refunded(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, refund_id = await refused(shop, monkeypatch)
    shop.now_ms += 1
    for _ in range(2):
        settled = await shop.sale.refunding.settle(refund_id, PAID, shop.now_ms)
        assert (settled["status"], settled["stock"]) == ("settled", "returned")
        assert (settled["settled_by"], settled["note"]) == ("host", "by bank transfer")
        assert settled["settled_ms"] == shop.now_ms
    assert await shop.order_status(order_id) == "partially_refunded"
    assert [order["status"] for order in shop.orders_seen] == ["paid", "partially_refunded"]
    assert await shop.sale.refunding.failed_count() == 0
    assert await sums(shop) == (100, 100)
    assert await shop.pieces() == (8, 0, 3)
    assert (await shop.sale.rewards.books.points("ann"))["points"] == 2
    other = Settling(paid=False, note="x", actor="host")
    again = shop.sale.refunding.settle(refund_id, other, shop.now_ms)
    assert await refusal_of(again) == "conflict"
    over = give_back(shop, order_id, RefundAsk(RefundReason.OTHER, 201), "k2")
    assert await refusal_of(over) == "conflict"


async def test_nothing_is_owed_once_it_was_refunded_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, refund_id = await refused(shop, monkeypatch)
    await give_back(shop, order_id, RefundAsk(RefundReason.DAMAGED), "whole")
    twice = shop.sale.refunding.settle(refund_id, PAID, shop.now_ms)
    assert await refusal_of(twice) == "conflict"
    assert await shop.sale.refunding.failed_count() == 1
    settled = await shop.sale.refunding.settle(refund_id, NOTHING_OWED, shop.now_ms)
    assert (settled["status"], settled["note"]) == ("failed", "refunded again")
    assert await shop.sale.refunding.failed_count() == 0
    assert await sums(shop) == (300, 300)
    unknown = shop.sale.refunding.settle("rf-none", PAID, shop.now_ms)
    assert await refusal_of(unknown) == "not_found"


async def test_pieces_that_were_refunded_again_do_not_come_back_twice(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One piece whose refund was refused, all three given back since: three, not four."""
    order_id, refund_id = await refused(shop, monkeypatch)
    little = RefundAsk(RefundReason.OTHER, 10, lines=(("a", 3),), stock=StockReturn.RETURNING)
    await give_back(shop, order_id, little, "little")
    assert await shop.pieces() == (10, 0, 3)
    twice = shop.sale.refunding.settle(refund_id, PAID, shop.now_ms)
    assert await refusal_of(twice) == "conflict"
    assert await shop.pieces() == (10, 0, 3)
    assert await sums(shop) == (10, 10)
    settled = await shop.sale.refunding.settle(refund_id, NOTHING_OWED, shop.now_ms)
    assert settled["status"] == "failed"


async def test_money_that_never_became_an_order_is_owed_until_it_went_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.open_sale()
    order_id = await shop.hold("ann")
    first = await shop.begin(order_id, "ann")
    await shop.callback(first, order_id, status="failed", event_id="f1")
    second = await shop.begin(order_id, "ann")
    await shop.callback(second, order_id, event_id="s2")
    await shop.callback(first, order_id, event_id="s1")
    answering(shop, monkeypatch, RefundStatus.FAILED)
    await shop.sale.reconciler.step(shop.now_ms)
    [listed] = await shop.sale.refunding.failed(ROOM)
    refund_id = str(listed["refund_id"])
    dropped = shop.sale.refunding.settle(refund_id, NOTHING_OWED, shop.now_ms)
    assert await refusal_of(dropped) == "conflict"
    settled = await shop.sale.refunding.settle(refund_id, PAID, shop.now_ms)
    assert settled["status"] == "settled"
    assert await shop.order_status(order_id) == "paid"

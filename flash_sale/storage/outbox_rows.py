"""The news of an order for webhooks, written in the transaction of its move. Sends nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from flash_sale.refund_requests import RefundRequest, RequestStatus
from flash_sale.refunds import Refund
from flash_sale.storage.order_rows import orders_of_rows
from flash_sale.storage.sql import insert_new
from flash_sale.storage.tables import orders, refunds
from flash_sale.storage.tables_rewards import webhook_outbox, webhooks


async def tell_refund_failed(connection: AsyncConnection, refund: Refund, at_ms: int) -> None:
    """A provider refused a refund for good: somebody must look."""
    chosen = select(orders).where(orders.c.order_id == refund.order_id)
    rows = (await connection.execute(chosen)).all()
    event_id = f"{refund.refund_id}:failed"
    for order in await orders_of_rows(connection, rows):
        wires = {"order": order.to_wire(), "refund": refund.to_wire()}
        news = _news(event_id, "refund.failed", order.room_id, wires, at_ms)
        await connection.execute(insert_new(connection, webhook_outbox, ["event_id"]), news)


async def tell_refund_request(
    connection: AsyncConnection, request: RefundRequest, at_ms: int
) -> None:
    """A buyer asked for a refund, or that was answered."""
    event = "refund.requested" if request.status is RequestStatus.OPEN else "refund.decided"
    event_id = f"{request.request_id}:{event}"
    news = _news(event_id, event, request.room_id, {"request": request.to_wire()}, at_ms)
    await connection.execute(insert_new(connection, webhook_outbox, ["event_id"]), news)


async def tell_webhooks(
    connection: AsyncConnection, order_ids: Sequence[str], event: str, at_ms: int
) -> None:
    """One row an order and event; costs one look when nobody listens."""
    if not event or not order_ids:
        return
    listening = (await connection.execute(_LISTENING)).first()
    if listening is None:
        return
    chosen = select(orders).where(orders.c.order_id.in_(list(order_ids)))
    rows = (await connection.execute(chosen)).all()
    news = []
    for order in await orders_of_rows(connection, rows):
        nth = ""
        wire = order.to_wire()
        if event == "order.refunded":
            its = refunds.c.payment_id == order.payment_id
            if order.payment_id is None:  # never paid in time: its money just goes back
                its = refunds.c.order_id == order.order_id
            back = select(func.sum(refunds.c.amount_cents)).where(its, refunds.c.status != "failed")
            wire["refunded_cents"] = int((await connection.execute(back)).scalar_one() or 0)
            nth = f":{wire['refunded_cents']}"
        event_id = f"{order.order_id}:{event}{nth}"
        news.append(_news(event_id, event, order.room_id, {"order": wire}, at_ms))
    if news:
        await connection.execute(insert_new(connection, webhook_outbox, ["event_id"]), news)


_LISTENING = select(webhooks.c.webhook_id).limit(1)


def _news(
    event_id: str, event: str, room_id: str, wires: Mapping[str, object], at_ms: int
) -> dict[str, object]:
    body = {"event_id": event_id, "event": event, "at_ms": at_ms, **wires}
    return {
        "event_id": event_id,
        "event": event,
        "room_id": room_id,
        "body": orjson.dumps(body).decode(),
        "at_ms": at_ms,
        "spread": 0,
    }

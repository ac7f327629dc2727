"""The news of an order for webhooks, written in the transaction of its move. Sends nothing."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from flash_sale.storage.order_rows import orders_of_rows
from flash_sale.storage.sql import insert_new
from flash_sale.storage.tables import orders, refunds
from flash_sale.storage.tables_rewards import webhook_outbox, webhooks


async def tell_webhooks(
    connection: AsyncConnection, order_ids: Sequence[str], event: str, at_ms: int
) -> None:
    """One row an order and event; costs one look when nobody listens."""
    if not event or not order_ids:
        return
    listening = (await connection.execute(select(webhooks.c.webhook_id).limit(1))).first()
    if listening is None:
        return
    chosen = select(orders).where(orders.c.order_id.in_(list(order_ids)))
    rows = (await connection.execute(chosen)).all()
    news = []
    for order in await orders_of_rows(connection, rows):
        nth = ""
        wire = order.to_wire()
        if event == "order.refunded":
            back = select(func.sum(refunds.c.amount_cents)).where(
                refunds.c.order_id == order.order_id, refunds.c.status != "failed"
            )
            wire["refunded_cents"] = int((await connection.execute(back)).scalar_one() or 0)
            nth = f":{wire['refunded_cents']}"
        event_id = f"{order.order_id}:{event}{nth}"
        body = {"event_id": event_id, "event": event, "at_ms": at_ms, "order": wire}
        news.append(
            {
                "event_id": event_id,
                "event": event,
                "room_id": order.room_id,
                "body": orjson.dumps(body).decode(),
                "at_ms": at_ms,
                "spread": 0,
            }
        )
    if news:
        await connection.execute(insert_new(connection, webhook_outbox, ["event_id"]), news)

"""Webhooks, their outbox and their deliveries in SQL: `flash_sale.webhooks.WebhookLedger`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from flash_sale.errors import not_found
from flash_sale.orders import OrderStatus
from flash_sale.storage.outbox_rows import tell_webhooks
from flash_sale.storage.sql import MOST, insert_new, sql_answering
from flash_sale.storage.tables import orders
from flash_sale.storage.tables_rewards import webhook_deliveries, webhook_outbox, webhooks
from flash_sale.webhooks import Attempt, Delivery, Webhook

SHIPPABLE = (OrderStatus.PAID, OrderStatus.PARTIALLY_REFUNDED)


class SqlWebhooks:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, webhook: Webhook, actor: str) -> None:
        row = {
            "webhook_id": webhook.webhook_id,
            "room_id": webhook.room_id,
            "url": webhook.url,
            "secret": webhook.secret,
            "events": ",".join(webhook.events),
            "actor": actor,
            "created_ms": webhook.created_ms,
        }
        async with sql_answering(), self._engine.begin() as connection:
            await connection.execute(insert(webhooks).values(row))

    async def all(self) -> list[Webhook]:
        async with sql_answering(), self._engine.connect() as connection:
            rows = await connection.execute(select(webhooks).order_by(webhooks.c.created_ms))
            return [_webhook(row) for row in rows]

    async def remove(self, webhook_id: str) -> bool:
        """With its deliveries."""
        async with sql_answering(), self._engine.begin() as connection:
            done = await connection.execute(
                delete(webhooks).where(webhooks.c.webhook_id == webhook_id)
            )
            await connection.execute(
                delete(webhook_deliveries).where(webhook_deliveries.c.webhook_id == webhook_id)
            )
        return done.rowcount == 1

    async def spread(self, limit: int) -> int:
        """Make a delivery of each piece of news for each webhook that listens; how many news."""
        async with sql_answering(), self._engine.connect() as connection:
            news = (await connection.execute(_NEWS, {"most": limit})).all()
        if not news:
            return 0
        hooks = await self.all()
        rows = [
            {
                "webhook_id": hook.webhook_id,
                "event_id": row.event_id,
                "event": row.event,
                "body": row.body,
                "state": "waiting",
                "attempts": 0,
                "next_ms": 0,
                "at_ms": row.at_ms,
            }
            for row in news
            for hook in hooks
            if hook.room_id in ("*", row.room_id) and row.event in hook.events
        ]
        async with sql_answering(), self._engine.begin() as connection:
            if rows:
                keys = ["webhook_id", "event_id"]
                await connection.execute(insert_new(connection, webhook_deliveries, keys), rows)
            await connection.execute(
                update(webhook_outbox)
                .where(webhook_outbox.c.number.in_([row.number for row in news]))
                .values(spread=1)
            )
        return len(news)

    async def due(self, now_ms: int, limit: int) -> list[Delivery]:
        at = {"now_ms": now_ms, "most": limit}
        async with sql_answering(), self._engine.connect() as connection:
            return [
                Delivery(_webhook(row), row.event_id, row.event, row.body, row.attempts)
                for row in await connection.execute(_DUE, at)
            ]

    async def note(self, delivery: Delivery, attempt: Attempt) -> None:
        async with sql_answering(), self._engine.begin() as connection:
            await connection.execute(
                update(webhook_deliveries)
                .where(
                    webhook_deliveries.c.webhook_id == delivery.webhook.webhook_id,
                    webhook_deliveries.c.event_id == delivery.event_id,
                )
                .values(
                    state=attempt.state,
                    attempts=webhook_deliveries.c.attempts + 1,
                    next_ms=attempt.next_ms,
                    answer=attempt.answer,
                    error=attempt.error,
                )
            )

    async def deliveries(self, webhook_id: str, limit: int) -> list[dict[str, Any]]:
        names = ("event_id", "event", "state", "attempts", "next_ms", "answer", "error", "at_ms")
        chosen = (
            select(*(webhook_deliveries.c[name] for name in names))
            .where(webhook_deliveries.c.webhook_id == webhook_id)
            .order_by(webhook_deliveries.c.at_ms.desc(), webhook_deliveries.c.event_id)
            .limit(limit)
        )
        async with sql_answering(), self._engine.connect() as connection:
            rows = (await connection.execute(chosen)).mappings()
            return [{name: row[name] for name in names} for row in rows]

    async def forget(self, before_ms: int) -> int:
        """News that were spread and deliveries that have ended, older than that."""
        async with sql_answering(), self._engine.begin() as connection:
            done = await connection.execute(
                delete(webhook_outbox).where(
                    webhook_outbox.c.spread == 1, webhook_outbox.c.at_ms < before_ms
                )
            )
            await connection.execute(
                delete(webhook_deliveries).where(
                    webhook_deliveries.c.state != "waiting", webhook_deliveries.c.at_ms < before_ms
                )
            )
        return done.rowcount

    async def tell_ready(self, room_id: str, order_id: str, now_ms: int) -> bool:
        """Write the news that an order can be shipped, once. Refused not_found."""
        mine = (orders.c.order_id == order_id) & (orders.c.room_id == room_id)
        async with sql_answering(), self._engine.begin() as connection:
            # A write first, so that a refund of the order waits until the news is written.
            done = await connection.execute(
                update(orders)
                .where(mine, orders.c.status.in_(SHIPPABLE))
                .values(status=orders.c.status)
            )
            if done.rowcount == 1:
                await tell_webhooks(connection, [order_id], "order.ready_to_ship", now_ms)
                return True
            known = (await connection.execute(select(orders.c.order_id).where(mine))).first()
        if known is None:
            raise not_found("order")
        return False


_NEWS = (
    select(webhook_outbox)
    .where(webhook_outbox.c.spread == 0)
    .order_by(webhook_outbox.c.number)
    .limit(MOST)
)
_WAITING = webhook_deliveries.c
_DUE = (
    select(webhook_deliveries, webhooks)
    .join(webhooks, webhooks.c.webhook_id == _WAITING.webhook_id)
    .where(_WAITING.state == "waiting", _WAITING.next_ms <= bindparam("now_ms"))
    .order_by(_WAITING.next_ms, _WAITING.at_ms)
    .limit(MOST)
)


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(
        webhook_id=row.webhook_id,
        room_id=row.room_id,
        url=row.url,
        secret=row.secret,
        events=tuple(row.events.split(",")),
        created_ms=row.created_ms,
    )

"""A room's orders, payments, refunds and commissions as CSV, in bounded pages from SQL."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncEngine

from flash_sale.csv_cells import safe_cell
from flash_sale.storage.sql import sql_answering
from flash_sale.storage.tables import order_lines, orders, payments, refunds
from flash_sale.storage.tables_rewards import commissions

PAGE_ROWS_MAX = 1_000
ROWS_MAX = 200_000  # of one export, about 40 MB


class SqlExports:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def csv(self, kind: str, room_id: str) -> AsyncIterator[bytes]:
        """UTF-8 with a byte order mark, which spreadsheets need; oldest rows first."""
        query = QUERIES[kind]
        names = [column.name for column in query.selected_columns]
        yield "\ufeff".encode() + _rows([names])
        for first in range(0, ROWS_MAX, PAGE_ROWS_MAX):
            page = query.where(ROOM_OF[kind] == room_id).offset(first).limit(PAGE_ROWS_MAX)
            async with sql_answering(), self._engine.connect() as connection:
                rows = (await connection.execute(page)).all()
            if rows:
                yield _rows([[safe_cell(value) for value in row] for row in rows])
            if len(rows) < PAGE_ROWS_MAX:
                return


def _rows(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


ROOM_OF: dict[str, Any] = {
    "orders": orders.c.room_id,
    "payments": orders.c.room_id,
    "refunds": orders.c.room_id,
    "commissions": commissions.c.room_id,
}
QUERIES: dict[str, Select[Any]] = {
    "orders": select(
        orders.c.order_id,
        orders.c.sale_id,
        orders.c.user_id,
        orders.c.status,
        order_lines.c.position,
        order_lines.c.sku_id,
        order_lines.c.product_id,
        order_lines.c.title,
        order_lines.c.qty,
        order_lines.c.unit_cents,
        orders.c.amount_cents.label("order_cents"),
        orders.c.currency,
        orders.c.created_ms,
        orders.c.paid_ms,
        orders.c.payment_id,
    )
    .join(order_lines, order_lines.c.order_id == orders.c.order_id)
    .order_by(orders.c.created_ms, orders.c.order_id, order_lines.c.position),
    "payments": select(
        payments.c.payment_id,
        payments.c.order_id,
        payments.c.provider,
        payments.c.reference,
        payments.c.amount_cents,
        payments.c.refunded_cents,
        payments.c.currency,
        payments.c.status,
        payments.c.resolution,
        payments.c.created_ms,
        payments.c.captured_ms,
    )
    .join(orders, orders.c.order_id == payments.c.order_id)
    .order_by(payments.c.created_ms, payments.c.payment_id),
    "refunds": select(
        refunds.c.refund_id,
        refunds.c.payment_id,
        refunds.c.order_id,
        refunds.c.amount_cents,
        refunds.c.currency,
        refunds.c.reason,
        refunds.c.status,
        refunds.c.actor,
        refunds.c.stock,
        refunds.c.created_ms,
        refunds.c.ended_ms,
    )
    .join(orders, orders.c.order_id == refunds.c.order_id)
    .order_by(refunds.c.created_ms, refunds.c.refund_id),
    "commissions": select(
        commissions.c.order_id,
        commissions.c.position,
        commissions.c.host_id,
        commissions.c.product_id,
        commissions.c.sku_id,
        commissions.c.base_cents,
        commissions.c.rate_bp,
        commissions.c.commission_cents,
        commissions.c.reversed_cents,
        commissions.c.state,
        commissions.c.created_ms,
    ).order_by(commissions.c.created_ms, commissions.c.order_id, commissions.c.position),
}

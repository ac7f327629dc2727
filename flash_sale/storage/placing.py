"""Reservations become rows of orders, many at once: the way every order takes, so it is short.

The rows are made of the reservations themselves; an `Order` is only built where something asks for
one. No transactions here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from flash_sale.orders import OrderStatus, Reservation, ReservedLine, order_of
from flash_sale.ports import StoredAnswer
from flash_sale.sale import Sale
from flash_sale.storage.followers import follow_new
from flash_sale.storage.sql import insert_many
from flash_sale.storage.tables import order_lines, orders

Placed = tuple[Reservation, StoredAnswer | None]

ORDER_COLUMNS = (
    "order_id", "sale_id", "room_id", "user_id", "key", "fingerprint", "answer", "status",
    "amount_cents", "currency", "created_ms", "pay_by_ms", "expires_ms", "journal_seq", "channel",
)  # fmt: skip
LINE_COLUMNS = (
    "order_id", "position", "sku_id", "product_id", "title", "qty", "unit_cents", "origin",
)  # fmt: skip


async def insert_orders(connection: AsyncConnection, sale: Sale, placed: Sequence[Placed]) -> None:
    """Rows of placed orders. Later moves come by themselves: from the journal or the payment."""
    if not placed:
        return
    orders_key, lines_key = ("order_id",), ("order_id", "position")
    await insert_many(connection, orders, orders_key, ORDER_COLUMNS, _order_rows(sale, placed))
    await insert_many(connection, order_lines, lines_key, LINE_COLUMNS, _line_rows(sale, placed))
    reservations = [reservation for reservation, _ in placed]
    await follow_new(
        connection,
        sale,
        reservations,
        lambda: [order_of(r, sale, answer.json if answer else None) for r, answer in placed],
    )


def _order_rows(sale: Sale, placed: Sequence[Placed]) -> list[tuple[object, ...]]:
    sale_id, room_id, currency = sale.sale_id, sale.room_id, sale.currency
    status = OrderStatus.PLACED.value
    return [
        (
            "o" + r.suffix,
            sale_id,
            room_id,
            r.user_id,
            r.key,
            answer.fingerprint if answer else None,
            answer.json if answer else None,
            status,
            r.amount_cents,
            currency,
            r.created_ms,
            r.pay_by_ms,
            r.expires_ms,
            r.journal_seq,
            r.channel,
        )
        for r, answer in placed
    ]


def _line_rows(sale: Sale, placed: Sequence[Placed]) -> list[tuple[object, ...]]:
    names = {sku.sku_id: (sku.product_id, sku.title) for sku in sale.skus}
    known: dict[int, list[tuple[object, ...]]] = {}  # a batch's equal lines are one object
    rows = []
    for r, _ in placed:
        columns = known.get(id(r.lines))
        if columns is None:
            columns = known[id(r.lines)] = _line_columns(r.lines, names)
        order_id = "o" + r.suffix
        rows += [(order_id, *its) for its in columns]
    return rows


def _line_columns(
    lines: Sequence[ReservedLine], names: Mapping[str, tuple[str, str]]
) -> list[tuple[object, ...]]:
    """All of the lines' rows but whose they are."""
    return [
        (
            position,
            line.sku_id,
            *names.get(line.sku_id, ("", line.sku_id)),
            line.qty,
            line.unit_cents,
            line.origin or None,
        )
        for position, line in enumerate(lines)
    ]

"""A sale as the server's database has it, read by plain SQL beside the server.

For proofs with a server of their own: what SQL says cannot be asked over the public protocol while
Redis or the workers are down. Reads only, judges nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

ORDERS = "SELECT order_id, user_id, key, status, payment_id, paid_ms FROM orders WHERE sale_id = :s"
LINES = (
    "SELECT order_id, sku_id, qty FROM order_lines WHERE order_id IN"
    " (SELECT order_id FROM orders WHERE sale_id = :s)"
)
MORE_KEYS = "SELECT user_id, key FROM order_keys WHERE sale_id = :s"
PAYMENTS = (
    "SELECT p.payment_id, p.order_id, p.amount_cents, p.status, p.resolution,"
    " b.status AS bank_status, b.amount_cents AS bank_cents"
    " FROM payments p LEFT JOIN sandbox_bank b ON b.payment_id = p.payment_id"
    " WHERE p.order_id IN (SELECT order_id FROM orders WHERE sale_id = :s)"
)
REFUNDS = (
    "SELECT payment_id, order_id, amount_cents, status FROM refunds WHERE order_id IN"
    " (SELECT order_id FROM orders WHERE sale_id = :s)"
)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ledger:
    """One sale's rows. `keys` are (user id, key) of every hold and of every hold shown again."""

    orders: list[Row]
    payments: list[Row]
    refunds: list[Row]
    keys: frozenset[tuple[str, str]]

    @property
    def order_ids(self) -> frozenset[str]:
        return frozenset(order["order_id"] for order in self.orders)

    @property
    def by_user(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        for order in self.orders:
            found[order["user_id"]].append(order)
        return found


class Books:
    """Opens the database anew for each look, so that its absence breaks nothing."""

    def __init__(self, database_url: str) -> None:
        self._engine = create_async_engine(database_url, poolclass=NullPool)

    async def ledger(self, sale_id: str) -> Ledger:
        """As of one moment: what moves between two questions would seem to be in neither place.

        Raises what the driver raises when the database is away.
        """
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level="SERIALIZABLE")
            if connection.dialect.name == "sqlite":
                await connection.exec_driver_sql("BEGIN")  # its driver begins with a write only
            orders = await _rows(connection, ORDERS, sale_id)
            lines: dict[str, list[Row]] = defaultdict(list)
            for line in await _rows(connection, LINES, sale_id):
                lines[line["order_id"]].append(line)
            for order in orders:
                order["reservation_id"] = f"r{order['order_id'][1:]}"
                order["lines"] = lines[order["order_id"]]
            more = await _rows(connection, MORE_KEYS, sale_id)
            return Ledger(
                orders=orders,
                payments=await _rows(connection, PAYMENTS, sale_id),
                refunds=await _rows(connection, REFUNDS, sale_id),
                keys=frozenset((row["user_id"], row["key"]) for row in (*orders, *more)),
            )


async def _rows(connection: AsyncConnection, statement: str, sale_id: str) -> list[Row]:
    found = await connection.execute(text(statement), {"s": sale_id})
    return [dict(row) for row in found.mappings()]

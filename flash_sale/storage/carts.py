"""Carts and add-on offers in SQL: `flash_sale.cart.CartLedger`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from flash_sale.cart import CartLine
from flash_sale.pricing import AddOn
from flash_sale.storage.sql import insert_new, sql_answering
from flash_sale.storage.tables_rewards import add_ons, carts


class _Full(Exception):
    """Roll back: the cart has no room."""


class SqlCarts:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def lines(self, user_id: str, room_id: str) -> list[CartLine]:
        """In the order they were put in."""
        chosen = (
            select(carts.c.sale_id, carts.c.sku_id, carts.c.qty)
            .where(carts.c.user_id == user_id, carts.c.room_id == room_id)
            .order_by(carts.c.put_ms, carts.c.sale_id, carts.c.sku_id)
        )
        async with sql_answering(), self._engine.connect() as connection:
            return [CartLine(*row) for row in await connection.execute(chosen)]

    async def put(
        self, user_id: str, room_id: str, line: CartLine, *, now_ms: int, lines_max: int
    ) -> bool:
        row = {
            "user_id": user_id,
            "room_id": room_id,
            "sale_id": line.sale_id,
            "sku_id": line.sku_id,
            "qty": line.qty,
            "put_ms": now_ms,
        }
        mine = (carts.c.user_id == user_id) & (carts.c.room_id == room_id)
        this = (carts.c.sale_id == line.sale_id) & (carts.c.sku_id == line.sku_id)
        keys = ["user_id", "room_id", "sale_id", "sku_id"]
        try:
            async with sql_answering(), self._engine.begin() as connection:
                await connection.execute(insert_new(connection, carts, keys).values(row))
                await connection.execute(update(carts).where(mine, this).values(qty=line.qty))
                count = select(func.count()).select_from(carts).where(mine)
                if int((await connection.execute(count)).scalar_one()) > lines_max:
                    raise _Full
        except _Full:
            return False
        return True

    async def remove(
        self, user_id: str, room_id: str, sale_id: str, sku_ids: Sequence[str]
    ) -> None:
        async with sql_answering(), self._engine.begin() as connection:
            await connection.execute(
                delete(carts).where(
                    carts.c.user_id == user_id,
                    carts.c.room_id == room_id,
                    carts.c.sale_id == sale_id,
                    carts.c.sku_id.in_(list(sku_ids)),
                )
            )

    async def put_add_on(self, room_id: str, sale_id: str, offer: AddOn) -> None:
        terms = {"unit_cents": offer.unit_cents, "threshold_cents": offer.threshold_cents}
        row = {"sale_id": sale_id, "sku_id": offer.sku_id, "room_id": room_id, **terms}
        this = (add_ons.c.sale_id == sale_id) & (add_ons.c.sku_id == offer.sku_id)
        async with sql_answering(), self._engine.begin() as connection:
            statement = insert_new(connection, add_ons, ["sale_id", "sku_id"])
            await connection.execute(statement.values(row))
            await connection.execute(update(add_ons).where(this).values(terms))

    async def remove_add_on(self, sale_id: str, sku_id: str) -> None:
        async with sql_answering(), self._engine.begin() as connection:
            await connection.execute(
                delete(add_ons).where(add_ons.c.sale_id == sale_id, add_ons.c.sku_id == sku_id)
            )

    async def add_ons(self, sale_id: str) -> list[AddOn]:
        chosen = select(add_ons).where(add_ons.c.sale_id == sale_id).order_by(add_ons.c.sku_id)
        async with sql_answering(), self._engine.connect() as connection:
            return [
                AddOn(row.sku_id, row.unit_cents, row.threshold_cents)
                for row in await connection.execute(chosen)
            ]

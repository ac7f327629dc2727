"""Plans of checkouts in SQL: `flash_sale.checkout_plan.PlanLedger`."""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flash_sale.checkout_plan import CheckoutPlan, PlannedSale, plan_of_text
from flash_sale.storage.sql import insert_new, sql_answering
from flash_sale.storage.tables_rewards import carts, checkout_plans


class SqlCheckoutPlans:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def plan(self, user_id: str, room_id: str, key: str) -> CheckoutPlan | None:
        async with sql_answering(), self._engine.connect() as connection:
            return await _plan(connection, user_id, room_id, key)

    async def keep_plan(
        self, user_id: str, room_id: str, key: str, plan: CheckoutPlan, now_ms: int
    ) -> CheckoutPlan:
        """The plan of the key: this one, or what an attempt before wrote down."""
        row = {
            "user_id": user_id,
            "room_id": room_id,
            "key": key,
            "plan": plan.text,
            "done": 0,
            "created_ms": now_ms,
        }
        async with sql_answering(), self._engine.begin() as connection:
            statement = insert_new(connection, checkout_plans, ["user_id", "room_id", "key"])
            await connection.execute(statement.values(row))
            return await _plan(connection, user_id, room_id, key) or plan

    async def take_out(
        self, user_id: str, room_id: str, key: str, nth: int, sold: PlannedSale
    ) -> bool:
        """Take what the plan's `nth` sale sold out of the cart, once; more put in since stays."""
        bit = 1 << nth
        this = (checkout_plans.c.user_id == user_id) & (checkout_plans.c.room_id == room_id)
        of_sale = (carts.c.user_id == user_id) & (carts.c.room_id == room_id)
        of_sale &= carts.c.sale_id == sold.sale_id
        async with sql_answering(), self._engine.begin() as connection:
            done = await connection.execute(
                update(checkout_plans)
                .where(this, checkout_plans.c.key == key)
                .where(checkout_plans.c.done.bitwise_and(bit) == 0)
                .values(done=checkout_plans.c.done + bit)
            )
            if done.rowcount != 1:
                return False
            for sku_id, qty in sorted(sold.lines):
                line = of_sale & (carts.c.sku_id == sku_id)
                await connection.execute(update(carts).where(line).values(qty=carts.c.qty - qty))
                await connection.execute(delete(carts).where(line, carts.c.qty <= 0))
        return True

    async def forget_plans(self, before_ms: int) -> int:
        async with sql_answering(), self._engine.begin() as connection:
            done = await connection.execute(
                delete(checkout_plans).where(checkout_plans.c.created_ms < before_ms)
            )
        return done.rowcount


async def _plan(
    connection: AsyncConnection, user_id: str, room_id: str, key: str
) -> CheckoutPlan | None:
    chosen = select(checkout_plans.c.plan).where(
        checkout_plans.c.user_id == user_id,
        checkout_plans.c.room_id == room_id,
        checkout_plans.c.key == key,
    )
    text = (await connection.execute(chosen)).scalar_one_or_none()
    return plan_of_text(text) if text is not None else None

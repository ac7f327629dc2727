"""What is held with reservations, in SQL: `flash_sale.ports_rewards.BenefitLedger`.

A hold is keyed like the buy it goes with. It is let go only when no attempt of that buy can still
become a reservation, so one coupon never gives two discounts; and the order's own moves release
or use it in their transaction (`followers.py`), so none is lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flash_sale.errors import Refused
from flash_sale.ports_rewards import BenefitHold
from flash_sale.pricing import AddOn, Quote
from flash_sale.storage.benefit_parts import retake_parts
from flash_sale.storage.benefit_rows import give_back, spend_points, take_back, take_claim
from flash_sale.storage.sql import insert_new, sql_answering
from flash_sale.storage.tables_rewards import add_ons, benefit_holds


class _Undo(Exception):
    """Roll the transaction back; the answer is no."""


class SqlBenefits:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, sale_id: str, user_id: str, key: str) -> BenefitHold | None:
        chosen = select(benefit_holds).where(
            benefit_holds.c.hold_id == hold_id_of(sale_id, user_id, key)
        )
        async with sql_answering(), self._engine.connect() as connection:
            row = (await connection.execute(chosen)).one_or_none()
        return _hold_of_row(row) if row is not None else None

    async def hold(
        self,
        sale_id: str,
        user_id: str,
        key: str,
        ask: str,
        quoted: Quote,
        claim_ids: Sequence[str],
        now_ms: int,
    ) -> BenefitHold:
        """Keep coupons and points for a buy, all or none, with one attempt in flight.

        If the buy has a hold for the same ask already, it has one attempt more. Look at the
        `ask` of what comes back.
        Refused: coupon_unavailable, points_short.
        """
        hold_id = hold_id_of(sale_id, user_id, key)
        row = {
            "hold_id": hold_id,
            "sale_id": sale_id,
            "user_id": user_id,
            "key": key,
            **_terms(ask, quoted, now_ms),
            "round": 1,
        }
        async with sql_answering(), self._engine.begin() as connection:
            done = await connection.execute(
                insert_new(connection, benefit_holds, ["hold_id"]).values(row)
            )
            fresh = done.rowcount == 1 or await _renew(connection, hold_id, ask, quoted, now_ms)
            if fresh:
                for claim_id in claim_ids:
                    if not await take_claim(connection, claim_id, hold_id, now_ms):
                        raise Refused("coupon_unavailable", "This coupon is in use or has lapsed.")
                await spend_points(connection, hold_id, now_ms)
            else:
                await _join(connection, hold_id, ask, now_ms)
        found = await self.find(sale_id, user_id, key)
        assert found is not None
        return found

    async def leave(self, hold_id: str, now_ms: int) -> bool:
        """An attempt was refused for certain; the last one to leave lets the hold go."""
        pending = (benefit_holds.c.hold_id == hold_id) & (benefit_holds.c.state == "pending")
        async with sql_answering(), self._engine.begin() as connection:
            await connection.execute(
                update(benefit_holds).where(pending).values(in_flight=benefit_holds.c.in_flight - 1)
            )
            done = await connection.execute(
                update(benefit_holds)
                .where(pending, benefit_holds.c.in_flight <= 0)
                .values(state="released")
            )
            if done.rowcount == 1:
                await give_back(connection, hold_id, now_ms)
        return done.rowcount == 1

    async def retake(self, order_id: str, now_ms: int) -> bool:
        """Before a lapsed order is taken up again: have its coupons and points once more.

        True also when it had none; False when they are with another order by now.
        """
        try:
            async with sql_answering(), self._engine.begin() as connection:
                done = await connection.execute(
                    update(benefit_holds)
                    .where(
                        benefit_holds.c.order_id == order_id, benefit_holds.c.state == "released"
                    )
                    .values(state="bound")
                )
                if done.rowcount != 1:
                    if not await retake_parts(connection, order_id, now_ms):
                        raise _Undo
                    return True
                chosen = select(benefit_holds.c.hold_id).where(benefit_holds.c.order_id == order_id)
                hold_id = (await connection.execute(chosen)).scalar_one()
                if not await take_back(connection, hold_id, now_ms):
                    raise _Undo
        except _Undo:
            return False
        return True

    async def doubtful(self, looked_before_ms: int, limit: int) -> list[BenefitHold]:
        """Holds whose buy never got an answer, least recently looked at first."""
        chosen = (
            select(benefit_holds)
            .where(
                benefit_holds.c.state == "pending", benefit_holds.c.looked_ms <= looked_before_ms
            )
            .order_by(benefit_holds.c.looked_ms)
            .limit(limit)
        )
        async with sql_answering(), self._engine.connect() as connection:
            return [_hold_of_row(row) for row in await connection.execute(chosen)]

    async def note_looked(self, hold_id: str, now_ms: int) -> None:
        async with sql_answering(), self._engine.begin() as connection:
            await connection.execute(
                update(benefit_holds)
                .where(benefit_holds.c.hold_id == hold_id, benefit_holds.c.state == "pending")
                .values(looked_ms=now_ms)
            )

    async def abandon(self, hold_id: str, now_ms: int) -> bool:
        """Let a hold go whose buy is known not to have become a reservation.

        False when an attempt of the buy came since it was looked at.
        """
        async with sql_answering(), self._engine.begin() as connection:
            done = await connection.execute(
                update(benefit_holds)
                .where(
                    benefit_holds.c.hold_id == hold_id,
                    benefit_holds.c.state == "pending",
                    benefit_holds.c.looked_ms > benefit_holds.c.created_ms,
                )
                .values(state="released")
            )
            if done.rowcount == 1:
                await give_back(connection, hold_id, now_ms)
        return done.rowcount == 1

    async def add_ons_of(self, sale_id: str, sku_ids: Sequence[str]) -> list[AddOn]:
        chosen = select(add_ons).where(
            add_ons.c.sale_id == sale_id, add_ons.c.sku_id.in_(list(sku_ids))
        )
        async with sql_answering(), self._engine.connect() as connection:
            return [
                AddOn(row.sku_id, row.unit_cents, row.threshold_cents)
                for row in await connection.execute(chosen)
            ]


def hold_id_of(sale_id: str, user_id: str, key: str) -> str:
    text = f"{sale_id}\n{user_id}\n{key}".encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _terms(ask: str, quoted: Quote, now_ms: int) -> dict[str, object]:
    return {
        "ask": ask,
        "state": "pending",
        "in_flight": 1,
        "points": quoted.points,
        "off_cents": quoted.off_cents,
        "discounts": orjson.dumps([d.to_wire() for d in quoted.discounts]).decode(),
        "created_ms": now_ms,
        "looked_ms": now_ms,
    }


async def _renew(
    connection: AsyncConnection, hold_id: str, ask: str, quoted: Quote, now_ms: int
) -> bool:
    """A refused buy asked again with its key: the released hold starts over."""
    done = await connection.execute(
        update(benefit_holds)
        .where(
            benefit_holds.c.hold_id == hold_id,
            benefit_holds.c.state == "released",
            benefit_holds.c.order_id.is_(None),
        )
        .values(**_terms(ask, quoted, now_ms), round=benefit_holds.c.round + 1)
    )
    return done.rowcount == 1


async def _join(connection: AsyncConnection, hold_id: str, ask: str, now_ms: int) -> None:
    await connection.execute(
        update(benefit_holds)
        .where(
            benefit_holds.c.hold_id == hold_id,
            benefit_holds.c.state == "pending",
            benefit_holds.c.ask == ask,
        )
        .values(in_flight=benefit_holds.c.in_flight + 1, created_ms=now_ms, looked_ms=now_ms)
    )


def _hold_of_row(row: Row[Any]) -> BenefitHold:
    return BenefitHold(
        hold_id=row.hold_id,
        sale_id=row.sale_id,
        user_id=row.user_id,
        key=row.key,
        ask=row.ask,
        state=row.state,
        points=row.points,
        off_cents=row.off_cents,
        discounts=row.discounts,
        order_id=row.order_id,
        created_ms=row.created_ms,
        looked_ms=row.looked_ms,
    )

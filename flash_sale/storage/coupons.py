"""Coupons and their claims in SQL: `flash_sale.ports_rewards.CouponLedger`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from flash_sale.coupons import Claim, ClaimState, Coupon, Scope, Segment, Task
from flash_sale.orders import OrderStatus
from flash_sale.ports_rewards import OwnedCoupon
from flash_sale.storage.sql import MOST, insert_new, sql_answering
from flash_sale.storage.tables import orders
from flash_sale.storage.tables_rewards import coupon_claims, coupons

BOUGHT = (OrderStatus.PAID, OrderStatus.PARTIALLY_REFUNDED)


class SqlCoupons:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add_coupon(self, coupon: Coupon) -> bool:
        """False when its id is taken."""
        row = {
            "coupon_id": coupon.coupon_id,
            "room_id": coupon.room_id,
            "title": coupon.title,
            "scope": coupon.scope.value,
            "off_cents": coupon.off_cents,
            "percent": coupon.percent,
            "threshold_cents": coupon.threshold_cents,
            "quota": coupon.quota,
            "per_user": coupon.per_user,
            "valid_s": coupon.valid_s,
            "task": coupon.task.value,
            "watch_s": coupon.watch_s,
            "segment": coupon.segment.value,
            "repurchase": coupon.repurchase.value if coupon.repurchase is not None else "",
            "created_ms": coupon.created_ms,
            "closes_ms": coupon.closes_ms,
        }
        try:
            async with sql_answering(), self._engine.begin() as connection:
                await connection.execute(insert(coupons).values(row))
        except IntegrityError:
            return False
        return True

    async def coupon(self, coupon_id: str) -> Coupon | None:
        chosen = select(coupons).where(coupons.c.coupon_id == coupon_id)
        async with sql_answering(), self._engine.connect() as connection:
            row = (await connection.execute(chosen)).one_or_none()
        return coupon_of_row(row) if row is not None else None

    async def claimable(self, after_ms: int, limit: int) -> list[Coupon]:
        """Those whose claiming ends after `after_ms`, latest first."""
        at = {"after_ms": after_ms, "most": limit}
        async with sql_answering(), self._engine.connect() as connection:
            return [coupon_of_row(row) for row in await connection.execute(_CLAIMABLE, at)]

    async def add_claims(self, coupon: Coupon, claims: Sequence[Claim]) -> None:
        """Known ones stay as they are."""
        rows = [
            {
                "claim_id": claim.claim_id,
                "coupon_id": claim.coupon_id,
                "user_id": claim.user_id,
                "number": claim.number,
                "key": claim.key,
                "claimed_ms": claim.claimed_ms,
                "expires_ms": claim.claimed_ms + coupon.valid_s * 1000,
                "state": ClaimState.CLAIMED.value,
            }
            for claim in claims
        ]
        if rows:
            async with sql_answering(), self._engine.begin() as connection:
                statement = insert_new(connection, coupon_claims, ["claim_id"])
                await connection.execute(statement, rows)

    async def claims_after(self, coupon_id: str, claim_id: str, limit: int) -> list[Claim]:
        """A page of a coupon's claims, in the order of their ids."""
        chosen = (
            select(coupon_claims)
            .where(coupon_claims.c.coupon_id == coupon_id, coupon_claims.c.claim_id > claim_id)
            .order_by(coupon_claims.c.claim_id)
            .limit(limit)
        )
        async with sql_answering(), self._engine.connect() as connection:
            rows = await connection.execute(chosen)
            return [
                Claim(row.coupon_id, row.user_id, row.number, row.key, row.claimed_ms)
                for row in rows
            ]

    async def owned(self, user_id: str, limit: int) -> list[OwnedCoupon]:
        """Newest first."""
        chosen = (
            select(
                coupons,
                coupon_claims.c.number,
                coupon_claims.c.claimed_ms,
                coupon_claims.c.expires_ms,
                coupon_claims.c.state,
                coupon_claims.c.key,
            )
            .join(coupons, coupons.c.coupon_id == coupon_claims.c.coupon_id)
            .where(coupon_claims.c.user_id == user_id)
            .order_by(coupon_claims.c.claimed_ms.desc(), coupon_claims.c.claim_id)
            .limit(limit)
        )
        async with sql_answering(), self._engine.connect() as connection:
            return [
                OwnedCoupon(
                    coupon_of_row(row),
                    row.number,
                    row.claimed_ms,
                    row.expires_ms,
                    row.state,
                    row.key,
                )
                for row in await connection.execute(chosen)
            ]

    async def usable(self, coupon_id: str, user_id: str, now_ms: int) -> str | None:
        """The claim to use next: the one that lapses first."""
        chosen = (
            select(coupon_claims.c.claim_id)
            .where(
                coupon_claims.c.coupon_id == coupon_id,
                coupon_claims.c.user_id == user_id,
                coupon_claims.c.state == ClaimState.CLAIMED.value,
                coupon_claims.c.expires_ms > now_ms,
            )
            .order_by(coupon_claims.c.expires_ms, coupon_claims.c.number)
            .limit(1)
        )
        async with sql_answering(), self._engine.connect() as connection:
            claim_id: str | None = (await connection.execute(chosen)).scalar_one_or_none()
        return claim_id

    async def has_bought(self, user_id: str, room_id: str) -> bool:
        chosen = (
            select(orders.c.order_id)
            .where(
                orders.c.user_id == user_id,
                orders.c.room_id == room_id,
                orders.c.status.in_(BOUGHT),
            )
            .limit(1)
        )
        async with sql_answering(), self._engine.connect() as connection:
            return (await connection.execute(chosen)).first() is not None


_CLAIMABLE = (
    select(coupons)
    .where(coupons.c.closes_ms > bindparam("after_ms"))
    .order_by(coupons.c.closes_ms.desc())
    .limit(MOST)
)


def coupon_of_row(row: Row[Any]) -> Coupon:
    return Coupon(
        coupon_id=row.coupon_id,
        room_id=row.room_id,
        title=row.title,
        quota=row.quota,
        created_ms=row.created_ms,
        off_cents=row.off_cents,
        percent=row.percent,
        threshold_cents=row.threshold_cents,
        per_user=row.per_user,
        valid_s=row.valid_s,
        scope=Scope(row.scope),
        task=Task(row.task),
        watch_s=row.watch_s,
        segment=Segment(row.segment),
        repurchase=Segment(row.repurchase) if row.repurchase else None,
    )

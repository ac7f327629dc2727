"""Doors in SQL: `flash_sale.door_ports.DoorLedger`."""

from __future__ import annotations

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from flash_sale.doors import Door, Limits
from flash_sale.errors import Refused
from flash_sale.storage.sql import sql_answering
from flash_sale.storage.tables import sale_doors


class SqlDoors:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, door: Door) -> None:
        """Store a door, before its sale exists. Refused: conflict when there is another one."""
        row = {
            "sale_id": door.sale_id,
            "seed": door.seed,
            "rate_per_s": door.rate_per_s,
            "opens_before_s": door.opens_before_s,
            "puzzle_bits": door.puzzle_bits,
            "limit_user": door.limits.user,
            "limit_device": door.limits.device,
            "limit_address": door.limits.address,
        }
        try:
            async with sql_answering(), self._engine.begin() as connection:
                await connection.execute(insert(sale_doors).values(row))
        except IntegrityError as taken:
            stored = await self.door(door.sale_id)
            if stored is None or not door.same_rules(stored):
                raise Refused("conflict", "A sale of this id exists.") from taken

    async def door(self, sale_id: str) -> Door | None:
        chosen = select(sale_doors).where(sale_doors.c.sale_id == sale_id)
        async with sql_answering(), self._engine.connect() as connection:
            row = (await connection.execute(chosen)).one_or_none()
        if row is None:
            return None
        return Door(
            sale_id=row.sale_id,
            seed=row.seed,
            rate_per_s=row.rate_per_s,
            opens_before_s=row.opens_before_s,
            puzzle_bits=row.puzzle_bits,
            limits=Limits(row.limit_user, row.limit_device, row.limit_address),
        )

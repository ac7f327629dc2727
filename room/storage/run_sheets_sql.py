"""Run-sheets in SQL, each a row changed only over the revision it was read at."""

from __future__ import annotations

from typing import Final, cast

import msgspec
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from room.run_sheet import Sheet
from room.storage.engine import SqlStore
from room.storage.tables import run_sheets

_SHEET: Final = msgspec.json.Decoder(Sheet)


class SqlRunSheets(SqlStore):
    """Implements `room.run_sheets.SheetStore` on SQLite and PostgreSQL."""

    async def load_sheet(self, room_id: str) -> Sheet | None:
        query = select(run_sheets.c.sheet).where(run_sheets.c.room_id == room_id)
        async with self._connection() as connection:
            blob = (await connection.execute(query)).scalar_one_or_none()
        return _SHEET.decode(cast(bytes, blob)) if blob is not None else None

    async def save_sheet(self, room_id: str, sheet: Sheet, *, over_rev: int, now_ms: int) -> bool:
        row = {
            "rev": sheet.rev,
            "done": sheet.done,
            "sheet": msgspec.json.encode(sheet),
            "updated_ms": now_ms,
        }
        try:
            async with self._connection() as connection:
                if over_rev == 0:
                    await connection.execute(run_sheets.insert().values(room_id=room_id, **row))
                    return True
                kept = (run_sheets.c.room_id == room_id) & (run_sheets.c.rev == over_rev)
                changed = await connection.execute(update(run_sheets).where(kept).values(**row))
                return changed.rowcount == 1
        except IntegrityError:
            return False  # somebody else's is the first

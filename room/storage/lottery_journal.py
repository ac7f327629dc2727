"""Every receipt that was given out, in SQL, until the lottery is drawn.

A receipt is written here before it is told, so what Redis loses of its entries can be put back as
the entrants know it, or the loss is at least known.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, desc, select

from room.prize_ports import Entry
from room.storage.engine import SqlStore
from room.storage.tables import lottery_entries

_INDEX = lottery_entries.c.idx


class SqlJournal(SqlStore):
    """Implements `room.prize_ports.EntryJournal`."""

    async def note_entries(self, lottery_id: str, entries: Sequence[Entry]) -> bool:
        rows = [
            {
                "lottery_id": lottery_id,
                "idx": entry.index,
                "user_id": entry.user_id,
                "name": entry.name,
                "running_hash": entry.running_hash,
            }
            for entry in entries
        ]
        if not rows:
            return True
        insert = self._insert(lottery_entries).values(rows).on_conflict_do_nothing()
        chosen = select(_INDEX, lottery_entries.c.running_hash).where(
            lottery_entries.c.lottery_id == lottery_id,
            _INDEX.in_([entry.index for entry in entries]),
        )
        async with self._connection() as connection:
            written = (await connection.execute(insert.returning(_INDEX))).all()
            if len(written) == len(rows):
                return True
            known = {row.idx: row.running_hash for row in await connection.execute(chosen)}
        return all(known.get(entry.index) == entry.running_hash for entry in entries)

    async def noted_entries(self, lottery_id: str) -> list[Entry]:
        chosen = (
            select(lottery_entries)
            .where(lottery_entries.c.lottery_id == lottery_id)
            .order_by(_INDEX)
        )
        async with self._connection() as connection:
            rows = (await connection.execute(chosen)).all()
        return [Entry(row.idx, row.user_id, row.name, row.running_hash) for row in rows]

    async def last_entry(self, lottery_id: str) -> Entry | None:
        chosen = (
            select(lottery_entries)
            .where(lottery_entries.c.lottery_id == lottery_id)
            .order_by(desc(_INDEX))
            .limit(1)
        )
        async with self._connection() as connection:
            row = (await connection.execute(chosen)).one_or_none()
        return None if row is None else Entry(row.idx, row.user_id, row.name, row.running_hash)

    async def forget_entries(self, lottery_id: str) -> None:
        async with self._connection() as connection:
            await connection.execute(
                delete(lottery_entries).where(lottery_entries.c.lottery_id == lottery_id)
            )

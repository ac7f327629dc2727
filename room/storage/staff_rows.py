"""What staff did and which words a room forbids, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import desc, select

from room.ports import StaffAct
from room.storage.engine import SqlStore
from room.storage.tables import room_words, staff_acts
from room.word_lists import WordLists

ACTS_READ_MAX: Final = 1_000


class StaffRows(SqlStore):
    """The part of `room.ports.RoomArchive` that staff and their words need."""

    async def record_staff_acts(self, acts: Sequence[StaffAct]) -> None:
        rows = [
            {
                "room_id": act.room_id,
                "actor_id": act.actor.id,
                "actor_name": act.actor.name,
                "actor_role": act.actor.role,
                "op": act.op,
                "detail": msgspec.json.encode(act.detail),
                "at_ms": act.at_ms,
            }
            for act in acts
        ]
        if not rows:
            return
        async with self._connection() as connection:
            await connection.execute(staff_acts.insert(), rows)

    async def staff_acts(
        self, room_id: str, limit: int = 100, before: int | None = None
    ) -> list[dict[str, object]]:
        query = (
            select(staff_acts)
            .where(staff_acts.c.room_id == room_id)
            .order_by(desc(staff_acts.c.act_id))
            .limit(min(limit, ACTS_READ_MAX))
        )
        if before is not None:
            query = query.where(staff_acts.c.act_id < before)
        async with self._connection() as connection:
            rows = (await connection.execute(query)).all()
        return [
            {
                "act_id": row.act_id,
                "actor": {"id": row.actor_id, "name": row.actor_name, "role": row.actor_role},
                "op": row.op,
                "detail": msgspec.json.decode(row.detail),
                "at_ms": row.at_ms,
            }
            for row in rows
        ]

    async def save_words(self, room_id: str, lists: WordLists, now_ms: int) -> None:
        row = {"room_id": room_id, "lists": msgspec.json.encode(lists), "updated_ms": now_ms}
        insert = self._insert(room_words).values(row)
        newer = {name: insert.excluded[name] for name in ("lists", "updated_ms")}
        async with self._connection() as connection:
            await connection.execute(
                insert.on_conflict_do_update(index_elements=["room_id"], set_=newer)
            )

    async def load_words(self, room_id: str) -> WordLists:
        query = select(room_words.c.lists).where(room_words.c.room_id == room_id)
        async with self._connection() as connection:
            blob = (await connection.execute(query)).scalar_one_or_none()
        return msgspec.json.decode(blob, type=WordLists) if blob is not None else WordLists()

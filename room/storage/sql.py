"""What outlives Redis of a room, in SQL. The tables are in `tables.py`.

Every write may be repeated: a snapshot never goes back within its epoch, an event is kept once, a
lottery only moves forward.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, cast

import msgspec
from sqlalchemy import Table, and_, desc, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from room.errors import Unavailable
from room.events import LotteryDrawn, from_wire
from room.lottery import TRANSITIONS, LotteryRecord
from room.ports import Sequenced, Stored
from room.state import apply, decode, encode
from room.storage.tables import lotteries, lottery_wins, room_events, rooms, staff_acts
from room.wire import sequenced

INSERT_ROWS_MAX: Final = 500  # SQLite takes 32,766 parameters a statement
ROWS_MAX: Final = 10_000

_LOTTERY: Final = msgspec.json.Decoder(LotteryRecord)


class SqlArchive:
    """Implements `room.ports.RoomArchive` on SQLite and PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """One transaction. A database that is away or locked is `Unavailable`."""
        try:
            async with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except (DBAPIError, PoolTimeoutError, OSError) as silent:
            raise Unavailable(f"SQL did not answer: {type(silent).__name__}") from silent

    def _insert(self, table: Table) -> Any:  # noqa: ANN401 - the two dialects share no type
        """An INSERT that knows ON CONFLICT, which SQLAlchemy has per dialect only."""
        if self._engine.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)

    async def save_room(self, stored: Stored, now_ms: int) -> None:
        row = {
            "room_id": stored.state.room_id,
            "epoch": stored.epoch,
            "seq": stored.seq,
            "title": stored.state.title,
            "status": stored.state.status,
            "state": encode(stored.state),
            "created_ms": stored.state.created_ms,
            "updated_ms": now_ms,
        }
        insert = self._insert(rooms).values(row)
        not_older = or_(rooms.c.epoch != insert.excluded.epoch, rooms.c.seq <= insert.excluded.seq)
        newer = {name: insert.excluded[name] for name in row if name != "room_id"}
        async with self._connection() as connection:
            await connection.execute(
                insert.on_conflict_do_update(
                    index_elements=["room_id"], set_=newer, where=not_older
                )
            )

    async def load_room(self, room_id: str) -> Stored | None:
        async with self._connection() as connection:
            found = await connection.execute(
                select(rooms.c.epoch, rooms.c.seq, rooms.c.state).where(rooms.c.room_id == room_id)
            )
            row = found.one_or_none()
            if row is None:
                return None
            later = await connection.execute(
                select(room_events.c.raw)
                .where(
                    room_events.c.room_id == room_id,
                    room_events.c.epoch == row.epoch,
                    room_events.c.seq > row.seq,
                )
                .order_by(room_events.c.seq)
            )
            raws = later.scalars().all()
        return _with_later(Stored(row.epoch, row.seq, decode(row.state)), raws)

    async def list_rooms(self, limit: int = 100) -> list[dict[str, object]]:
        query = (
            select(rooms.c.room_id, rooms.c.title, rooms.c.status, rooms.c.updated_ms)
            .order_by(desc(rooms.c.updated_ms), rooms.c.room_id)
            .limit(min(limit, ROWS_MAX))
        )
        async with self._connection() as connection:
            found = await connection.execute(query)
            return [dict(row) for row in found.mappings()]

    async def append_events(self, room_id: str, epoch: str, events: Sequence[Sequenced]) -> None:
        rows = [
            {
                "room_id": room_id,
                "epoch": epoch,
                "seq": event.seq,
                "ts_ms": event.ts,
                "t": event.t,
                "raw": event.raw,
            }
            for event in events
        ]
        if not rows:
            return
        async with self._connection() as connection:
            for start in range(0, len(rows), INSERT_ROWS_MAX):
                insert = self._insert(room_events).values(rows[start : start + INSERT_ROWS_MAX])
                await connection.execute(insert.on_conflict_do_nothing())
            for row in _wins(room_id, events):
                insert = self._insert(lottery_wins).values(row)
                await connection.execute(insert.on_conflict_do_nothing())

    async def wins_of(self, user_id: str, limit: int = 100) -> list[dict[str, object]]:
        query = (
            select(lottery_wins, lotteries.c.record)
            .outerjoin(lotteries, lotteries.c.lottery_id == lottery_wins.c.lottery_id)
            .where(lottery_wins.c.user_id == user_id)
            .order_by(desc(lottery_wins.c.won_ms))
            .limit(min(limit, ROWS_MAX))
        )
        async with self._connection() as connection:
            rows = (await connection.execute(query)).all()
        return [
            {
                "lottery_id": row.lottery_id,
                "room_id": row.room_id,
                "prize": _LOTTERY.decode(row.record).face.prize if row.record else "",
                "rank": row.rank,
                "won_ms": row.won_ms,
            }
            for row in rows
        ]

    async def timeline(self, room_id: str, limit: int = 1_000) -> list[dict[str, object]]:
        query = (
            select(room_events.c.epoch, room_events.c.raw)
            .where(room_events.c.room_id == room_id)
            .order_by(desc(room_events.c.ts_ms), desc(room_events.c.seq))
            .limit(min(limit, ROWS_MAX))
        )
        async with self._connection() as connection:
            rows = (await connection.execute(query)).all()
        return [_timeline_row(row.epoch, row.raw) for row in reversed(rows)]

    async def archived_seq(self, room_id: str) -> tuple[str, int] | None:
        """The place up to which `load_room` could rebuild the room."""
        later = and_(room_events.c.room_id == rooms.c.room_id, room_events.c.epoch == rooms.c.epoch)
        query = (
            select(rooms.c.epoch, rooms.c.seq, func.max(room_events.c.seq).label("event_seq"))
            .outerjoin(room_events, later)
            .where(rooms.c.room_id == room_id)
            .group_by(rooms.c.epoch, rooms.c.seq)
        )
        async with self._connection() as connection:
            row = (await connection.execute(query)).one_or_none()
        return (row.epoch, max(row.seq, row.event_seq or 0)) if row is not None else None

    async def record_staff_act(
        self, room_id: str, actor_id: str, op: str, detail: Mapping[str, object], now_ms: int
    ) -> None:
        row = {
            "room_id": room_id,
            "actor_id": actor_id,
            "op": op,
            "detail": msgspec.json.encode(detail),
            "at_ms": now_ms,
        }
        async with self._connection() as connection:
            await connection.execute(staff_acts.insert().values(row))

    async def staff_acts(self, room_id: str, limit: int = 100) -> list[dict[str, object]]:
        query = (
            select(staff_acts)
            .where(staff_acts.c.room_id == room_id)
            .order_by(desc(staff_acts.c.act_id))
            .limit(min(limit, ROWS_MAX))
        )
        async with self._connection() as connection:
            rows = (await connection.execute(query)).all()
        return [
            {
                "actor_id": row.actor_id,
                "op": row.op,
                "detail": msgspec.json.decode(row.detail),
                "at_ms": row.at_ms,
            }
            for row in rows
        ]

    async def save_lottery(self, record: LotteryRecord, now_ms: int) -> None:
        """Keeps the SECRET seed. A state that does not follow from the kept one is ignored."""
        insert = self._insert(lotteries).values(
            lottery_id=record.lottery_id,
            room_id=record.room_id,
            state=record.state,
            record=msgspec.json.encode(record),
            updated_ms=now_ms,
        )
        # Freezing may not have been saved, so from open a result counts too.
        before = {record.state} | {
            state for state, after in TRANSITIONS.items() if record.state in after
        }
        before |= {"open"} if record.state == "drawn" else set()
        final = not TRANSITIONS[record.state]
        forward = lotteries.c.state.in_(sorted(before - {record.state} if final else before))
        newer = {name: insert.excluded[name] for name in ("state", "record", "updated_ms")}
        async with self._connection() as connection:
            await connection.execute(
                insert.on_conflict_do_update(
                    index_elements=["lottery_id"], set_=newer, where=forward
                )
            )

    async def load_lottery(self, lottery_id: str) -> LotteryRecord | None:
        query = select(lotteries.c.record).where(lotteries.c.lottery_id == lottery_id)
        async with self._connection() as connection:
            blob = (await connection.execute(query)).scalar_one_or_none()
        return _LOTTERY.decode(cast(bytes, blob)) if blob is not None else None


def _wins(room_id: str, events: Sequence[Sequenced]) -> list[dict[str, object]]:
    drawn = [(event, from_wire(event.t, event.d)) for event in events if event.t == LotteryDrawn.t]
    return [
        {
            "user_id": winner.user_id,
            "lottery_id": fact.lottery_id,
            "room_id": room_id,
            "rank": winner.rank,
            "won_ms": event.ts,
        }
        for event, fact in drawn
        if isinstance(fact, LotteryDrawn)
        for winner in fact.winners
    ]


def _with_later(stored: Stored, raws: Sequence[bytes]) -> Stored:
    """Fold the events that follow without a gap."""
    seq, state = stored.seq, stored.state
    for raw in raws:
        event = sequenced(raw)
        if event.seq != seq + 1:
            break
        seq, state = event.seq, apply(state, from_wire(event.t, event.d))
    return Stored(stored.epoch, seq, state)


def _timeline_row(epoch: str, raw: bytes) -> dict[str, object]:
    event = sequenced(raw)
    return {"epoch": epoch, "seq": event.seq, "ts": event.ts, "t": event.t, "d": event.d}

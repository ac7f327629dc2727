"""What outlives Redis of a room, in SQL. The tables are in `tables.py`.

Every write may be repeated: a snapshot never goes back within its epoch, an event is kept once, a
lottery only moves forward.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import msgspec
from sqlalchemy import ColumnElement, and_, bindparam, desc, func, or_, select

from room.events import AuctionClosed, LotteryDrawn, LotteryRedrawn, from_wire
from room.lottery import TRANSITIONS, LotteryRecord
from room.ports import Sequenced, Stored
from room.shapes import Lottery, Winner
from room.state import apply, decode, encode
from room.storage.engine import MOST
from room.storage.staff_rows import StaffRows
from room.storage.tables import auction_wins, lotteries, lottery_wins, room_events, rooms
from room.wire import sequenced

INSERT_ROWS_MAX: Final = 500  # SQLite takes 32,766 parameters a statement
ROWS_MAX: Final = 10_000

_LOTTERY: Final = msgspec.json.Decoder(LotteryRecord)
_WON_AFTER: Final = (
    select(auction_wins)
    .where(auction_wins.c.won_ms > bindparam("after_ms"))
    .order_by(desc(auction_wins.c.won_ms))
    .limit(MOST)
)


class SqlArchive(StaffRows):
    """Implements `room.ports.RoomArchive` on SQLite and PostgreSQL."""

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
            for row in _bought(room_id, events):
                insert = self._insert(auction_wins).values(row)
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
                "prize": face.prize if face else "",
                "rank": row.rank,
                "won_ms": row.won_ms,
                "fields": list(face.form) if face else [],
            }
            for row, face in ((row, _face(row.record)) for row in rows)
        ]

    async def auctions_won(self, user_id: str, limit: int = 100) -> list[dict[str, object]]:
        query = (
            select(auction_wins)
            .where(auction_wins.c.user_id == user_id)
            .order_by(desc(auction_wins.c.won_ms))
            .limit(min(limit, ROWS_MAX))
        )
        async with self._connection() as connection:
            found = await connection.execute(query)
            return [
                {str(key): value for key, value in row.items() if key != "user_id"}
                for row in found.mappings()
            ]

    async def auction_won(self, auction_id: str) -> dict[str, object] | None:
        query = select(auction_wins).where(auction_wins.c.auction_id == auction_id)
        async with self._connection() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return dict(row) if row is not None else None

    async def auctions_won_after(self, after_ms: int, limit: int) -> list[dict[str, object]]:
        at = {"after_ms": after_ms, "most": min(limit, ROWS_MAX)}
        async with self._connection() as connection:
            found = await connection.execute(_WON_AFTER, at)
            return [dict(row) for row in found.mappings()]

    async def timeline(self, room_id: str, limit: int = 1_000) -> list[dict[str, object]]:
        return await self._history(room_events.c.room_id == room_id, limit)

    async def events_of(
        self, room_id: str, kinds: Sequence[str], limit: int = 5_000
    ) -> list[dict[str, object]]:
        of_kind = and_(room_events.c.room_id == room_id, room_events.c.t.in_(kinds))
        return await self._history(of_kind, limit)

    async def _history(self, wanted: ColumnElement[bool], limit: int) -> list[dict[str, object]]:
        """The newest wanted events, oldest first."""
        query = (
            select(room_events.c.epoch, room_events.c.raw)
            .where(wanted)
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
    kinds = (LotteryDrawn.t, LotteryRedrawn.t)
    drawn = [(event, from_wire(event.t, event.d)) for event in events if event.t in kinds]
    return [
        {
            "user_id": winner.user_id,
            "lottery_id": fact.lottery_id,
            "room_id": room_id,
            "rank": winner.rank,
            "won_ms": event.ts,
        }
        for event, fact in drawn
        if isinstance(fact, LotteryDrawn | LotteryRedrawn)
        for winner in _winners(fact)
    ]


def _winners(fact: LotteryDrawn | LotteryRedrawn) -> tuple[Winner, ...]:
    if isinstance(fact, LotteryDrawn):
        return fact.winners
    return (fact.winner,) if fact.winner is not None else ()


class _Kept(msgspec.Struct):
    """Of a kept lottery only what a list of wins needs."""

    face: Lottery


_KEPT: Final = msgspec.json.Decoder(_Kept)


def _face(record: bytes | None) -> Lottery | None:
    return _KEPT.decode(record).face if record else None


def _bought(room_id: str, events: Sequence[Sequenced]) -> list[dict[str, object]]:
    closed = [
        (event, from_wire(event.t, event.d)) for event in events if event.t == AuctionClosed.t
    ]
    return [
        {
            "auction_id": fact.auction_id,
            "user_id": fact.winner.id,
            "room_id": room_id,
            "product_id": fact.product_id,
            "title": fact.title,
            "amount_cents": fact.amount_cents,
            "currency": fact.currency,
            "won_ms": event.ts,
        }
        for event, fact in closed
        if isinstance(fact, AuctionClosed) and fact.winner is not None
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

"""The ledger of rains and gifts, in SQL: each claim once, each end once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Row, Select, desc, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from room.handout_ports import Handout, Settled
from room.shapes import Claim, HandoutState
from room.storage.engine import SqlStore
from room.storage.tables import handout_claims, handouts

INSERT_ROWS_MAX: Final = 500
ROWS_MAX: Final = 1_000

_HANDOUT: Final = msgspec.json.Decoder(Handout)


class _Contradicted(Exception):
    """A claim is somebody else's already, or its person has another one."""


class SqlHandouts(SqlStore):
    """Implements `room.handout_ports.HandoutArchive` on SQLite and PostgreSQL."""

    async def save_handout(self, handout: Handout, now_ms: int) -> None:
        """Keeps the SECRET of a rain."""
        insert = self._insert(handouts).values(
            handout_id=handout.id,
            room_id=handout.room_id,
            kind=handout.kind,
            state="open",
            record=msgspec.json.encode(handout),
            claimed_count=0,
            claimed_cents=0,
            created_ms=now_ms,
        )
        async with self._connection() as connection:
            await connection.execute(insert.on_conflict_do_nothing())

    async def load_handout(self, handout_id: str) -> tuple[Handout, Settled | None] | None:
        async with self._connection() as connection:
            row = (await connection.execute(_of(handout_id))).one_or_none()
            if row is None:
                return None
            settled = await _settled(connection, row) if row.state != "open" else None
        return _HANDOUT.decode(row.record), settled

    async def add_claims(self, handout_id: str, claims: Sequence[Claim]) -> bool:
        if not claims:
            return True
        start = claims[0].index
        try:
            async with self._connection() as connection:
                handout = (
                    await connection.execute(_of(handout_id).with_for_update())
                ).one_or_none()
                kept = await _claims(connection, handout_id, start)
                lacking = claims[len(kept) :]
                if handout is None or kept != list(claims[: len(kept)]):
                    return False
                if not lacking:
                    return True
                if handout.state != "open":
                    return False
                await self._insert_claims(connection, handout_id, lacking)
                if await _claims(connection, handout_id, start) != list(claims):
                    raise _Contradicted
        except _Contradicted:  # leaving the block by it takes the inserts back
            return False
        return True

    async def _insert_claims(
        self, connection: AsyncConnection, handout_id: str, claims: Sequence[Claim]
    ) -> None:
        for start in range(0, len(claims), INSERT_ROWS_MAX):
            rows = [_row(handout_id, one) for one in claims[start : start + INSERT_ROWS_MAX]]
            insert = self._insert(handout_claims).values(rows)
            await connection.execute(insert.on_conflict_do_nothing())

    async def settle(self, handout_id: str, state: HandoutState, now_ms: int) -> Settled:
        """The sums are taken and fixed in one transaction, under the lock that claims take too."""
        async with self._connection() as connection:
            row = (await connection.execute(_of(handout_id).with_for_update())).one()
            if row.state == "open":
                sums = (
                    await connection.execute(
                        select(
                            func.count(),
                            func.coalesce(func.sum(handout_claims.c.amount_cents), 0),
                        ).where(handout_claims.c.handout_id == handout_id)
                    )
                ).one()
                await connection.execute(
                    update(handouts)
                    .where(handouts.c.handout_id == handout_id, handouts.c.state == "open")
                    .values(
                        state=state,
                        claimed_count=int(sums[0]),
                        claimed_cents=int(sums[1]),
                        ended_ms=now_ms,
                    )
                )
                row = (await connection.execute(_of(handout_id))).one()
            return await _settled(connection, row)

    async def claims_of(self, handout_id: str, start: int = 0) -> list[Claim]:
        async with self._connection() as connection:
            return await _claims(connection, handout_id, start)

    async def claim_of(self, handout_id: str, user_id: str, key: str) -> Claim | None:
        """Without a key the person's first; a key unknown to a rain of one each is that too."""
        query = (
            select(handout_claims)
            .where(handout_claims.c.handout_id == handout_id, handout_claims.c.user_id == user_id)
            .order_by(handout_claims.c.place)
        )
        async with self._connection() as connection:
            rows = (await connection.execute(query)).all()
            handout = (await connection.execute(_of(handout_id))).one_or_none()
        if not rows or handout is None:
            return None
        if not key or _HANDOUT.decode(handout.record).per_user == 1:
            return _claim(rows[0])
        return next((_claim(row) for row in rows if row.key == key), None)

    async def handouts_to(self, user_id: str, limit: int = 100) -> list[dict[str, object]]:
        query = (
            select(handout_claims, handouts.c.room_id, handouts.c.kind, handouts.c.record)
            .join(handouts, handouts.c.handout_id == handout_claims.c.handout_id)
            .where(handout_claims.c.user_id == user_id)
            .order_by(desc(handout_claims.c.claimed_ms))
            .limit(min(limit, ROWS_MAX))
        )
        async with self._connection() as connection:
            rows = (await connection.execute(query)).all()
        return [_win(row) for row in rows]


def _of(handout_id: str) -> Select[tuple[object, ...]]:
    return select(handouts).where(handouts.c.handout_id == handout_id)


async def _claims(connection: AsyncConnection, handout_id: str, start: int) -> list[Claim]:
    query = (
        select(handout_claims)
        .where(handout_claims.c.handout_id == handout_id, handout_claims.c.place >= start)
        .order_by(handout_claims.c.place)
    )
    return [_claim(row) for row in (await connection.execute(query)).all()]


async def _settled(connection: AsyncConnection, row: Row[tuple[object, ...]]) -> Settled:
    last = (
        select(handout_claims.c.running_hash)
        .where(handout_claims.c.handout_id == row.handout_id)
        .order_by(desc(handout_claims.c.place))
        .limit(1)
    )
    running = (await connection.execute(last)).scalar_one_or_none()
    return Settled(row.state, row.claimed_count, row.claimed_cents, running or "")


def _row(handout_id: str, claim: Claim) -> dict[str, object]:
    return {
        "handout_id": handout_id,
        "place": claim.index,
        "user_id": claim.user_id,
        "name": claim.name,
        "key": claim.key,
        "amount_cents": claim.amount_cents,
        "running_hash": claim.running_hash,
        "claimed_ms": claim.ts,
    }


def _claim(row: Row[tuple[object, ...]]) -> Claim:
    return Claim(
        index=row.place,
        user_id=row.user_id,
        name=row.name,
        key=row.key,
        amount_cents=row.amount_cents,
        running_hash=row.running_hash,
        ts=row.claimed_ms,
    )


def _win(row: Row[tuple[object, ...]]) -> dict[str, object]:
    win = {"room_id": row.room_id, "won_ms": row.claimed_ms}
    if row.kind == "rain":
        return {**win, "rain_id": row.handout_id, "amount_cents": row.amount_cents}
    gift = _HANDOUT.decode(row.record).gift
    title = gift.title if gift is not None else ""
    return {**win, "gift_id": row.handout_id, "title": title, "position": row.place + 1}

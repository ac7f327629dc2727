"""Winners' standings in SQL: one row for each person who ever won, in the order of their ranks.

One transaction takes a winner out and lets the next rank in, so the two cannot part. Two of them
at once get the same number of removal and one of them fails on it: the caller asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, cast

from sqlalchemy import Row, and_, bindparam, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from room.claims import HOLDING, Claim, ClaimState
from room.errors import Unavailable
from room.storage.engine import MOST, SqlStore
from room.storage.tables import lottery_claims

ATTEMPTS_MAX: Final = 20
_T: Final = lottery_claims.c


class SqlClaims(SqlStore):
    """Implements `room.prize_ports.ClaimArchive`."""

    async def open_claims(self, claims: Sequence[Claim]) -> None:
        if not claims:
            return
        insert = self._insert(lottery_claims).values([_row(claim) for claim in claims])
        async with self._connection() as connection:
            await connection.execute(insert.on_conflict_do_nothing())

    async def fill_claim(self, lottery_id: str, user_id: str, form: bytes, now_ms: int) -> bool:
        may = and_(_T.state.in_(("waiting", "claimed")), _T.claim_by_ms > now_ms)
        filled = update(lottery_claims).where(
            _T.lottery_id == lottery_id, _T.user_id == user_id, may
        )
        filled = filled.values(state="claimed", claimed_ms=now_ms, form=form)
        async with self._connection() as connection:
            done = await connection.execute(filled.returning(_T.rank))
            return done.first() is not None

    async def remove_winner(
        self,
        lottery_id: str,
        user_id: str,
        *,
        reason: ClaimState,
        note: str,
        now_ms: int,
        next_in: Callable[[int], Claim | None],
    ) -> bool:
        for _ in range(ATTEMPTS_MAX):
            try:
                return await self._remove(lottery_id, user_id, reason, note, now_ms, next_in)
            except IntegrityError:
                continue  # somebody else was removed at the same time and took the number
        raise Unavailable("too many winners are being replaced at once")

    async def _remove(
        self,
        lottery_id: str,
        user_id: str,
        reason: ClaimState,
        note: str,
        now_ms: int,
        next_in: Callable[[int], Claim | None],
    ) -> bool:
        here = and_(_T.lottery_id == lottery_id, _T.user_id == user_id)
        late = and_(_T.state == "waiting", _T.claim_by_ms <= now_ms)
        may = late if reason == "unclaimed" else _T.state.in_(sorted(HOLDING))
        highest = select(func.max(_T.removal)).where(_T.lottery_id == lottery_id)
        async with self._connection() as connection:
            # The write first, so that a database with one writer at a time lets only one go on.
            gone = update(lottery_claims).where(here, may).values(state=reason)
            if (await connection.execute(gone.returning(_T.rank))).first() is None:
                return False
            removal = ((await connection.execute(highest)).scalar() or 0) + 1
            numbered = update(lottery_claims).where(here)
            await connection.execute(
                numbered.values(removal=removal, removed_ms=now_ms, note=note, told=0)
            )
            while (newcomer := next_in(removal)) is not None:
                stays = newcomer.state in HOLDING
                if not stays:
                    removal += 1
                    newcomer = replace(newcomer, removal=removal, removed_ms=now_ms)
                await connection.execute(lottery_claims.insert().values(_row(newcomer)))
                if stays:
                    break
        return True

    async def claims_of(self, lottery_id: str) -> list[Claim]:
        chosen = select(lottery_claims).where(_T.lottery_id == lottery_id).order_by(_T.rank)
        async with self._connection() as connection:
            return [_claim(row) for row in await connection.execute(chosen)]

    async def claim_of(self, lottery_id: str, user_id: str) -> Claim | None:
        chosen = select(lottery_claims).where(_T.lottery_id == lottery_id, _T.user_id == user_id)
        async with self._connection() as connection:
            row = (await connection.execute(chosen)).one_or_none()
        return None if row is None else _claim(row)

    async def claims_by(self, user_id: str, limit: int) -> list[Claim]:
        chosen = select(lottery_claims).where(_T.user_id == user_id).limit(limit)
        async with self._connection() as connection:
            return [_claim(row) for row in await connection.execute(chosen)]

    async def claims_due(self, now_ms: int, limit: int = 100) -> list[Claim]:
        """Waiting beyond their deadline, and removals the room has not been told of."""
        at = {"now_ms": now_ms, "most": limit}
        async with self._connection() as connection:
            return [_claim(row) for row in await connection.execute(_DUE, at)]

    async def note_told(self, lottery_id: str, removal: int) -> None:
        told = update(lottery_claims).where(
            _T.lottery_id == lottery_id, _T.removal <= removal, _T.told == 0
        )
        async with self._connection() as connection:
            await connection.execute(told.values(told=1))


# Late ones first: what cannot be told must not keep anybody's place from being passed on.
_DUE = (
    select(lottery_claims)
    .where(
        or_(
            and_(_T.state == "waiting", _T.claim_by_ms <= bindparam("now_ms")),
            _T.told == 0,
        )
    )
    .order_by(_T.told.desc(), _T.claim_by_ms)
    .limit(MOST)
)


def _row(claim: Claim) -> dict[str, object]:
    return {
        "lottery_id": claim.lottery_id,
        "rank": claim.rank,
        "user_id": claim.user_id,
        "room_id": claim.room_id,
        "name": claim.name,
        "score": claim.score,
        "state": claim.state,
        "claim_by_ms": claim.claim_by_ms,
        "claimed_ms": 0,
        "form": None,
        "removal": claim.removal or None,
        "removed_ms": claim.removed_ms,
        "note": claim.note,
        "told": 0 if claim.removal else 1,
    }


def _claim(row: Row[Any]) -> Claim:
    return Claim(
        lottery_id=row.lottery_id,
        room_id=row.room_id,
        user_id=row.user_id,
        name=row.name,
        rank=row.rank,
        score=row.score,
        state=cast(ClaimState, row.state),
        claim_by_ms=row.claim_by_ms,
        claimed_ms=row.claimed_ms,
        form=row.form,
        removal=row.removal or 0,
        removed_ms=row.removed_ms,
        note=row.note,
    )

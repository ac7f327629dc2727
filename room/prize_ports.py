"""What entering, claiming and being present need from the outside, as protocols."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from room.claims import Claim, ClaimState


@dataclass(frozen=True, slots=True)
class Entry:
    """A receipt as the journal keeps it. `index` is from 0."""

    index: int
    user_id: str
    name: str
    running_hash: str


class EntryJournal(Protocol):
    """Receipts of lotteries that are not drawn yet, in SQL."""

    async def note_entries(self, lottery_id: str, entries: Sequence[Entry]) -> bool:
        """False when one of these places is held by somebody else, or the person holds another."""
        ...

    async def noted_entries(self, lottery_id: str) -> list[Entry]: ...

    async def last_entry(self, lottery_id: str) -> Entry | None: ...

    async def forget_entries(self, lottery_id: str) -> None: ...


class Attendance(Protocol):
    """Who is in a room now and who said a lottery's phrase, in Redis."""

    async def note_here(
        self, room_id: str, worker_id: str, *, came: Collection[str], left: Collection[str]
    ) -> None: ...

    async def forget_here(self, room_id: str, worker_id: str) -> None: ...

    async def note_said(self, room_id: str, lottery_id: str, user_id: str) -> None: ...

    async def has_said(self, room_id: str, lottery_id: str, user_id: str) -> bool: ...


class ClaimArchive(Protocol):
    """Winners' standings, in SQL."""

    async def open_claims(self, claims: Sequence[Claim]) -> None: ...

    async def fill_claim(self, lottery_id: str, user_id: str, form: bytes, now_ms: int) -> bool:
        """False after the deadline and for who is not a winner (any more)."""
        ...

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
        """Take a winner out and let in `next_in(number of this removal)`, in one act.

        A newcomer who does not hold the prize is out at once, which is a removal of its own.

        False when they are no winner any more or, if unclaimed is the reason, have claimed.
        """
        ...

    async def claims_of(self, lottery_id: str) -> list[Claim]: ...

    async def claim_of(self, lottery_id: str, user_id: str) -> Claim | None: ...

    async def claims_by(self, user_id: str, limit: int) -> list[Claim]: ...

    async def claims_due(self, now_ms: int, limit: int = 100) -> list[Claim]: ...

    async def note_told(self, lottery_id: str, removal: int) -> None: ...

"""What polls, questions and auctions need from the outside. Implementations live in `storage/`.

Every method raises `Unavailable` when the store is silent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, Protocol

from room.auctions import BidOutcome, Hammer, Lead
from room.polls import Tally
from room.questions import Archived, Board, End, Note, Question, Standing
from room.shapes import Auction, Poll, User

Ending = Literal["due", "sell", "void"]
AddOutcome = Literal["added", "again", "full", "limit"]
VoteOutcome = Literal["counted", "again", "other", "closed", "lost"]

Options = tuple[int, ...]


class Timetable(Protocol):
    """What has to be looked at when, over all rooms."""

    async def schedule(self, room_id: str, thing_id: str, at_ms: int) -> None: ...

    async def unschedule(self, room_id: str, thing_id: str) -> None: ...

    async def due(self, now_ms: int, limit: int = 100) -> list[tuple[str, str, int]]:
        """(room_id, thing_id, at_ms) of those whose time has come, earliest first."""
        ...


class PollStore(Protocol):
    """Who voted, and the counts, in Redis."""

    async def open(self, room_id: str, poll_id: str) -> None:
        """Before the first vote, so that it shows when votes were lost; again is harmless."""
        ...

    async def vote(
        self, room_id: str, poll: Poll, votes: Sequence[tuple[str, Options]], *, seen: int = 0
    ) -> list[tuple[VoteOutcome, Options | None]]:
        """Mark and count the (user, options) in one act, in order.

        With each outcome comes what the person has voted for. With fewer than `seen` voters
        votes were lost: nothing is counted.
        """
        ...

    async def vote_of(self, room_id: str, poll_id: str, user_id: str) -> Options | None: ...

    async def close(self, room_id: str, poll: Poll) -> Tally | None:
        """Take no more votes; again gives the same counts. None when the votes are gone."""
        ...

    async def tallies(self, room_id: str, polls: Sequence[Poll]) -> Mapping[str, Tally]:
        """Without those whose votes are gone."""
        ...


class QuestionStore(Protocol):
    """What was asked, wanted and answered, in Redis."""

    async def add(self, room_id: str, question: Question) -> tuple[AddOutcome, str]:
        """With the id of the question that is there now."""
        ...

    async def vote(self, room_id: str, question_id: str, user_id: str) -> int | None:
        """The votes, counting each person once. None when the question is not open."""
        ...

    async def load(self, room_id: str, question_id: str) -> Question | None: ...

    async def end(self, room_id: str, question: Question, end: End) -> End | None:
        """How it has ended, with its votes. None when it is neither open nor answered."""
        ...

    async def open_ones(
        self, room_id: str, user_id: str, after: str | None, limit: int
    ) -> Sequence[Standing]: ...

    async def answered_ones(self, room_id: str, limit: int) -> Sequence[Standing]: ...

    async def revisions(self, room_ids: Sequence[str]) -> dict[str, int]:
        """Of the boards of many rooms, in one exchange. Left out: a room whose server is away."""
        ...

    async def board(self, room_id: str, known_rev: int, top: int) -> Board | None:
        """None when its revision is the known one."""
        ...

    async def reply_times(self, room_id: str) -> Sequence[int]:
        """In ms, of the questions answered last."""
        ...

    async def put_back(self, room_id: str, archived: Archived) -> None:
        """Add what is missing; what is there stays. The revision passes any that was shown."""
        ...


class QuestionArchive(Protocol):
    """Questions and who wants them, in SQL, for when Redis loses them."""

    async def note_questions(self, room_id: str, notes: Sequence[Note]) -> None:
        """In one transaction; again is harmless."""
        ...

    async def archived_questions(self, room_id: str) -> Archived: ...


class AuctionStore(Protocol):
    """Bids and who leads, in Redis."""

    async def create(self, room_id: str, auction: Auction, latest_ms: int) -> bool:
        """False when there is one of this id already."""
        ...

    async def bid(
        self, room_id: str, auction_id: str, user: User, amount_cents: int, key: str
    ) -> tuple[BidOutcome, Lead] | None:
        """Decide a bid in one act. None when the bids are gone."""
        ...

    async def close(
        self, room_id: str, auction_id: str, ending: Ending, banned: Collection[str]
    ) -> Hammer | int | None:
        """How it ended, fixed the first time; or when it will end; None when the bids are gone."""
        ...

    async def leads(self, room_id: str, auction_ids: Sequence[str]) -> Mapping[str, Lead]: ...

    async def history(self, room_id: str, auction_id: str) -> list[dict[str, object]]: ...

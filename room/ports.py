"""What the use cases need from the outside, as protocols. Implementations live in `storage/`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from room.lottery import LotteryRecord, Progress
from room.prize_ports import Entry
from room.shapes import Receipt, User, Winner
from room.state import RoomState
from room.visits import Audience, Visit
from room.word_lists import WordLists


@dataclass(frozen=True, slots=True)
class Sequenced:
    """One critical event with its place. `raw` is the whole wire event as JSON bytes."""

    seq: int
    ts: int
    t: str
    d: dict[str, object]
    raw: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    epoch: str
    seq: int
    state: RoomState


@dataclass(frozen=True, slots=True)
class Committed:
    seq: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody else committed first; this is where the room stands now."""

    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class Missing:
    """The store does not have the room (any more)."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """The room's heartbeat: its place, who is here, and totals since the room began."""

    epoch: str
    seq: int
    online: int
    peak: int
    totals: dict[str, int]


@dataclass(frozen=True, slots=True)
class StaffAct:
    """One act of staff, as the audit trail keeps it."""

    room_id: str
    actor: User
    op: str
    detail: Mapping[str, object]
    at_ms: int


class RoomStore(Protocol):
    """The live room, in Redis. Every method raises `Unavailable` when the store is silent."""

    async def load(self, room_id: str) -> Stored | None: ...

    async def create(self, room_id: str, stored: Stored) -> bool:
        """False when the room exists already."""
        ...

    async def commit(
        self,
        room_id: str,
        *,
        epoch: str,
        expected_seq: int,
        events: Sequence[Sequenced],
        state: bytes,
    ) -> Committed | Conflict | Missing:
        """Append, store and publish in one act, if the room still stands at `expected_seq`."""
        ...

    async def events_after(
        self, room_id: str, seq: int, limit: int = 1_000
    ) -> tuple[str, list[Sequenced]] | None:
        """Epoch and events after `seq`. None when the history does not reach back that far."""
        ...

    async def newest_events(self, room_id: str, count: int) -> tuple[str, list[Sequenced]] | None:
        """Epoch and the last `count` events at most, oldest first. None when there is no room."""
        ...

    async def rebase(self, room_id: str, *, old_epoch: str | None, stored: Stored) -> bool:
        """Begin a new epoch if the room is still in `old_epoch` (None: still missing)."""
        ...

    async def publish(self, room_id: str, payload: bytes) -> int | None:
        """Send to the room's channel. How many subscriptions heard it; None where nobody can say,
        as in a cluster, which counts those of one node."""
        ...

    def channel(self, room_id: str) -> str: ...

    async def pulse(
        self,
        room_id: str,
        *,
        worker_id: str,
        online: int,
        counters: Mapping[str, int],
        now_ms: int | None = None,
    ) -> Pulse | None:
        """Tell this worker's share, learn the room's. None when the room is missing.

        `counters` are cumulative since the worker began, so a repeat is harmless. Without
        `now_ms` the store's own clock judges who is silent.
        """
        ...

    async def note_present(self, room_id: str, user_id: str, *, for_ms: int) -> int | None:
        """Count somebody without a socket as online for so long. The ms since they last said so,
        None when they were not present."""
        ...

    async def note_visits(self, room_id: str, visits: Sequence[Visit]) -> None:
        """Count arrivals. A repeated call counts entries twice, people once."""
        ...

    async def audience(self, room_id: str) -> Audience:
        """The traffic so far."""
        ...

    async def remember_comments(self, room_id: str, comments: Sequence[bytes]) -> None: ...

    async def recent_comments(self, room_id: str, count: int = 50) -> list[bytes]:
        """Oldest first, each a whole wire event as JSON."""
        ...

    async def find_comment(self, room_id: str, comment_id: str) -> dict[str, object] | None:
        """The `d` of a remembered comment."""
        ...

    async def take_turn(
        self, room_id: str, user_id: str, *, gap_ms: int, burst: int, now_ms: int | None = None
    ) -> int:
        """0 when the person may speak now, else the wait in ms. Counted over all workers."""
        ...

    async def say_once(self, room_id: str, text_key: str, *, within_s: int) -> int:
        """0 when nobody said this for so long (and takes note), else the wait in ms."""
        ...

    async def credit_watch(self, room_id: str, spans: Sequence[tuple[str, int, int]]) -> None:
        """Credit (user, from_ms, to_ms); time a user was already credited for counts once."""
        ...

    async def watched_ms(self, room_id: str, user_id: str) -> int: ...

    async def watched_total_ms(self, room_id: str) -> int: ...


@dataclass(frozen=True, slots=True)
class FollowPage:
    """What SQL says of a host at one revision; `following` holds whom it was asked about."""

    rev: int
    followers: int
    following: frozenset[str] = frozenset()


class FollowCache(Protocol):
    """Answers about followers, in Redis. Knows some, may forget all."""

    async def known(self, host_id: str, user_ids: Sequence[str]) -> dict[str, bool]: ...

    async def followers(self, host_ids: Sequence[str]) -> dict[str, int]: ...

    async def keep(self, host_id: str, page: FollowPage, answers: Mapping[str, bool]) -> None:
        """Remember answers read at `page.rev`, except where a later one is known."""
        ...


class FollowArchive(Protocol):
    """Followers, in SQL. Raises `Unavailable` when the database is silent."""

    async def change_follows(
        self, host_id: str, wishes: Mapping[str, bool], now_ms: int
    ) -> FollowPage:
        """Have these people follow (True) or not (False), in one act."""
        ...

    async def follows_of(self, host_id: str, user_ids: Sequence[str]) -> FollowPage: ...


class HeldComments(Protocol):
    """Comments that wait for staff, in Redis. Raises `Unavailable` when it is silent."""

    async def hold(self, room_id: str, comment_id: str, record: bytes) -> bool:
        """Keep it until it is judged. False when too many wait already."""
        ...

    async def waiting(self, room_id: str) -> list[bytes]:
        """All of them, in no order."""
        ...

    async def take(self, room_id: str, comment_id: str) -> bytes | None:
        """Take one out, to judge it; None when it is not there (any more). One taker wins."""
        ...


class LotteryStore(Protocol):
    """Entries and secrets of lotteries, in Redis. Raises `Unavailable` when it is silent."""

    async def create(self, record: LotteryRecord) -> bool:
        """False when a lottery of this id exists already."""
        ...

    async def join(
        self, room_id: str, lottery_id: str, entrants: Sequence[tuple[str, str]]
    ) -> list[Receipt | None]:
        """Enter (user_id, name) in the order given; who is in already gets their old receipt.

        None for who came after the entries were closed or full. Refuses with `not_found`.
        """
        ...

    async def freeze(
        self,
        room_id: str,
        lottery_id: str,
        *,
        banned: Collection[str],
        now_ms: int,
        must_be_here: bool = False,
    ) -> Progress | None:
        """Close the entries, or say how they were closed. None when there is no such lottery.

        Entrants who are among `banned` at this moment are excluded from winning; so are, if it
        is asked for, those who are not in the room at this moment.
        """
        ...

    async def note_absent(self, room_id: str, lottery_id: str) -> None:
        """Exclude the frozen entrants who were not here at the freeze. Again is harmless."""
        ...

    async def mend(self, room_id: str, lottery_id: str, entries: Sequence[Entry]) -> bool:
        """Make these the entries. False when somebody else changed them meanwhile."""
        ...

    async def entries(self, room_id: str, lottery_id: str) -> list[tuple[str, str]]:
        """All (user_id, name) in the order of entry."""
        ...

    async def store_result(
        self, room_id: str, lottery_id: str, *, winners: Sequence[Winner], now_ms: int
    ) -> bool:
        """Fix the winners of a frozen lottery. False when it is not frozen (any more)."""
        ...

    async def load(self, room_id: str, lottery_id: str) -> LotteryRecord | None: ...

    async def counts(self, room_id: str, lottery_ids: Sequence[str]) -> dict[str, int]: ...

    async def receipt(self, room_id: str, lottery_id: str, user_id: str) -> Receipt | None: ...

    async def schedule(self, room_id: str, lottery_id: str, at_ms: int) -> bool:
        """Have `due` name the lottery from `at_ms` on. False when it already did."""
        ...

    async def unschedule(self, room_id: str, lottery_id: str) -> None: ...

    async def due(self, now_ms: int, limit: int = 100) -> list[tuple[str, str, int]]:
        """(room_id, lottery_id, at_ms) of lotteries whose time has come, earliest first."""
        ...


class LotteryArchive(Protocol):
    """What outlives Redis of a lottery, in SQL: secret at opening, entries at freezing, result."""

    async def save_lottery(self, record: LotteryRecord, now_ms: int) -> None: ...

    async def load_lottery(self, lottery_id: str) -> LotteryRecord | None: ...


class RoomArchive(LotteryArchive, Protocol):
    """What outlives Redis of a room, in SQL. Raises `Unavailable` when the database is silent."""

    async def save_room(self, stored: Stored, now_ms: int) -> None: ...

    async def load_room(self, room_id: str) -> Stored | None:
        """The last saved state with the archived events after it folded in."""
        ...

    async def list_rooms(self, limit: int = 100) -> list[dict[str, object]]:
        """Newest change first: room_id, title, status, updated_ms."""
        ...

    async def append_events(self, room_id: str, epoch: str, events: Sequence[Sequenced]) -> None:
        """Repeats are harmless."""
        ...

    async def timeline(self, room_id: str, limit: int = 1_000) -> list[dict[str, object]]:
        """The newest events, oldest first: epoch, seq, ts, t, d."""
        ...

    async def events_of(
        self, room_id: str, kinds: Sequence[str], limit: int = 5_000
    ) -> list[dict[str, object]]:
        """Like `timeline`, of the given kinds only."""
        ...

    async def wins_of(self, user_id: str, limit: int = 100) -> list[dict[str, object]]:
        """A person's won lotteries, newest first: lottery_id, room_id, prize, rank, won_ms."""
        ...

    async def auctions_won(self, user_id: str, limit: int = 100) -> list[dict[str, object]]:
        """A person's won auctions, newest first."""
        ...

    async def auction_won(self, auction_id: str) -> dict[str, object] | None:
        """Who won one, with `user_id`; None while or unless it has a winner."""
        ...

    async def auctions_won_after(self, after_ms: int, limit: int) -> list[dict[str, object]]:
        """Everybody's, newest first, with `user_id`."""
        ...

    async def archived_seq(self, room_id: str) -> tuple[str, int] | None: ...

    async def record_staff_acts(self, acts: Sequence[StaffAct]) -> None: ...

    async def staff_acts(
        self, room_id: str, limit: int = 100, before: int | None = None
    ) -> list[dict[str, object]]:
        """Newest first, from before an act on: act_id, actor, op, detail, at_ms."""
        ...

    async def save_words(self, room_id: str, lists: WordLists, now_ms: int) -> None:
        """Replace the room's own sensitive words."""
        ...

    async def load_words(self, room_id: str) -> WordLists: ...

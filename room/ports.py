"""What the use cases need from the outside, as protocols. Implementations live in `storage/`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from room.lottery import LotteryRecord, Progress
from room.shapes import Receipt, Winner
from room.state import RoomState


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

    async def publish(self, room_id: str, payload: bytes) -> None: ...

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

    async def add_visitors(self, room_id: str, user_ids: Sequence[str]) -> None: ...

    async def visitors(self, room_id: str) -> int:
        """Different people who came, within about one per cent."""
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

    async def credit_watch(self, room_id: str, spans: Sequence[tuple[str, int, int]]) -> None:
        """Credit (user, from_ms, to_ms); time a user was already credited for counts once."""
        ...

    async def watched_ms(self, room_id: str, user_id: str) -> int: ...

    async def watched_total_ms(self, room_id: str) -> int: ...


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
        self, room_id: str, lottery_id: str, *, banned: Collection[str], now_ms: int
    ) -> Progress | None:
        """Close the entries, or say how they were closed. None when there is no such lottery.

        Entrants who are among `banned` at this moment are excluded from winning.
        """
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

    async def wins_of(self, user_id: str, limit: int = 100) -> list[dict[str, object]]:
        """A person's won lotteries, newest first: lottery_id, room_id, prize, rank, won_ms."""
        ...

    async def archived_seq(self, room_id: str) -> tuple[str, int] | None: ...

    async def record_staff_act(
        self, room_id: str, actor_id: str, op: str, detail: Mapping[str, object], now_ms: int
    ) -> None: ...

    async def staff_acts(self, room_id: str, limit: int = 100) -> list[dict[str, object]]:
        """Newest first: actor_id, op, detail, at_ms."""
        ...

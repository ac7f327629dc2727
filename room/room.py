"""A room over its stores: made, opened, changed, healed, archived. What a change is, rules decide.

Redis holds the room; SQL follows behind. Every change is decided on a copy and committed only if
nobody was faster; a copy that fell behind catches up from the stream and decides again.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from weakref import WeakValueDictionary

from room.addresses import clean_address
from room.epochs import generation, is_newer, next_epoch
from room.errors import Lost, Refused, Unavailable
from room.events import Event
from room.limits import RING_EVENTS_MAX
from room.ports import (
    Committed,
    Conflict,
    Missing,
    Pulse,
    RoomArchive,
    RoomStore,
    Sequenced,
    Stored,
)
from room.replica import Replica
from room.settings import clean_title
from room.shapes import Settings, User
from room.state import RoomState, apply, encode
from room.wire import sequence

# Each lost race means that somebody else's change went through, so a storm of changes ends; a copy
# that must catch up first loses to one that need not, many times in a row.
CHANGE_ATTEMPTS_MAX: Final = 100
CATCH_UP_EVENTS: Final = 1_000
CATCH_UP_ROUNDS_MAX: Final = 20

DEFAULT_SETTINGS: Final = Settings()
OnApplied = Callable[[Replica, list[Sequenced]], None]


class Healed(enum.Enum):
    """What a heartbeat made of a copy."""

    FINE = "fine"
    CAUGHT_UP = "caught up"
    REBASED = "rebased"  # the copy goes on under a new epoch: its viewers need a fresh snapshot
    REOPEN = "reopen"  # the copy is no longer the room: open it again


def _nobody_listens(_replica: Replica, _events: list[Sequenced]) -> None:
    return


class Rooms:
    """Use cases of a room. `on_applied` is told, at once, what a copy gained by them.

    `before_rebase` are awaited before a room goes on under a new epoch from the given state, for
    those who keep things beside the room that may be lost with it; they must bear being repeated.
    """

    def __init__(
        self,
        store: RoomStore,
        archive: RoomArchive,
        *,
        new_id: Callable[[str], str],
        on_applied: OnApplied = _nobody_listens,
    ) -> None:
        self.on_applied = on_applied
        self.before_rebase: list[Callable[[Stored], Awaitable[None]]] = []
        self._store = store
        self._archive = archive
        self._new_id = new_id
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def create(
        self,
        *,
        room_id: str,
        title: str,
        stream_url: str,
        host: User,
        now_ms: int,
        settings: Settings = DEFAULT_SETTINGS,
    ) -> Stored:
        """A new, live, empty room. Refuses conflict, bad_request, too_long."""
        state = RoomState(
            room_id=room_id,
            title=clean_title(title),
            host=host,
            stream_url=clean_address(stream_url, field="stream_url"),
            created_ms=now_ms,
            settings=settings,
        )
        if await self._archive.archived_seq(room_id) is not None:
            raise Refused("conflict", "a room of this id exists already")
        stored = Stored(self._next_epoch(None), 0, state)
        if not await self._store.create(room_id, stored):
            raise Refused("conflict", "a room of this id exists already")
        await self._archive.save_room(stored, now_ms)
        return stored

    async def open(self, room_id: str, now_ms: int) -> Replica | None:
        """A copy of the room as it stands, rebuilt from the archive where Redis lost it."""
        # The archive first: asked second, it could be ahead only because time went on.
        try:
            archived_at = await self._archive.archived_seq(room_id)
        except Unavailable:
            stored = await self._store.load(room_id)
            if stored is None:
                raise
            return await self._replica(stored)  # the room is there; SQL may catch up later
        stored = await self._store.load(room_id)
        if stored is not None and (
            archived_at is None or not is_newer(archived_at, (stored.epoch, stored.seq))
        ):
            return await self._replica(stored)
        archived = await self._archive.load_room(room_id)
        if archived is None:
            return await self._replica(stored) if stored is not None else None
        old_epoch = stored.epoch if stored is not None else None
        rebased = await self._rebase(archived, old_epoch, now_ms)
        return Replica(rebased) if rebased is not None else await self._reopened(room_id)

    async def _reopened(self, room_id: str) -> Replica | None:
        """Somebody else rebuilt the room in the same moment: theirs counts."""
        stored = await self._store.load(room_id)
        return await self._replica(stored) if stored is not None else None

    async def _replica(self, stored: Stored) -> Replica:
        """A copy that can replay what led to it, for viewers who come from another worker."""
        newest = await self._store.newest_events(stored.state.room_id, RING_EVENTS_MAX)
        if newest is None or newest[0] != stored.epoch:
            return Replica(stored)
        return Replica(stored, history=newest[1])

    async def _rebase(self, base: Stored, old_epoch: str | None, now_ms: int) -> Stored | None:
        """Continue from `base` under a new epoch, unless somebody else already has."""
        newest = max(base.epoch, old_epoch or base.epoch, key=generation)
        stored = Stored(self._next_epoch(newest), base.seq, base.state)
        room_id = base.state.room_id
        for save in self.before_rebase:
            await save(base)
        if not await self._store.rebase(room_id, old_epoch=old_epoch, stored=stored):
            return None
        with contextlib.suppress(Unavailable):  # `archive_room` saves it later
            await self._archive.save_room(stored, now_ms)
        return stored

    def _next_epoch(self, before: str | None) -> str:
        return next_epoch(before, self._new_id("epoch"))

    async def change(
        self, replica: Replica, decide: Callable[[RoomState], tuple[Event, ...]], now_ms: int
    ) -> list[Sequenced]:
        """Decide on the newest state and commit. No events: nothing to do.

        Raises what `decide` refuses; `Lost` when the copy must be opened again; `Unavailable` when
        the outcome is unknown (if it was committed, the events arrive over the bus).
        """
        lock = self._locks.setdefault(replica.room_id, asyncio.Lock())
        async with lock:
            for _ in range(CHANGE_ATTEMPTS_MAX):
                committed = await self._attempt(replica, decide, now_ms)
                if committed is not None:
                    return committed
        raise Unavailable("the room is changing too fast")

    async def _attempt(
        self, replica: Replica, decide: Callable[[RoomState], tuple[Event, ...]], now_ms: int
    ) -> list[Sequenced] | None:
        """The committed events, or None after losing the race and catching up."""
        events = decide(replica.state)
        if not events:
            return []
        epoch, seq, state = replica.epoch, replica.seq, replica.state
        for event in events:
            state = apply(state, event)
        numbered = [sequence(seq + nth, now_ms, event) for nth, event in enumerate(events, start=1)]
        outcome = await self._store.commit(
            replica.room_id, epoch=epoch, expected_seq=seq, events=numbered, state=encode(state)
        )
        match outcome:
            case Committed():
                self._receive(replica, epoch, numbered)
                return numbered
            case Conflict(current, _) if current == replica.epoch:
                if not await self.catch_up(replica):
                    raise Lost("the room's history is gone")
                return None
            case Conflict() | Missing():
                raise Lost("the room went on in another epoch")

    def _receive(self, replica: Replica, epoch: str, events: Sequence[Sequenced]) -> None:
        """The bus may have been faster: only what is new to the copy is told."""
        applied = replica.receive(epoch, events).applied
        if applied:
            self.on_applied(replica, applied)

    async def catch_up(self, replica: Replica) -> bool:
        """Fill a gap from the stream. False: the epoch changed or the history is gone."""
        for _ in range(CATCH_UP_ROUNDS_MAX):
            found = await self._store.events_after(replica.room_id, replica.seq, CATCH_UP_EVENTS)
            if found is None or found[0] != replica.epoch:
                return False
            self._receive(replica, found[0], found[1])
            if len(found[1]) < CATCH_UP_EVENTS:
                return True
        return False

    async def heal(self, replica: Replica, pulse: Pulse | None, now_ms: int) -> Healed:
        """Compare the copy with the store's heartbeat and mend whichever is behind."""
        mine = (replica.epoch, replica.seq)
        if pulse is not None and (pulse.epoch, pulse.seq) == mine:
            return Healed.FINE
        if pulse is not None and is_newer((pulse.epoch, pulse.seq), mine):
            same_epoch = pulse.epoch == replica.epoch
            caught_up = same_epoch and await self.catch_up(replica)
            return Healed.CAUGHT_UP if caught_up else Healed.REOPEN
        return await self._heal_store(replica, now_ms)

    async def _heal_store(self, replica: Replica, now_ms: int) -> Healed:
        """Redis lost what this copy has: begin a new epoch from the newest that is known."""
        mine = (replica.epoch, replica.seq)  # before asking: the copy moves on while Redis answers
        current = await self._store.load(replica.room_id)
        if current is not None and not is_newer(mine, (current.epoch, current.seq)):
            # The heartbeat was older than the copy, or another worker has healed the room.
            return Healed.FINE if current.epoch == replica.epoch else Healed.REOPEN
        base = replica.stored
        with contextlib.suppress(Unavailable):
            archived = await self._archive.load_room(replica.room_id)
            if archived is not None and is_newer(
                (archived.epoch, archived.seq), (base.epoch, base.seq)
            ):
                base = archived
        rebased = await self._rebase(base, current.epoch if current is not None else None, now_ms)
        if rebased is None:
            return Healed.REOPEN
        replica.reset(rebased)
        return Healed.REBASED

    async def archive_room(self, room_id: str, now_ms: int) -> int:
        """Copy into SQL what is not there yet: events, then the state. Returns events copied.

        Safe to repeat and to interrupt; a duty of one worker at a time.
        """
        stored = await self._store.load(room_id)
        if stored is None:
            return 0
        archived_at = await self._archive.archived_seq(room_id)
        if archived_at == (stored.epoch, stored.seq):
            return 0
        if archived_at is not None and is_newer(archived_at, (stored.epoch, stored.seq)):
            return 0  # Redis lost data: opening or healing the room mends it from here
        after = archived_at[1] if archived_at is not None else 0
        found = await self._store.events_after(room_id, after, CATCH_UP_EVENTS)
        events = found[1] if found is not None and found[0] == stored.epoch else []
        if events:
            await self._archive.append_events(room_id, stored.epoch, events)
        if not events or events[-1].seq >= stored.seq:
            await self._archive.save_room(stored, now_ms)
        return len(events)

"""What is handed out is told, copied to the ledger, and ended once, also after a crash.

Every step may be repeated, by any worker, so `resume` finishes whatever a crash left by doing the
remaining steps again. The ledger in SQL is what counts at the end: what it has was handed out, the
rest was not. If Redis lost claims, those in the ledger stay and the handout is called off.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from room import gifts, rain
from room.errors import Lost, Refused
from room.events import Event
from room.handout_ports import Handout, HandoutArchive, HandoutStore, Settled, Standing
from room.ports import Stored
from room.replica import Replica
from room.room import Rooms
from room.shapes import HandoutState
from room.state import RoomState

# In the timetable a real time is when it was begun; this means "see what Redis still has of it".
SETTLE_ASKED: Final = 0
# In the timetable but not in Redis: created this moment, or never after a crash.
CREATING_MS_MAX: Final = 60_000

ReplicaOf = Callable[[str], Awaitable[Replica | None]]


class HandoutDuty:
    """Announces and ends handouts."""

    def __init__(self, rooms: Rooms, store: HandoutStore, archive: HandoutArchive) -> None:
        self._rooms = rooms
        self._store = store
        self._archive = archive
        self._copied: dict[str, int] = {}  # claims that the ledger is known to have
        rooms.before_rebase.append(self._ask_to_settle)

    async def announce(self, replica: Replica, handout: Handout, now_ms: int) -> None:
        """Tell the room; where it may not be (another one was faster) it is called off."""
        try:
            await self._rooms.change(replica, lambda state: _told_begun(state, handout), now_ms)
        except Refused:
            await self._store.close(handout.room_id, handout.id, "void")
            await self._finish(replica, handout.id, "void", now_ms)
            raise

    async def step(
        self, replica: Replica, handout_id: str, at_ms: int, now_ms: int, *, stop: bool = False
    ) -> bool:
        """Whatever is to be done for one handout now; says whether it is over."""
        room_id = replica.room_id
        standing = await self._store.close(room_id, handout_id, "ended" if stop else None)
        if standing is None:
            if at_ms > now_ms - CREATING_MS_MAX:
                return False
            await self._finish(replica, handout_id, "void", now_ms)
            return True
        if not await self._copy(room_id, handout_id, standing):
            standing = await self._store.close(room_id, handout_id, "void")
            await self._finish(replica, handout_id, "void", now_ms)
            return True
        if standing.state != "open":
            await self._finish(replica, handout_id, standing.state, now_ms)
            return True
        if not _is_known(replica.state, handout_id):
            handout = await self._store.load(room_id, handout_id)
            if handout is not None:
                await self.announce(replica, handout, now_ms)
        elif at_ms == SETTLE_ASKED:
            await self._store.schedule(room_id, handout_id, now_ms)
        return False

    async def _copy(self, room_id: str, handout_id: str, standing: Standing) -> bool:
        """Bring the ledger up to Redis. False when Redis has lost what the ledger has."""
        copied = self._copied.get(handout_id)
        if copied is None:
            copied = len(await self._archive.claims_of(handout_id))
        if standing.count < copied:
            return False
        if standing.count > copied:
            # The last one known is looked at again: Redis may have gone back and on since.
            claims = await self._store.claims(room_id, handout_id, max(0, copied - 1))
            if not await self._archive.add_claims(handout_id, claims):
                return False
            copied = claims[-1].index + 1 if claims else copied
        self._copied[handout_id] = copied
        return True

    async def _finish(
        self, replica: Replica, handout_id: str, state: HandoutState, now_ms: int
    ) -> None:
        """Fix the end in the ledger, tell the room, and cross it off."""
        archived = await self._archive.load_handout(handout_id)
        if archived is not None:
            settled = await self._archive.settle(handout_id, state, now_ms)
            handout = archived[0]
            await self._rooms.change(
                replica, lambda state: _told_over(state, handout, settled), now_ms
            )
        await self._store.unschedule(replica.room_id, handout_id)
        self._copied.pop(handout_id, None)

    async def resume(self, now_ms: int, replica_of: ReplicaOf) -> int:
        """Go on with all that is under way; returns how many came to their end.

        One that cannot go on does not keep the others waiting.
        """
        over = 0
        for room_id, handout_id, at_ms in await self._store.due():
            replica = await replica_of(room_id)
            if replica is None:
                await self._store.unschedule(room_id, handout_id)
                continue
            try:
                over += await self.step(replica, handout_id, at_ms, now_ms)
            except (Refused, Lost):
                continue  # called off, or the copy is being opened again
        return over

    async def _ask_to_settle(self, base: Stored) -> None:
        """A room is about to be rebuilt: Redis may have lost the timetable, or the claims."""
        room_id, rain_now = base.state.room_id, base.state.rain
        under_way = [key for key, gift in base.state.gifts.items() if gift.state == "open"]
        if rain_now is not None and rain_now.state == "open":
            under_way.append(rain_now.rain_id)
        for handout_id in under_way:
            self._copied.pop(handout_id, None)
            await self._store.schedule(room_id, handout_id, SETTLE_ASKED)


def _is_known(state: RoomState, handout_id: str) -> bool:
    known_rain = state.rain is not None and state.rain.rain_id == handout_id
    return known_rain or handout_id in state.gifts


def _told_begun(state: RoomState, handout: Handout) -> tuple[Event, ...]:
    if handout.rain is not None:
        return rain.told_started(state, handout.rain)
    assert handout.gift is not None, "a handout is a rain or a gift"
    return gifts.told_opened(state, handout.gift)


def _told_over(state: RoomState, handout: Handout, settled: Settled) -> tuple[Event, ...]:
    if handout.rain is not None:
        return rain.told_ended(state, handout.rain, settled)
    assert handout.gift is not None, "a handout is a rain or a gift"
    return gifts.told_closed(state, handout.gift, settled)

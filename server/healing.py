"""Putting a room's replica right: filling gaps, and starting over where history is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import structlog

from room.errors import Lost, Unavailable
from room.ports import Pulse
from room.replica import Replica
from room.room import Healed, Rooms
from server.error_codes import CloseCode
from server.fanout import LiveRoom
from server.viewer import Viewer

log = structlog.get_logger(__name__)


class Healer:
    """Heals the rooms of one worker; one attempt per room at a time."""

    def __init__(
        self,
        *,
        rooms: Rooms,
        now_ms: Callable[[], int],
        close: Callable[[Viewer, int], None],
    ):
        self._rooms = rooms
        self._now_ms = now_ms
        self._close = close
        self._running: dict[str, asyncio.Task[None]] = {}

    def heal_soon(self, room: LiveRoom) -> None:
        """Fetch what the replica has missed, without waiting."""
        self._start(room, self._catch_up(room))

    def judge_soon(self, room: LiveRoom, pulse: Pulse | None) -> None:
        """Compare the replica with what Redis said of the room, and mend what differs."""
        self._start(room, self._judge(room, pulse))

    def _start(self, room: LiveRoom, work: Coroutine[None, None, None]) -> None:
        if room.room_id in self._running:
            work.close()
            return
        task = asyncio.create_task(self._guard(work))
        self._running[room.room_id] = task
        task.add_done_callback(lambda _: self._running.pop(room.room_id, None))

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except (Unavailable, Lost):
            return  # the next pulse notices again

    async def _catch_up(self, room: LiveRoom) -> None:
        if not await self._rooms.catch_up(room.replica):
            await self._reopen(room)

    async def _judge(self, room: LiveRoom, pulse: Pulse | None) -> None:
        healed = await self._rooms.heal(room.replica, pulse, self._now_ms())
        if healed is Healed.REBASED:
            self._resync(room, room.replica)
        elif healed is Healed.REOPEN:
            await self._reopen(room)

    async def _reopen(self, room: LiveRoom) -> None:
        replica = await self._rooms.open(room.room_id, self._now_ms())
        if replica is not None:
            self._resync(room, replica)

    def _resync(self, room: LiveRoom, replica: Replica) -> None:
        """Everyone needs a new snapshot: what was numbered before counts no more."""
        log.warning("room_resynced", room_id=room.room_id, epoch=replica.epoch)
        room.adopt(replica)
        for viewer in tuple(room.viewers):
            self._close(viewer, CloseCode.RESYNC)

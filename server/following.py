"""Between followers and the room: who of its people follow the host, and how many do in all."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from room.errors import Unavailable
from room.follows import Following, Follows
from server.fanout import LiveRoom
from server.hub import Hub
from server.tokens import Identity
from server.wire import event_json

log = structlog.get_logger(__name__)

GREETING_WITHIN_S = 0.3  # a greeting does not wait longer to say whether somebody follows


class Followers:
    """Following as the rooms of this worker show it."""

    def __init__(self, hub: Hub, follows: Follows):
        self._hub = hub
        self._follows = follows

    async def in_room(self, room: LiveRoom, user_id: str) -> bool:
        """Whether this person follows the room's host. Raises `Unavailable`."""
        return await self._follows.follows(room.replica.state.host.id, user_id)

    async def at_greeting(self, room: LiveRoom, user: Identity) -> bool:
        """The same for a hello, which is answered even when nobody can say."""
        if user.is_guest:
            return False
        with contextlib.suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(GREETING_WITHIN_S):
                return await self.in_room(room, user.user_id)
        return False

    async def change(self, room: LiveRoom, user_id: str, *, following: bool) -> Following:
        """Follow or unfollow the host; all the person's sockets hear of it."""
        host_id, now_ms = room.replica.state.host.id, self._hub.now_ms()
        after = await self._follows.change(host_id, user_id, following=following, now_ms=now_ms)
        self._tell(room, after.followers)
        event = event_json("host.followed", now_ms, {"following": after.following})
        self._hub.tell_user(room.room_id, user_id, event)
        return after

    async def show(self, room: LiveRoom) -> None:
        """Count this room's followers."""
        await self._show([room])

    async def show_all(self) -> None:
        """One round over the rooms of this worker: others change the counts too."""
        if self._hub.rooms:
            await self._show(list(self._hub.rooms.values()))

    async def _show(self, rooms: list[LiveRoom]) -> None:
        hosts = {room.replica.state.host.id for room in rooms}
        try:
            counts = await self._follows.followers(sorted(hosts))
        except Unavailable as silent:
            log.warning("followers_not_counted", reason=str(silent))
            return
        for room in rooms:
            self._tell(room, counts.get(room.replica.state.host.id, 0))

    def _tell(self, room: LiveRoom, followers: int) -> None:
        if room.tell_state("followers", followers):
            self._hub.ticker.wake_for_state(room)

"""The rooms of one worker: opened when first wanted, fed from the bus, told by ticks, let go idle.

The hub joins the durable side (replica, store, bus) to the fan-out. What has to be noticed by
asking (counts, deaf subscriptions, lost data, silent sockets) is `heartbeat.py`'s; putting a room
right again is `healing.py`'s.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import cast

from room.errors import Unavailable
from room.limits import RECENT_COMMENTS_MAX
from room.ports import RoomStore, Sequenced
from room.replica import Replica
from room.room import Rooms
from room.visits import Visit
from server.bus import STAFF, Bus, ChatBatch
from server.error_codes import CloseCode
from server.fanout import LiveRoom
from server.healing import Healer
from server.live_counts import Values
from server.outbox import ChatItem, Choose
from server.precedence import Precedence
from server.stock_watch import watch_stock
from server.telemetry import Metrics
from server.ticker import Ticker
from server.viewer import Viewer
from server.wire import event_json

JOIN_NOTICE_EVERY_MS = 1_000
DEPARTED_MAX = 50_000  # leavers whose watch time waits for the next heartbeat
SocketClose = Callable[[Viewer, int], None]
WON_FIELDS = ("auction_id", "title", "amount_cents", "currency")  # of `auction.won`
Span = tuple[str, int, int]  # user, from, to in Unix ms


class RoomMissing(Exception):
    """No such room."""


class Hub:
    """Every room this worker serves."""

    def __init__(
        self,
        *,
        rooms: Rooms,
        store: RoomStore,
        bus: Bus,
        choose: Choose,
        now_ms: Callable[[], int],
        metrics: Metrics,
    ):
        self.rooms: dict[str, LiveRoom] = {}
        self.precedence = Precedence()  # of what is answered here, over talk and ticks
        self.ticker = Ticker(now_ms, metrics, self.precedence)
        self.draining = False
        self.now_ms = now_ms
        self.on_opened: list[Callable[[LiveRoom], Awaitable[None]]] = []  # before anyone is let in
        self.on_tick_kept: Callable[[str, int], None] = lambda room_id, n: None
        self.on_won: Callable[[LiveRoom, Sequenced], None] = lambda room, event: None
        self.close_socket: SocketClose = lambda viewer, code: viewer.transport.abort()
        self._rooms = rooms
        self._store = store
        self._bus = bus
        self._metrics = metrics
        self._choose = choose
        self._openings = itertools.count(1)
        self._opening: dict[str, asyncio.Task[LiveRoom]] = {}
        self._catching_up: dict[str, asyncio.Task[bool]] = {}
        self.healer = Healer(rooms=rooms, now_ms=now_ms, close=self.close_socket_of)
        self._departed: list[tuple[str, Span]] = []
        bus.listener = self
        rooms.on_applied = self._on_applied

    # -- opening --------------------------------------------------------------------------------

    async def open(self, room_id: str) -> LiveRoom:
        """The live room, opened once however many ask; raises `RoomMissing` or `Unavailable`."""
        task = self._opening.get(room_id)
        room = self.rooms.get(room_id)
        if room is not None and task is None:
            room.used_ms = self.now_ms()
            return room
        if task is None:
            task = asyncio.create_task(self._open(room_id))
            self._opening[room_id] = task
            task.add_done_callback(lambda _: self._opening.pop(room_id, None))
        return await asyncio.shield(task)

    async def _open(self, room_id: str) -> LiveRoom:
        self._metrics.read_room()
        replica = await self._rooms.open(room_id, self.now_ms())
        if replica is None:
            raise RoomMissing(room_id)
        await self._bus.subscribe(room_id)  # first hear, then read what was missed in between
        if not await self._rooms.catch_up(replica):
            reopened = await self._rooms.open(room_id, self.now_ms())
            if reopened is None:
                raise RoomMissing(room_id)
            replica = reopened
        room = LiveRoom(
            room_id,
            replica,
            choose=self._choose,
            close=self.close_socket_of,
            stamp=self.ticker.stamp(),
            opening=next(self._openings),
        )
        self.rooms[room_id] = room  # from here the bus feeds it; nobody is let in before the rest
        room.used_ms = self.now_ms()
        try:
            room.recall(await self._store.recent_comments(room_id, RECENT_COMMENTS_MAX))
            for prepare in self.on_opened:
                await prepare(room)
        except BaseException:
            self.let_go(room_id)  # half a room must not be taken for a whole one by the next
            raise
        self.ticker.flush_now(room)
        return room

    async def replica(self, room_id: str) -> Replica | None:
        """The replica of a room, opened if need be; None when there is no such room."""
        try:
            return (await self.open(room_id)).replica
        except RoomMissing:
            return None

    def close_socket_of(self, viewer: Viewer, code: int) -> None:
        """Close one viewer's socket with `code`, without waiting."""
        self.close_socket(viewer, code)

    async def catch_up_to(self, room: LiveRoom, epoch: str, seq: int) -> None:
        """Reach what a returning viewer has seen on another worker, before it is greeted."""
        here = room.replica
        if epoch != here.epoch or seq <= room.shown_seq:
            return
        try:
            if seq > here.seq:
                await self._catch_up(room)
        except Unavailable:
            return  # it is greeted with a snapshot
        self.ticker.flush_now(room)

    async def _catch_up(self, room: LiveRoom) -> None:
        """Read what is new, once for all who come back in this moment."""
        task = self._catching_up.get(room.room_id)
        if task is None:
            self._metrics.read_room()
            task = asyncio.create_task(self._rooms.catch_up(room.replica))
            self._catching_up[room.room_id] = task
            task.add_done_callback(lambda _: self._catching_up.pop(room.room_id, None))
        await asyncio.shield(task)

    # -- membership -----------------------------------------------------------------------------

    def join(self, room: LiveRoom, viewer: Viewer, visit: Visit | None) -> None:
        """Admit a greeted viewer. Who only mends a lost line (`visit` None) is no new entry."""
        room.add(viewer)
        if visit is not None:
            room.arrivals.append(visit)
            room.counters["entries"] += 1
            self._notice_join(room, viewer)
        self.recount(room)

    def _notice_join(self, room: LiveRoom, viewer: Viewer) -> None:
        """Now and then say who came in; a storm of entries says it once a second."""
        now_ms = self.now_ms()
        if viewer.user.is_guest or now_ms - room.join_noticed_ms < JOIN_NOTICE_EVERY_MS:
            return
        room.join_noticed_ms = now_ms
        user = viewer.user
        raw = event_json("notice", now_ms, {"kind": "joined", "user": user.to_wire()})
        self.tell_chat(room, ChatItem("notice", user.user_id, user.role, raw))

    def leave(self, room_id: str, viewer: Viewer) -> None:
        """Let a viewer go, crediting what it watched."""
        room = self.rooms.get(room_id)
        if room is None:
            return
        if viewer in room.viewers:
            room.remove(viewer)
            self.recount(room)
        if len(self._departed) < DEPARTED_MAX:
            span = (viewer.user.user_id, viewer.watched_to_ms, self.now_ms())
            self._departed.append((room_id, span))

    def take_departed(self) -> list[tuple[str, Span]]:
        """Watch time of viewers who left since the last call, by room."""
        departed, self._departed = self._departed, []
        return departed

    def let_go(self, room_id: str) -> None:
        """Drop an idle room from memory."""
        self.ticker.forget(self.rooms.pop(room_id))
        self._bus.unsubscribe_soon(room_id)

    def recount(self, room: LiveRoom) -> None:
        """Show who is here now together with who was elsewhere at the last pulse."""
        others = room.totals.get("online_elsewhere", 0)
        if room.tell_state("online", others + len(room.viewers)):
            self.ticker.wake_for_state(room)
        self.show_totals(room)

    def show_totals(self, room: LiveRoom) -> None:
        """Put likes and entries, with what this worker has not yet reported, into the state."""
        changed = False
        for name in ("likes", "entries"):
            fresh = room.counters[name] - room.totals.get(f"{name}_reported", 0)
            total = room.totals.get(name, 0) + fresh
            if total > room.state[name]:
                changed = room.tell_state(name, total) or changed
        if changed:
            self.ticker.wake_for_state(room)

    # -- what happens in a room -----------------------------------------------------------------

    def tell_chat(self, room: LiveRoom, item: ChatItem) -> None:
        """Show a chat event here and on the other workers."""
        room.hear(item)
        self.ticker.wake(room)
        self._bus.tell_chat(room.room_id, item)

    def tell_stock(self, room_id: str, levels: dict[str, dict[str, int]]) -> None:
        """Show stock levels here and on the other workers."""
        self._show_stock(room_id, levels)
        self._bus.tell_stock(room_id, levels)

    def tell_user(self, room_id: str, user_id: str, event: bytes) -> None:
        """Send a private event to all of a user's sockets, on every worker."""
        self._show_user(room_id, user_id, event)
        self._bus.tell_user(room_id, user_id, event)

    def tell_live(self, room_id: str, part: str, values: Values) -> None:
        """Show counts of what is open in a part of the state, here and on the other workers."""
        room = self.rooms.get(room_id)
        if room is not None:
            self.show_live(room, part, values)
        self._bus.tell_live(room_id, part, values)

    def show_live(self, room: LiveRoom, part: str, values: Values) -> None:
        """Show counts on this worker."""
        if room.tell_live(part, values):
            self.ticker.wake_for_state(room)

    def tell_staff(self, room_id: str, event: bytes) -> None:
        """Send a private event to all of a room's staff, on every worker."""
        self._show_user(room_id, STAFF, event)
        self._bus.tell_user(room_id, STAFF, event)

    def _show_stock(self, room_id: str, levels: dict[str, dict[str, int]]) -> None:
        room = self.rooms.get(room_id)
        if room is not None:
            self.show_stock(room, levels)

    def show_stock(self, room: LiveRoom, levels: dict[str, dict[str, int]]) -> None:
        """Show levels on this worker; its staff hear which SKU will not last."""
        if room.tell_stock(levels):
            self.ticker.wake_for_state(room)
            watch_stock(room, levels, self.now_ms())

    def _show_user(self, room_id: str, user_id: str, event: bytes) -> None:
        room = self.rooms.get(room_id)
        if room is not None and user_id == STAFF:
            room.tell_staff(event)
        elif room is not None:
            room.tell_user(user_id, event)

    def _on_applied(self, replica: Replica, events: Sequence[Sequenced]) -> None:
        room = self.rooms.get(replica.room_id)
        if room is None or room.replica is not replica or not events:
            return
        room.tell_critical(events)
        self._enforce(room, events)
        self.ticker.wake(room)

    def _enforce(self, room: LiveRoom, events: Iterable[Sequenced]) -> None:
        """Close the sockets of whom an event sends out, and tell winners in person."""
        for event in events:
            if event.t in ("lottery.drawn", "lottery.redrawn"):
                self.on_won(room, event)
            elif event.t == "auction.closed" and event.d["reason"] == "sold":
                self._tell_bidder(room, event)
            if event.t == "user.banned" and not event.d.get("lifted"):
                self.expel(room, str(event.d["user_id"]), CloseCode.BANNED)
            elif event.t == "room.ended":
                self.expel(room, None, CloseCode.ROOM_ENDED)

    def _tell_bidder(self, room: LiveRoom, closed: Sequenced) -> None:
        self.ticker.flush_now(room)
        winner = cast(Mapping[str, str], closed.d["winner"])
        told = {name: closed.d[name] for name in WON_FIELDS}
        room.tell_user(winner["id"], event_json("auction.won", closed.ts, told))

    def expel(self, room: LiveRoom, user_id: str | None, code: CloseCode) -> None:
        """Close one user's sockets in a room, or everybody's, behind what they are still owed."""
        self.ticker.flush_now(room)
        viewers = room.viewers if user_id is None else room.by_user.get(user_id, set())
        for viewer in tuple(viewers):
            self.close_socket(viewer, code)

    def kick(self, room_id: str, user_id: str, code: CloseCode) -> None:
        """Close a user's sockets in a room on every worker."""
        room = self.rooms.get(room_id)
        if room is not None:
            self.expel(room, user_id, code)
        self._bus.tell_kick(room_id, user_id, code)

    # -- the bus ----------------------------------------------------------------------------------

    def on_critical(self, room_id: str, epoch: str, events: list[Sequenced]) -> None:
        room = self.rooms.get(room_id)
        if room is None:
            return
        received = room.replica.receive(epoch, events)
        self._on_applied(room.replica, received.applied)
        if received.gap or received.other_epoch:
            self.healer.heal_soon(room)

    def on_rebased(self, room_id: str, epoch: str) -> None:
        room = self.rooms.get(room_id)
        if room is not None and room.replica.epoch != epoch:
            self.healer.heal_soon(room)

    def on_chat(self, room_id: str, batch: ChatBatch) -> None:
        room = self.rooms.get(room_id)
        if room is None:
            return
        room.outbox.add_lost(batch.lost)
        for item in batch.chat:
            room.hear(item)
        if batch.chat:
            self.ticker.wake(room)
        if batch.stock:
            self._show_stock(room_id, batch.stock)
        for part, values in batch.live.items():
            self.show_live(room, part, values)
        for user_id, event in batch.private:
            self._show_user(room_id, user_id, event)
        for user_id, code in batch.kicked:
            self.expel(room, user_id, CloseCode(code))

    def on_tick(self, room_id: str, n: int) -> None:
        self.on_tick_kept(room_id, n)

    def on_reconnected(self) -> None:
        for room in self.rooms.values():
            self.healer.heal_soon(room)

"""What a worker learns by asking, a few times a second, because nobody would tell it.

A pulse per room reports this worker's counts, brings the totals of all workers, and carries the
room's last sequence number: a subscription that has gone deaf and a Redis that lost data are both
noticed here. The same round sweeps sockets that fell silent or whose token ran out, and credits
watch time.
"""

from __future__ import annotations

import asyncio

import structlog

from room.errors import Unavailable
from room.ports import Pulse, RoomStore
from room.room import Rooms
from server.bus import Bus
from server.error_codes import CloseCode
from server.fanout import LiveRoom
from server.hub import Hub, Span

log = structlog.get_logger(__name__)

PULSE_EVERY_S = (
    0.4  # a killed worker is uncounted within 2 s, see tests/server/test_presence_bound.py
)
PULSES_AT_ONCE_MAX = 32  # Redis calls in flight for pulses
IDLE_ROOM_MS = 60_000  # a room nobody looks at is dropped from memory after this
SILENT_VIEWER_MS = 75_000  # three missed pings: the peer is gone without saying so
WATCH_EVERY_MS = 5_000  # how much watch time a crash of this worker can cost
WATCH_SPANS_MAX = 500  # spans in one Redis call
VISITS_MAX = 1_000  # in one Redis call; more wait for the next round


class Heartbeat:
    """The rounds of one worker."""

    def __init__(self, *, hub: Hub, rooms: Rooms, store: RoomStore, bus: Bus, worker_id: str):
        self._hub = hub
        self._rooms = rooms
        self._store = store
        self._bus = bus
        self._worker_id = worker_id
        self._suspect: dict[str, int] = {}
        self._watch_told_ms = 0

    async def beat(self) -> None:
        """One round over all rooms."""
        gate = asyncio.Semaphore(PULSES_AT_ONCE_MAX)

        async def one(room: LiveRoom) -> None:
            async with gate:
                await self.pulse(room)

        await asyncio.gather(*(one(room) for room in tuple(self._hub.rooms.values())))
        await self._credit_watching()
        await self._tell_arrivals()
        self._sweep()

    async def farewell(self) -> None:
        """The last round, when the viewers have left: nothing counted here stays untold."""
        self._watch_told_ms = 0
        await self.beat()

    async def pulse(self, room: LiveRoom) -> None:
        """Report and learn one room's counts; notice when its history differs from Redis'."""
        counters = dict(room.counters)
        online = len(room.viewers)
        try:
            pulse = await self._store.pulse(
                room.room_id,
                # its counters begin at nought, so a room opened again is a reporter of its own
                worker_id=f"{self._worker_id}.{room.opening}",
                online=online,
                counters=counters,
            )
        except Unavailable:
            return
        if pulse is None:
            self._hub.healer.judge_soon(room, None)
            return
        self._learn(room, pulse, online, counters)
        await self._compare(room, pulse)

    def _learn(self, room: LiveRoom, pulse: Pulse, online: int, counters: dict[str, int]) -> None:
        room.totals = dict(pulse.totals)
        room.totals["online_elsewhere"] = pulse.online - online
        for name in ("likes", "entries"):
            room.totals[f"{name}_reported"] = counters[name]
        if room.tell_state("peak", max(pulse.peak, room.state["peak"])):
            self._hub.ticker.wake_for_state(room)
        self._hub.recount(room)
        room.repay(self._hub.ticker.stamp())

    async def _compare(self, room: LiveRoom, pulse: Pulse) -> None:
        """Heal when Redis knows of events this worker never heard, or has lost some it did."""
        here = room.replica
        if pulse.epoch == here.epoch and pulse.seq == here.seq:
            self._suspect.pop(room.room_id, None)
            return
        if pulse.epoch == here.epoch and pulse.seq > here.seq:
            if self._suspect.get(room.room_id) != here.seq:
                self._suspect[room.room_id] = here.seq  # it may still be on its way
                return
            log.warning("subscription_deaf", room_id=room.room_id, seq=here.seq, redis=pulse.seq)
            try:
                await self._bus.resubscribe(room.room_id)
            except Unavailable:
                return
        self._hub.healer.judge_soon(room, pulse)

    async def _tell_arrivals(self) -> None:
        """Tell the store of those who came since the last round.

        A store that does not answer may have counted them: they are told again, for a visitor too
        many entries of a source are less wrong than a visitor too few.
        """
        for room in tuple(self._hub.rooms.values()):
            came = [room.arrivals.popleft() for _ in range(min(len(room.arrivals), VISITS_MAX))]
            try:
                await self._store.note_visits(room.room_id, came)
            except Unavailable:
                room.arrivals.extendleft(reversed(came))

    # -- sweeping -------------------------------------------------------------------------------

    def _sweep(self) -> None:
        now_ms = self._hub.now_ms()
        for room_id, room in tuple(self._hub.rooms.items()):
            for viewer in tuple(room.viewers):
                if 0 < viewer.user.expires_ms <= now_ms:
                    self._hub.close_socket(viewer, CloseCode.TOKEN_EXPIRED)
                elif now_ms - viewer.heard_ms > SILENT_VIEWER_MS:
                    self._hub.close_socket(viewer, CloseCode.TOO_SLOW)
            if not room.viewers and now_ms - room.used_ms > IDLE_ROOM_MS:
                self._suspect.pop(room_id, None)
                self._hub.let_go(room_id)

    # -- watch time -----------------------------------------------------------------------------

    async def _credit_watching(self) -> None:
        now_ms = self._hub.now_ms()
        if now_ms - self._watch_told_ms < WATCH_EVERY_MS:
            return
        self._watch_told_ms = now_ms
        spans: dict[str, list[Span]] = {}
        for room_id, span in self._hub.take_departed():
            spans.setdefault(room_id, []).append(span)
        for room_id, room in self._hub.rooms.items():
            for viewer in room.viewers:
                span = (viewer.user.user_id, viewer.watched_to_ms, now_ms)
                spans.setdefault(room_id, []).append(span)
                viewer.watched_to_ms = now_ms
        for room_id, of_room in spans.items():
            for start in range(0, len(of_room), WATCH_SPANS_MAX):
                await self._credit(room_id, of_room[start : start + WATCH_SPANS_MAX])

    async def credit_now(self, room: LiveRoom, user_id: str) -> None:
        """Credit one user's watch time up to this moment, before a condition is judged by it."""
        now_ms = self._hub.now_ms()
        spans = []
        for viewer in room.by_user.get(user_id, ()):
            spans.append((user_id, viewer.watched_to_ms, now_ms))
            viewer.watched_to_ms = now_ms
        await self._credit(room.room_id, spans)

    async def _credit(self, room_id: str, spans: list[Span]) -> None:
        try:
            if spans:
                await self._store.credit_watch(room_id, spans)
        except Unavailable:
            log.warning("watch_time_lost", room_id=room_id, viewers=len(spans))

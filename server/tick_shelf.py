"""The ticks of one room that this worker serves over plain HTTP, and the loop that gets them.

The loop runs while somebody asks here. Each round says so in Redis and thereby competes for the
room's lease: the holder makes a tick at a steady pace, the others wait for word of it on the bus
(and look once a second, should the word be lost). However many wait here, there is one loop. A
holder that is killed is followed as soon as its lease runs out; numbers go on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

import structlog

from room.errors import Unavailable
from room.tick_ports import TickHead, TickStore
from server.bus import Bus
from server.fanout import LiveRoom
from server.hub import Hub
from server.tick_maker import TickMaker, following_of, start_object

log = structlog.get_logger(__name__)

TICKS_KEPT_MAX = 64  # in memory; older ones are read from Redis while they are kept there
BYTES_KEPT_MAX = 8 * 1024 * 1024  # of one room's ticks in memory
LOOK_EVERY_S = 1.0  # without word of a tick
LEASE_MS_MIN = 3_000  # how long ticks rest at most after their maker was killed
WANTED_MS_MIN = 5_000  # after the last question: who has a tick asks for the next at once
AHEAD_MAX = 5  # numbers after the next that are waited for: this worker may be a little behind
START_BEHIND_MAX = 3  # ticks a start object may be older than the newest
CATCH_UP_TICKS_MAX = 5  # fetched at once for those who wait


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes that are served as they are, and the tag by which a cache knows them again."""

    body: bytes
    tag: str

    @classmethod
    def of(cls, body: bytes) -> Kept:
        """With a tag made of the content."""
        return cls(body, f'"{blake2b(body, digest_size=12).hexdigest()}"')


class TickGone(Exception):
    """This tick cannot be had: `code` says why, `following` which number is made next."""

    def __init__(self, code: str, following: int):
        super().__init__(code)
        self.code = code
        self.following = following


@dataclass(frozen=True, slots=True)
class Tools:
    """What the shelves of a worker share."""

    hub: Hub
    bus: Bus
    store: TickStore
    worker_id: str
    pace_ms: int
    made: Callable[[], None]  # counts

    @property
    def lease_ms(self) -> int:
        return max(LEASE_MS_MIN, 3 * self.pace_ms)

    @property
    def wanted_ms(self) -> int:
        return max(WANTED_MS_MIN, 3 * self.pace_ms)


class TickShelf:
    """One room's ticks at this worker."""

    def __init__(self, room_id: str, tools: Tools):
        self.room_id = room_id
        self.waiting = 0
        self._tools = tools
        self._ticks: OrderedDict[int, Kept] = OrderedDict()
        self._bytes = 0
        self._start: tuple[int, Kept] | None = None  # the number that follows it, and itself
        self._maker: TickMaker | None = None
        self._newest = 0  # the last number that is known to be kept
        self._known = False  # that number was read since the loop began
        self._fresh = False  # a tick has come since the loop began: ticks are being made
        self._over = False  # the room has ended and its ticks have said so
        self._hurry = False  # the next tick is wanted at once
        self._asked_ms = self._asked_start_ms = -tools.wanted_ms
        self._news = asyncio.Event()
        self._word = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def is_idle(self) -> bool:
        """Whether nobody asks and nothing runs: it may be forgotten."""
        return self._loop is None and not self.waiting

    # -- asking -----------------------------------------------------------------------------------

    async def tick(self, n: int) -> Kept:
        """The tick of this number, waited for if it is about to be made. The caller limits the
        wait. Raises `TickGone` and `Unavailable`."""
        while (kept := self._ticks.get(n)) is None:
            if n <= self._newest:
                return await self._fetched(n)
            if self._over:
                raise TickGone("room_ended", self._newest + 1)
            news = self._news
            self._ask()
            if self._known and n > self._newest + 1 + AHEAD_MAX:
                raise TickGone("tick_unknown", self._newest + 1)
            await self._wait(news)
        self._ask()
        return kept

    async def start(self) -> Kept:
        """A start object, at most some ticks old. The caller limits the wait."""
        while not self._over:
            news = self._news
            self._ask(start=True)
            if self._start is not None and self._may_start_at(self._start[0]):
                return self._start[1]
            await self._wait(news)
        return await self._last_start()

    def _may_start_at(self, following: int) -> bool:
        return self._fresh and following + START_BEHIND_MAX > self._newest

    async def _last_start(self) -> Kept:
        """Of a room that has ended: it changes no more, and no tick follows."""
        tools = self._tools
        room = await tools.hub.open(self.room_id)
        now_ms = tools.hub.now_ms()
        return Kept.of(start_object(room, self._newest + 1, now_ms, tools.pace_ms))

    def _ask(self, *, start: bool = False) -> None:
        if self._closed:
            raise Unavailable("this worker is about to stop")
        self._asked_ms = self._tools.hub.now_ms()
        if start:
            if not self._wants_start(self._asked_ms):
                self._word.set()  # say so now, not with the next look
            self._asked_start_ms = self._asked_ms
        if self._loop is None:
            self._known = self._fresh = False
            self._loop = asyncio.create_task(self._run(), name=f"ticks-{self.room_id}")

    async def _wait(self, news: asyncio.Event) -> None:
        self.waiting += 1
        try:
            await news.wait()
        finally:
            self.waiting -= 1

    async def _fetched(self, n: int) -> Kept:
        body = await self._tools.store.tick(self.room_id, n)
        if body is None:
            raise TickGone("tick_expired", self._newest + 1)
        return Kept.of(body)

    # -- the loop ---------------------------------------------------------------------------------

    def hear(self, n: int) -> None:
        """Word that tick `n` was kept by whoever makes them."""
        if self._maker is None and n > self._newest:
            self._word.set()

    async def close(self) -> None:
        """Send away who waits here, and let another worker make the ticks."""
        self._closed = True
        self._tell()
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)
        await self._give_up()

    async def _run(self) -> None:
        clock = asyncio.get_running_loop()
        try:
            while self._is_wanted():
                began_s = clock.time()
                try:
                    if await self._round():
                        return
                except Exception as error:  # whatever it is, who waits here must not wait for ever
                    log.warning("ticks_failed", room_id=self.room_id, error=repr(error))
                    self._drop_maker()
                await self._rest(began_s + self._tools.pace_ms / 1000 - clock.time())
        finally:
            self._loop = None
            await self._give_up()
            self._tell()

    def _is_wanted(self) -> bool:
        now_ms = self._tools.hub.now_ms()
        return bool(self.waiting) or now_ms - self._asked_ms < self._tools.wanted_ms

    async def _rest(self, until_due_s: float) -> None:
        """Until the next tick is due; without the lease, until word of one."""
        if self._maker is not None:
            await asyncio.sleep(0 if self._hurry else until_due_s)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._word.wait()
        self._word.clear()

    async def _round(self) -> bool:
        """One tick made or looked for. True: there is nothing more to come."""
        room = await self._tools.hub.open(self.room_id)  # keeps it open as well
        if self._maker is not None and self._maker.room is not room:
            self._drop_maker()
        if self._maker is None:
            head = await self._want()
            if self._has_ended(room, head):
                await self._learn(head)
                self._over = True
                return True
            if head.fence:
                await self._take_over(room, head)
            else:
                await self._learn(head)
        if self._maker is None or not await self._make(self._maker):
            return False
        self._over = room.replica.state.status == "ended"
        return self._over

    async def _want(self) -> TickHead:
        tools, now_ms = self._tools, self._tools.hub.now_ms()
        return await tools.store.want(
            self.room_id,
            holder=tools.worker_id,
            lease_ms=tools.lease_ms,
            ticks_ms=tools.wanted_ms,
            starts_ms=tools.wanted_ms if self._wants_start(now_ms) else 0,
        )

    def _wants_start(self, now_ms: int) -> bool:
        return now_ms - self._asked_start_ms < self._tools.wanted_ms

    def _has_ended(self, room: LiveRoom, head: TickHead) -> bool:
        """Whether the room has ended and its ticks have told everything, or there were none."""
        if room.replica.state.status != "ended":
            return False
        told_all = head.epoch == room.replica.epoch and head.seq >= room.replica.seq
        return told_all or not head.epoch

    async def _learn(self, head: TickHead) -> None:
        """Take what another worker has made since."""
        looked_before, self._known = self._known, head.n <= self._newest or self._known
        if head.n <= self._newest:
            return
        for n in range(max(self._newest, head.n - CATCH_UP_TICKS_MAX) + 1, head.n + 1):
            body = await self._tools.store.tick(self.room_id, n)
            if body is not None:
                self._keep(n, body)
        self._fresh = looked_before  # what the first look finds may be of long ago
        self._newest, self._known = head.n, True
        if self._wants_start(self._tools.hub.now_ms()):
            await self._learn_start()
        self._tell()

    async def _learn_start(self) -> None:
        if self._start is not None and self._may_start_at(self._start[0] + 1):
            return
        body = await self._tools.store.start(self.room_id)
        if body is not None:
            self._keep_start(body)

    # -- making -----------------------------------------------------------------------------------

    async def _take_over(self, room: LiveRoom, head: TickHead) -> None:
        """Go on where the last maker stopped, once this worker has heard as much."""
        tools = self._tools
        self._newest, self._known = max(self._newest, head.n), True
        if head.epoch:
            await tools.hub.catch_up_to(room, head.epoch, head.seq)
        tools.hub.ticker.flush_now(room)
        maker = TickMaker(room, head, lambda: tools.bus.said(self.room_id))
        if maker.is_behind():
            maker.close()
            tools.hub.healer.heal_soon(room)
            raise Unavailable("this worker has yet to hear what was told")
        self._maker = maker

    async def _make(self, maker: TickMaker) -> bool:
        """Make one; False when another has taken over."""
        tools, now_ms = self._tools, self._tools.hub.now_ms()
        made = maker.cut(now_ms=now_ms, pace_ms=tools.pace_ms, with_start=self._wants_start(now_ms))
        demand = await tools.store.append(
            self.room_id,
            made,
            holder=tools.worker_id,
            fence=maker.fence,
            lease_ms=tools.lease_ms,
        )
        if demand is None:
            log.info("ticks_taken_over", room_id=self.room_id, n=made.n)
            self._drop_maker()
            return False
        self._asked_ms = max(self._asked_ms, now_ms + demand.ticks_ms - tools.wanted_ms)
        self._asked_start_ms = max(
            self._asked_start_ms, now_ms + demand.starts_ms - tools.wanted_ms
        )
        tools.made()
        self._hurry = demand.starts_ms > 0 and made.start is None
        self._newest, self._fresh = made.n, True
        self._keep(made.n, made.body)
        if made.start is not None:
            self._start = (made.n + 1, Kept.of(made.start))
        self._tell()
        with contextlib.suppress(Unavailable):  # the others look for themselves
            await tools.bus.tell_tick(self.room_id, made.n)
        return True

    def _drop_maker(self) -> None:
        if self._maker is not None:
            self._maker.close()
            self._maker = None

    async def _give_up(self) -> None:
        if self._maker is None:
            return
        self._drop_maker()
        with contextlib.suppress(Unavailable):  # the lease runs out by itself
            await self._tools.store.give_up(self.room_id, self._tools.worker_id)

    # -- what is here -----------------------------------------------------------------------------

    def _keep(self, n: int, body: bytes) -> None:
        self._ticks[n] = Kept.of(body)
        self._bytes += len(body)
        while len(self._ticks) > TICKS_KEPT_MAX or self._bytes > BYTES_KEPT_MAX:
            _, oldest = self._ticks.popitem(last=False)
            self._bytes -= len(oldest.body)

    def _keep_start(self, body: bytes) -> None:
        following = following_of(body)
        if self._start is None or following > self._start[0]:
            self._start = (following, Kept.of(body))

    def _tell(self) -> None:
        """Wake everybody who waits, to look again."""
        self._news.set()
        self._news = asyncio.Event()

"""Who plays a recording: a host, people who speak and buy, and guests who come and go.

Acts when it is told to and measures what everyone sees; when that is, is decided in replay.py.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Coroutine
from typing import NamedTuple

from loadtest.api import LiveroomApi, Person
from loadtest.buyer import Buyer
from loadtest.checks import Failure, critical_failures, reply_failures
from loadtest.client import Address, Lost, Refused, Viewer
from loadtest.crowd import CrowdResult
from loadtest.history import ChatTally, History, Position, Saw
from loadtest.messages import Message, MessageCache
from loadtest.report import Histogram
from loadtest.seat import clock_us
from loadtest.steady import CONNECT_ERRORS, SteadySeat

JOINS_AT_ONCE = 100
SETTLE_S = 6.0  # time for the last events to arrive before what is missing counts as lost
LIKES_A_COMMAND = 50  # as many taps as one command may hold


class _Note(NamedTuple):
    """A frame boiled down, once for all who get it."""

    comments: tuple[tuple[int, int], ...]  # (our number of it, server time in ms)
    critical_ts: tuple[int, ...]
    state_ms: int


class Place:
    """A viewer, and what it saw of the chat."""

    def __init__(self, cast: Cast, name: str, person: Person | None) -> None:
        self.tally = ChatTally(name)
        self.seen: set[int] = set()
        self.gone = False  # left for good
        self._cast = cast
        self.seat = SteadySeat(
            cast.address, name=name, person=person, messages=cast.messages,
            rng=cast.rng, on_message=self._hear,
        )  # fmt: skip

    def go_if_gone(self) -> None:
        """It may have been sent away while it came."""
        if self.gone:
            self.seat.stop()

    def _hear(self, viewer: Viewer, message: Message) -> None:
        cast, now = self._cast, clock_us()
        note: _Note | None = message.note
        if note is None:
            note = message.note = cast.note_of(message)
        cast.frames += 1
        for number, ts in note.comments:
            cast.latency("comment").record(now - ts * 1000)
            self.tally.doubled += number in self.seen
            self.seen.add(number)
        self.tally.shown += len(note.comments)
        for ts in note.critical_ts:
            cast.latency("critical").record(now - ts * 1000)
        if note.state_ms:
            cast.latency("state").record(now - note.state_ms * 1000)
        self.tally.dropped += message.drops.get("comment", 0)
        self.tally.folded += message.folds.get("comment", 0)


class Cast:
    """Everybody but the host. Use `seat_people` before anything happens."""

    def __init__(self, api: LiveroomApi, room: str, rng: random.Random) -> None:
        self.api, self.rng = api, rng
        self.address = Address.of(api.url, room)
        self.messages = MessageCache()
        self.frames = 0
        self.result = CrowdResult()
        self.speakers: list[Place] = []
        self.buyers: list[Place] = []
        self.guests: list[Place] = []
        self.histories: list[History] = []  # of all, also of who has left
        self.tallies: list[ChatTally] = []
        self._latencies = {name: Histogram() for name in ("comment", "critical", "state")}
        self._comments: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(JOINS_AT_ONCE)
        self._begun = False
        self._names = 0

    def latency(self, what: str) -> Histogram:
        found = self._latencies.get(what)
        if found is None:
            found = self._latencies[what] = Histogram()
        return found

    @property
    def latencies(self) -> dict[str, Histogram]:
        return dict(self._latencies)

    @property
    def everyone(self) -> list[Place]:
        return [*self.speakers, *self.buyers, *self.guests]

    @property
    def connected(self) -> int:
        return sum(place.seat.viewer.connected for place in self.everyone)

    def note_of(self, message: Message) -> _Note:
        comments, critical = [], []
        for event in message.events:
            if event["t"] == "comment":
                number = self._comments.setdefault(event["d"]["id"], len(self._comments))
                comments.append((number, event["ts"]))
            elif "seq" in event:
                critical.append(event["ts"])
        state_ms = int(message.body.get("st", {}).get("server_ms", 0))
        return _Note(tuple(comments), tuple(critical), state_ms)

    async def seat_people(self, *, speakers: int, buyers: int, guests: int) -> None:
        """Who is there when it begins: only they are asked to have seen every comment."""
        began = time.monotonic()
        people = [await self.api.person(f"replay-{number}") for number in range(speakers + buyers)]
        places = [self._place(person) for person in people]
        self.speakers, self.buyers = places[:speakers], places[speakers:]
        self.guests = [self._place(None) for _ in range(guests)]
        await asyncio.gather(*(self._take(place) for place in self.everyone))
        self.result.join_s = time.monotonic() - began
        self._begun = True

    def _place(self, person: Person | None) -> Place:
        self._names += 1
        place = Place(self, person.name if person else f"guest-{self._names}", person)
        place.tally.whole_window = not self._begun
        self.histories.append(place.seat.viewer.history)
        self.tallies.append(place.tally)
        return place

    async def _take(self, place: Place) -> None:
        async with self._gate:
            if place.gone:  # before it was let in
                return
            asked = clock_us()
            try:
                await place.seat.start()
            except CONNECT_ERRORS as error:
                self.result.not_joined += 1
                self.result.refused[f"join: {type(error).__name__}"] += 1
                place.tally.whole_window = False
                place.seat.return_later()
                return
            self.latency("hello reply").record(clock_us() - asked)
            self.result.joined += 1
            place.go_if_gone()

    def have_guests(self, count: int) -> None:
        """Let guests come or go until there are so many; who leaves is told goodbye."""
        while len(self.guests) < count:
            place = self._place(None)
            self.guests.append(place)
            self._later(self._take(place))
        while len(self.guests) > count:
            place = self.guests.pop()
            place.tally.whole_window, place.gone = False, True
            place.seat.stop()

    def say(self, who: int, text: str) -> None:
        place = self.speakers[who % len(self.speakers)]
        sent = clock_us()
        future = place.seat.viewer.send("comment.send", text=text)
        future.add_done_callback(lambda done: self._said(done, "comment.send", sent))

    def _said(self, done: asyncio.Future[dict[str, object]], op: str, sent_us: int) -> None:
        error = done.exception()
        if error is not None:
            self.result.refused[f"{op}: {getattr(error, 'code', type(error).__name__)}"] += 1
            return
        self.latency(f"{op} reply").record(clock_us() - sent_us)
        if op == "comment.send":
            self.result.accepted += 1

    def like(self, taps: int) -> None:
        """By anyone, as many commands as it takes."""
        places = self.everyone
        while taps > 0:
            count = min(taps, LIKES_A_COMMAND)
            taps -= count
            self._tap(self.rng.choice(places), count)

    def _tap(self, place: Place, count: int) -> None:
        sent = clock_us()
        future = place.seat.viewer.send("like.add", n=count)
        future.add_done_callback(lambda done: self._said(done, "like.add", sent))

    def buy(self, number: int, *, sale_id: str, sku_id: str) -> None:
        """The buyer of that number buys one, under a key of its own each time."""
        place = self.buyers[number % len(self.buyers)]
        self._later(self._buy(place, f"{sku_id}-{number}", sale_id, sku_id))

    async def _buy(self, place: Place, key: str, sale_id: str, sku_id: str) -> None:
        buyer = Buyer(place.seat, sale_id=sale_id, sku_id=sku_id)
        self.result.purchases += await buyer.buy(key)
        self.latency("sale.buy reply").record(buyer.answered_us)

    def enter(self, number: int, lottery_id: str) -> None:
        self._later(self._enter(self.speakers[number % len(self.speakers)], lottery_id))

    async def _enter(self, place: Place, lottery_id: str) -> None:
        sent = clock_us()
        try:
            await place.seat.viewer.command("lottery.join", lottery_id=lottery_id)
        except (Refused, Lost, TimeoutError) as error:
            self.result.refused[f"lottery.join: {getattr(error, 'code', 'lost')}"] += 1
            return
        self.result.entrants.append(f"{lottery_id} {place.seat.user_id}")
        self.latency("lottery.join reply").record(clock_us() - sent)

    def _later(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def acts_are_over(self) -> None:
        """Until everything that was begun has its answer."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def settle(self, published: int, end: Position) -> CrowdResult:
        """Wait for the last events, send everybody home, and tell what was seen."""
        until = time.monotonic() + SETTLE_S
        while not self._settled(published, end):
            if time.monotonic() > until:
                break
            await asyncio.sleep(0.05)
        result = self.result
        for place in self.everyone:
            place.tally.whole_window &= not place.seat.losses
            if not place.seat.viewer.connected:
                result.failures.append(Failure("not_back", place.tally.client, "is not connected"))
            for broken in place.seat.viewer.broken:
                result.failures.append(Failure("bad_frame", place.tally.client, broken))
        result.failures += critical_failures(self.histories, end=end)
        result.failures += reply_failures(self.histories)
        records = Counter(type(each) for history in self.histories for each in history.records)
        result.criticals = records[Saw]
        result.commands = sum(len(history.asked) for history in self.histories)
        result.tallies, result.frames = self.tallies, self.frames
        result.resumes = sum(place.seat.losses for place in self.everyone)
        result.latencies = self.latencies
        for place in self.everyone:
            place.seat.stop()
        return result

    def _settled(self, published: int, end: Position) -> bool:
        return all(
            place.seat.viewer.position == end
            and not place.seat.viewer.waits
            and (not place.tally.whole_window or place.tally.told >= published)
            for place in self.everyone
            if place.seat.viewer.connected
        )

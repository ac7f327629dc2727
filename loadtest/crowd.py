"""The swarm's viewers of one process: joins, talks, buys, is cut off, and hands over what it saw.

Open loop: everything is sent when it is due, whatever the server does. Judging the whole run and
the host's part are in swarm.py.
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections import Counter
from collections.abc import Awaitable, Coroutine, Iterable, MutableSequence
from dataclasses import dataclass, field

from loadtest.api import LiveroomApi
from loadtest.buyer import Buyer
from loadtest.checks import Failure, critical_failures, reply_failures
from loadtest.client import Address, Lost, Refused
from loadtest.gauge import Gauge
from loadtest.history import ChatTally, Position, Saw
from loadtest.messages import Message, MessageCache
from loadtest.plan import Plan, comment_text
from loadtest.report import Histogram
from loadtest.sale_checks import Purchase
from loadtest.seat import Note, Seat, clock_us, note_of
from loadtest.steady import CONNECT_ERRORS, come_back
from loadtest.timeline import Step, Timeline, step_s

TOKENS_AT_ONCE = 32
SETTLE_S = 6.0  # time for the last events to arrive before what is missing counts as lost
LAG_STEP_S = 0.02


@dataclass
class CrowdResult:
    """What one process saw. Travels between processes, so it holds plain data only."""

    latencies: dict[str, Histogram] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    frames: int = 0
    criticals: int = 0  # critical events received, by all
    commands: int = 0  # commands sent, by all
    joined: int = 0
    join_s: float = 0.0
    not_joined: int = 0
    accepted: int = 0  # comments the server took
    refused: Counter[str] = field(default_factory=Counter)
    closes: Counter[int] = field(default_factory=Counter)
    resumes: int = 0
    tallies: list[ChatTally] = field(default_factory=list)
    purchases: list[Purchase] = field(default_factory=list)
    entrants: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    cpu_share: float = 0.0
    lag_p99_ms: float = 0.0


class Crowd:
    """All seats of one process."""

    def __init__(self, plan: Plan, *, gauge: MutableSequence[int] | None = None) -> None:
        self.plan = plan
        self.gauge = gauge if gauge is not None else [0] * len(Gauge)
        self.address = Address.of(plan.url, plan.room)
        self.messages = MessageCache()
        self.rng = random.Random(plan.seed * 1000 + plan.part)
        self.begin_us = 0
        self.frames = 0
        self.comment_us, self.critical_us, self.state_us = Histogram(), Histogram(), Histogram()
        self._timeline = Timeline()
        self.result = CrowdResult()
        self.reply_us: dict[str, Histogram] = {"comment.send": Histogram()}
        self.seats: list[Seat] = []
        self.speakers: list[Seat] = []
        self.buyers: list[Buyer] = []
        self._sale_due: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._lag = Histogram()
        self.over = False

    def note_of(self, message: Message) -> Note:
        return note_of(message, self)

    async def join(self) -> None:
        """Take all seats, at no more than the planned rate."""
        async with LiveroomApi(self.plan.url, jwt_secret=self.plan.jwt_secret) as api:
            gate = asyncio.Semaphore(TOKENS_AT_ONCE)
            await asyncio.gather(*(self._make_seat(api, n, gate) for n in self._numbers()))
        began = time.monotonic()
        rate = self.plan.joins_per_s / self.plan.parts
        due: list[Awaitable[None]] = []
        for number, seat in enumerate(self.seats):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            due.append(asyncio.ensure_future(self._take(seat)))
        await asyncio.gather(*due)
        self.result.join_s = time.monotonic() - began
        gc.collect()
        gc.freeze()

    def _numbers(self) -> Iterable[int]:
        return self.plan.share(self.plan.viewers + self.plan.buyers)

    async def _make_seat(self, api: LiveroomApi, number: int, gate: asyncio.Semaphore) -> None:
        """Buyers come first in number, then speakers, then guests."""
        plan = self.plan
        name = f"swarm-{plan.seed}-{number}"
        speaks = plan.buyers <= number < plan.buyers + plan.speakers
        if number >= plan.buyers and not speaks:
            self.seats.append(Seat(self, name, token=None))
            return
        async with gate:
            person = await api.person(name)
        seat = Seat(self, name, token=person.token, user_id=name)
        self.seats.append(seat)
        if speaks:
            self.speakers.append(seat)
        else:
            self.buyers.append(Buyer(seat, sale_id=plan.sale_id, sku_id=plan.sku_id))

    async def _take(self, seat: Seat) -> None:
        began = clock_us()
        try:
            await seat.viewer.connect()
        except CONNECT_ERRORS as error:
            self.result.not_joined += 1
            self.result.refused[f"join: {type(error).__name__} {error}"[:60]] += 1
            seat.tally.whole_window = False
            self._later(self._come_back(seat))
            return
        self._recorder("hello").record(clock_us() - began)
        self.result.joined += 1
        self.gauge[Gauge.JOINED] += 1

    def _recorder(self, what: str) -> Histogram:
        return self.reply_us.setdefault(what, Histogram())

    async def run(self, begin_us: int) -> None:
        """Everything that is due between `begin_us` and the end of the plan."""
        self.begin_us = begin_us
        await asyncio.sleep(max(0.0, (begin_us - clock_us()) / 1e6))
        began, cpu = time.monotonic(), time.process_time()
        disturbing = [
            asyncio.create_task(self._measure_lag()),
            asyncio.create_task(self._observe()),
            asyncio.create_task(self._disturb(self.plan.churn_per_s, resume=False)),
            asyncio.create_task(self._disturb(self.plan.cuts_per_s, resume=True)),
        ]
        await self._speak()
        await asyncio.sleep(max(0.0, self.plan.seconds - (clock_us() - begin_us) / 1e6))
        for task in disturbing:
            task.cancel()
        self.result.cpu_share = (time.process_time() - cpu) / (time.monotonic() - began)
        if self._sale_due is not None:
            await self._sale_due

    async def _speak(self) -> None:
        for turn, index in enumerate(self.plan.share(self.plan.comments)):
            wait_us = self.plan.due_us(index, self.begin_us) - clock_us()
            if wait_us > 500:
                await asyncio.sleep(wait_us / 1e6)
            if self.speakers:
                self._say(self.speakers[turn % len(self.speakers)], index)

    def _say(self, seat: Seat, index: int) -> None:
        sent = clock_us()
        future = seat.viewer.send("comment.send", text=comment_text(index))
        future.add_done_callback(lambda done: self._said(done, sent))

    def _said(self, future: asyncio.Future[dict[str, object]], sent_us: int) -> None:
        error = future.exception()
        if error is None:
            self.result.accepted += 1
            self._recorder("comment.send").record(clock_us() - sent_us)
        else:
            self.result.refused[getattr(error, "code", type(error).__name__).__str__()] += 1

    async def _disturb(self, per_s: float, *, resume: bool) -> None:
        """Cut (or send away) idle guests at a rate; they come back by `closed`."""
        talking = {id(seat) for seat in self.speakers} | {id(buyer.seat) for buyer in self.buyers}
        guests = [seat for seat in self.seats if id(seat) not in talking]
        while per_s > 0 and guests:
            await asyncio.sleep(self.rng.expovariate(per_s / self.plan.parts))
            seat = self.rng.choice(guests)
            if not seat.viewer.connected:
                continue
            seat.leaving = not resume
            if resume:
                seat.viewer.cut()
            else:
                seat.viewer.leave()

    def closed(self, seat: Seat, code: int) -> None:
        """A connection ended: come back, unless everything is over."""
        self.result.closes[code] += 1
        self._later(self._come_back(seat))

    def _later(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _come_back(self, seat: Seat) -> None:
        fresh, seat.leaving = seat.leaving, False
        if await come_back(seat.viewer, self.rng, resume=not fresh):
            self.result.resumes += 1

    def critical_event(self, event: dict[str, object]) -> None:
        """Seen once a process: the sale's start makes the buyers run, a lottery the entrants."""
        detail = event["d"]
        assert isinstance(detail, dict)
        if event["t"] == "sale.phase" and detail["sale"]["sale_id"] == self.plan.sale_id:
            start_ms = detail["sale"].get("start_ms")
            if start_ms and self._sale_due is None:
                self._sale_due = asyncio.create_task(self._stampede(int(start_ms)))
        elif event["t"] == "lottery.opened":
            for seat in self.speakers[: len(self.plan.share(self.plan.entrants))]:
                self._later(self._enter(seat, detail["lottery"]["lottery_id"]))

    async def _stampede(self, start_ms: int) -> None:
        await asyncio.sleep(max(0.0, start_ms / 1000 - time.time()))
        bought = await asyncio.gather(*(buyer.buy() for buyer in self.buyers))
        for purchases in bought:
            self.result.purchases.extend(purchases)
        for buyer in self.buyers:
            if buyer.answered_us:
                self._recorder("sale.buy").record(buyer.answered_us)

    async def _enter(self, seat: Seat, lottery_id: str) -> None:
        sent = clock_us()
        try:
            await seat.viewer.command("lottery.join", lottery_id=lottery_id)
        except (Refused, Lost, TimeoutError) as error:
            self.result.refused[f"lottery.join: {error}"[:60]] += 1
            return
        self.result.entrants.append(seat.user_id)
        self._recorder("lottery.join").record(clock_us() - sent)

    async def _measure_lag(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_STEP_S
            await asyncio.sleep(LAG_STEP_S)
            self._lag.record(int((loop.time() - due) * 1e6))

    async def _observe(self) -> None:
        """End a step of the timeline when it is due, and tell whoever shows the progress."""
        step, number = step_s(self.plan.seconds), 0
        while True:
            number += 1
            await asyncio.sleep(max(0.0, self.begin_us / 1e6 + number * step - time.time()))
            shown = self.comment_us.count
            self.gauge[Gauge.PUBLISHED] = self.result.accepted
            self.gauge[Gauge.SHOWN] = shown
            self._timeline.note(
                levels={"connected": sum(seat.viewer.connected for seat in self.seats)},
                totals={
                    "published": self.result.accepted,
                    "shown": shown,
                    "frames": self.frames,
                    "returns": self.result.resumes,
                },
                histograms=self._latencies(),
            )

    def _latencies(self) -> dict[str, Histogram]:
        return {
            "comment": self.comment_us,
            "critical": self.critical_us,
            "state": self.state_us,
            **{f"{op} reply": histogram for op, histogram in self.reply_us.items()},
        }

    async def settle(self, published: int, end: Position) -> CrowdResult:
        """Wait for the last events, close everything, and tell what was seen."""
        until = time.monotonic() + SETTLE_S
        while not self._settled(published, end):
            if time.monotonic() > until:
                break
            await asyncio.sleep(0.1)
        return await self._finish(end)

    def _settled(self, published: int, end: Position) -> bool:
        return not self._tasks and all(
            seat.viewer.position == end
            and not seat.viewer.waits
            and (not seat.tally.whole_window or seat.tally.told >= published)
            for seat in self.seats
            if seat.viewer.connected
        )

    async def _finish(self, end: Position) -> CrowdResult:
        self.over = True
        result = self.result
        histories = [seat.viewer.history for seat in self.seats]
        result.failures += critical_failures(histories, end=end)
        result.failures += reply_failures(histories)
        for seat in self.seats:
            for broken in seat.viewer.broken:
                result.failures.append(Failure("bad_frame", seat.viewer.name, broken))
            if not seat.viewer.connected:
                result.failures.append(Failure("not_back", seat.viewer.name, "is not connected"))
        result.tallies = [seat.tally for seat in self.seats]
        result.frames = self.frames
        result.steps = self._timeline.steps
        result.criticals = sum(
            isinstance(record, Saw) for history in histories for record in history.records
        )
        result.lag_p99_ms = self._lag.percentile(99) / 1000
        result.latencies = self._latencies()
        result.commands = sum(len(history.asked) for history in histories)
        for task in self._tasks:
            task.cancel()
        for seat in self.seats:
            seat.viewer.leave()
        return result

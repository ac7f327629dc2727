"""Three thousand comments a second into one room of a thousand viewers, while others buy.

    python -m loadtest.flood --viewers 1000 --comments 3000 --seconds 20

The room keeps its budget per viewer. Every viewer adds up what was shown, told as dropped and told
as folded: the sum must be exactly what was said. Critical events go on all the while and none may
be lost; reservations are made at one pace before the flood and during it. Exit status 1 when a sum
is wrong, something critical is lost, its p99 passes the bound, or reserving slows past the bound.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from loadtest.api import LiveroomApi
from loadtest.checks import Failure, chat_failures, critical_failures, reply_failures
from loadtest.client import Address
from loadtest.flood_buyers import FloodBuyers
from loadtest.flood_seat import FloodSeat
from loadtest.garbage import no_collections
from loadtest.messages import MessageCache
from loadtest.own_server import OwnServer
from loadtest.proving import broken, conclude, on_own_server, options
from loadtest.report import Histogram, print_latencies, print_table, provenance
from loadtest.seat import clock_us
from loadtest.stage import Stage

CRITICAL_P99_MS_MAX = 500.0
RESERVE_SLOWER_MAX = 2.0  # its p50 in the flood against the quiet room's
CRITICAL_PER_S = 5.0
BUYERS = 20
JOINS_AT_ONCE = 50
SETTLE_S = 20.0
SETTLE_STEP_S = 0.1
RUN_S_MAX = 300.0  # a machine that needs longer has nothing to measure
REPEATED_SHARE = 0.2  # of the comments; the others are all different
CHEERS = ("666", "哈哈哈", "冲冲冲", "好看", "love it")
BUDGET = {"comments_per_user_per_s": 0, "chat_per_viewer_per_s": 20}
ROOM = "flood"


@dataclass(frozen=True, slots=True)
class FloodPlan:
    """What one run does."""

    viewers: int = 1_000
    comments_per_s: float = 3_000.0
    seconds: float = 20.0
    quiet_s: float = 10.0
    seed: int = 1


@dataclass
class FloodResult:
    """What came of it."""

    plan: FloodPlan
    said: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    critical: Histogram = field(default_factory=Histogram)
    quiet_buys: Histogram = field(default_factory=Histogram)
    flood_buys: Histogram = field(default_factory=Histogram)
    sends: Histogram = field(default_factory=Histogram)  # from when each was due
    late: Histogram = field(default_factory=Histogram)  # sent after it was due: ours, not theirs
    offered_s: float = 0.0  # until the last comment was sent; more than planned: a slow generator
    took_s: float = 0.0  # until the last was answered
    shown: int = 0
    dropped: int = 0
    folded: int = 0
    load_average: tuple[float, float, float] = (0.0, 0.0, 0.0)
    failures: list[Failure] = field(default_factory=list)

    @property
    def reserve_ratio(self) -> float:
        """How much slower the usual reservation was in the flood."""
        return self.flood_buys.percentile(50) / max(1, self.quiet_buys.percentile(50))


async def run_flood(url: str, plan: FloodPlan, *, jwt_secret: str | None) -> FloodResult:
    """The whole run against a server that is up."""
    result = FloodResult(plan, load_average=os.getloadavg())
    async with LiveroomApi(url, jwt_secret=jwt_secret) as api:
        host = await api.person("flood-host", role="host")
        stage = Stage(api, ROOM, token=host.token)
        await stage.open()
        await stage.viewer.command("room.set", **BUDGET)
        sale_id, sku_id = await stage.make_sale(stock=100_000, per_user=1_000)
        await stage.start_sale(sale_id, countdown_s=0)
        seats = await _take_seats(api, plan, result)
        people = [await api.person(f"flood-buyer-{number}") for number in range(BUYERS)]
        sale = {"sale_id": sale_id, "lines": [{"sku_id": sku_id, "qty": 1}]}
        address = Address.of(api.url, ROOM)
        tokens = [person.token for person in people]
        with FloodBuyers(address, tokens, sale) as buyers, no_collections():
            await _flood(stage, seats, buyers, result)
        await _settle(stage, seats, result)
        for viewer in (*(seat.viewer for seat in seats), stage.viewer):
            viewer.leave()
    return result


async def _flood(
    stage: Stage, seats: Sequence[FloodSeat], buyers: FloodBuyers, result: FloodResult
) -> None:
    """A quiet stretch, then the flood; critical events and purchases go on all the while."""
    plan = result.plan
    announcing = asyncio.create_task(stage.keep_announcing(CRITICAL_PER_S))
    await _buy(buyers, plan.quiet_s, result.quiet_buys, result)
    for seat in seats:
        seat.begin(result.critical)
    buying = asyncio.create_task(_buy(buyers, plan.seconds, result.flood_buys, result))
    await _speak(seats, plan, result)
    await buying
    while not announcing.done():  # a wait that ends in this very moment swallows a cancel
        announcing.cancel()
        await asyncio.wait([announcing], timeout=SETTLE_STEP_S)


async def _take_seats(api: LiveroomApi, plan: FloodPlan, result: FloodResult) -> list[FloodSeat]:
    messages, gate = MessageCache(), asyncio.Semaphore(JOINS_AT_ONCE)
    address = Address.of(api.url, ROOM)

    async def take(number: int) -> FloodSeat:
        async with gate:
            person = await api.person(f"flood-{plan.seed}-{number}")
            seat = FloodSeat(address, person.name, person.token, messages)
            await seat.viewer.connect()
            return seat

    return list(await asyncio.gather(*(take(number) for number in range(plan.viewers))))


async def _buy(
    buyers: FloodBuyers, seconds: float, answered: Histogram, result: FloodResult
) -> None:
    bought = await buyers.buy(seconds)
    result.failures += bought.failures
    for waited_us in bought.answered_us:
        answered.record(waited_us)


async def _speak(seats: Sequence[FloodSeat], plan: FloodPlan, result: FloodResult) -> None:
    """Say everything when it is due, whatever the server does, then wait for the answers."""
    rng = random.Random(plan.seed)
    begin_us, began = clock_us(), time.monotonic()
    futures: list[asyncio.Future[dict[str, Any]]] = []
    for number in range(int(plan.comments_per_s * plan.seconds)):
        due_us = begin_us + int(number * 1e6 / plan.comments_per_s)
        wait_us = due_us - clock_us()
        if wait_us > 1_000:
            await asyncio.sleep(wait_us / 1e6)
        elif number % 50 == 0:
            await asyncio.sleep(0)
        text = rng.choice(CHEERS) if rng.random() < REPEATED_SHARE else f"comment {number:x}"
        result.late.record(clock_us() - due_us)
        future = seats[number % len(seats)].viewer.send("comment.send", text=text)
        future.add_done_callback(lambda done, due=due_us: _answered(done, due, result))  # type: ignore[misc]
        futures.append(future)
    result.offered_s = time.monotonic() - began
    await asyncio.wait(futures, timeout=SETTLE_S)
    result.took_s = time.monotonic() - began


def _answered(done: asyncio.Future[dict[str, Any]], due_us: int, result: FloodResult) -> None:
    error = done.exception()
    if error is None:
        result.said += 1
        result.sends.record(clock_us() - due_us)
    else:
        result.refused[str(getattr(error, "code", type(error).__name__))] += 1


async def _settle(stage: Stage, seats: Sequence[FloodSeat], result: FloodResult) -> None:
    """Wait until everybody was told of everything, then judge."""
    end = await stage.end_position()
    until = time.monotonic() + SETTLE_S
    for seat in seats:
        while not seat.knows(result.said, end) and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(SETTLE_STEP_S)
    # Each also asks whether the line still holds, every now and then.
    while any(seat.viewer.waits for seat in seats) and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    tallies = [seat.tally for seat in seats]
    histories = [seat.viewer.history for seat in seats]
    result.shown = sum(tally.shown for tally in tallies)
    result.dropped = sum(tally.dropped for tally in tallies)
    result.folded = sum(tally.folded for tally in tallies)
    result.failures += chat_failures(tallies, published=result.said)
    result.failures += critical_failures(histories, end=end)
    result.failures += reply_failures(histories)
    for seat in seats:
        if not seat.viewer.connected:
            result.failures.append(Failure("thrown_out", seat.viewer.name, "is not connected"))
        if seat.unheard:
            result.failures.append(Failure("own_unheard", seat.viewer.name, f"{seat.unheard}"))


def judge_pace(result: FloodResult) -> list[Failure]:
    """What was too slow; only of meaning on a machine that has nothing else to do."""
    slow = []
    p99_ms = result.critical.percentile(99) / 1_000
    if p99_ms > CRITICAL_P99_MS_MAX:
        own_ms = result.late.largest / 1_000
        detail = f"p99 {p99_ms:.0f} ms; the generator itself was up to {own_ms:.0f} ms late"
        slow.append(Failure("critical_late", ROOM, detail))
    if result.reserve_ratio > RESERVE_SLOWER_MAX:
        slow.append(Failure("reserve_slow", ROOM, f"{result.reserve_ratio:.2f} times the quiet"))
    return slow


def document(result: FloodResult) -> dict[str, Any]:
    """Everything about the run, for the JSON file."""
    plan = result.plan
    return {
        **provenance(seed=plan.seed),
        "load_average": list(result.load_average),
        "viewers": plan.viewers,
        "comments_per_s": plan.comments_per_s,
        "said": result.said,
        "said_per_s": round(result.said / max(result.took_s, 0.001)),
        "refused": dict(result.refused),
        "shown": result.shown,
        "dropped": result.dropped,
        "folded": result.folded,
        "reserve_ratio_p50": round(result.reserve_ratio, 2),
        "latency_ms": {
            "critical": result.critical.summary_ms(),
            "sale.buy quiet": result.quiet_buys.summary_ms(),
            "sale.buy flood": result.flood_buys.summary_ms(),
            "comment.send": result.sends.summary_ms(),
            "… sent after due": result.late.summary_ms(),
        },
        **broken(result.failures),
    }


def show(found: Mapping[str, Any], console: Console) -> None:
    names = ("said", "said_per_s", "refused", "shown", "dropped", "folded", "reserve_ratio_p50",
             "load_average")  # fmt: skip
    title = f"{found['viewers']} viewers, {found['comments_per_s']:g} comments/s"
    rows = [[name.replace("_", " "), found[name]] for name in names]
    print_table(title, ["", "figure"], rows, console=console)
    print_latencies("Latency, all viewers", found["latency_ms"], console=console)


def main() -> int:
    parser = options("flood", viewers=1_000, seconds=20)
    parser.add_argument("--comments", type=float, default=3_000, help="comments per second")
    parser.add_argument("--quiet", type=float, default=10, help="seconds before the flood")
    given = parser.parse_args()
    plan = FloodPlan(given.viewers, given.comments, given.seconds, given.quiet, given.seed)

    async def run(server: OwnServer) -> FloodResult:
        return await run_flood(server.url, plan, jwt_secret=server.jwt_secret)

    result = on_own_server(run, workers=given.workers, run_s_max=RUN_S_MAX)
    result.failures += judge_pace(result)
    held = "every viewer knows of every comment; nothing critical was lost"
    return conclude(document(result), show, held=held, json_path=given.json)


if __name__ == "__main__":
    sys.exit(main())

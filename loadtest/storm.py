"""Everybody is thrown out at once and comes back: all workers are killed under a full room.

    python -m loadtest.storm --viewers 5000

Critical events go on while they return. Afterwards everyone must be back in time, have every event
once and in order without a snapshot, and the workers must have read the room from the store a
handful of times, not once for each viewer.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import uvloop
from rich.console import Console

from loadtest.api import LiveroomApi
from loadtest.checks import Failure, critical_failures, examples, summary
from loadtest.client import Address
from loadtest.history import Joined, Position
from loadtest.messages import MessageCache
from loadtest.own_server import OwnServer
from loadtest.report import exact_percentile, print_table, provenance, write_json
from loadtest.stage import Stage
from loadtest.steady import SteadySeat

ROOM = "storm"
BACK_WITHIN_S = 15.0
JOINS_AT_ONCE = 200
GIVE_UP_S = 60.0
LOOK_EVERY_S = 0.05
EVENTS_PER_S = 5.0
READ_EVERY_S = 0.1  # the room may be read from the store so often, and no more
RESUMABLE_EVENTS = 1000


@dataclass
class StormResult:
    """What came of one storm. Seconds count from the first kill."""

    viewers: int
    back_s: list[float] = field(default_factory=list)
    took_s: float = 0.0
    resumed: int = 0
    snapshots: int = 0
    events_missed: int = 0
    room_reads: int = 0
    failures: list[Failure] = field(default_factory=list)


async def run_storm(*, viewers: int, workers: int, seed: int) -> StormResult:
    """One storm over a server of its own."""
    result = StormResult(viewers)
    async with (
        OwnServer(workers=workers, environment={"LIVEROOM_LOG_LEVEL": "error"}) as server,
        LiveroomApi(server.url, jwt_secret=server.jwt_secret) as api,
    ):
        host = await api.person("storm-host", role="host")
        stage = Stage(api, ROOM, token=host.token)
        await stage.open()
        rng, messages = random.Random(seed), MessageCache()
        address = Address.of(server.url, ROOM)
        seats = [
            SteadySeat(address, name=f"v{n}", messages=messages, rng=random.Random(rng.random()))
            for n in range(viewers)
        ]
        await _join(seats)
        gc.collect()
        gc.freeze()
        news = asyncio.create_task(stage.keep_announcing(EVENTS_PER_S))
        await _throw_out(server, seats, result)
        news.cancel()
        await asyncio.gather(news, return_exceptions=True)
        await _judge(api, stage, seats, result)
        result.room_reads = await _room_reads(server.url)
        _judge_reads(result)
        for seat in seats:
            seat.stop()
        stage.viewer.leave()
    return result


async def _join(seats: Sequence[SteadySeat]) -> None:
    gate = asyncio.Semaphore(JOINS_AT_ONCE)

    async def join(seat: SteadySeat) -> None:
        async with gate:
            await seat.start()

    await asyncio.gather(*(join(seat) for seat in seats))


async def _throw_out(server: OwnServer, seats: Sequence[SteadySeat], result: StormResult) -> None:
    """Kill all workers, and wait until everyone has lost a line and has one again."""
    began = time.monotonic()
    for pid in server.worker_pids():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    away = set(seats)
    while away and time.monotonic() - began < GIVE_UP_S:
        await asyncio.sleep(LOOK_EVERY_S)
        back = {seat for seat in away if seat.losses and seat.viewer.connected}
        away -= back
        result.back_s += [time.monotonic() - began] * len(back)
    result.took_s = time.monotonic() - began
    late = len(away) + sum(each > BACK_WITHIN_S for each in result.back_s)
    if late:
        result.failures.append(Failure("late", ROOM, f"{late} not back in {BACK_WITHIN_S:g} s"))


async def _judge(
    api: LiveroomApi, stage: Stage, seats: Sequence[SteadySeat], result: StormResult
) -> None:
    end = await stage.end_position()
    await _caught_up(seats, end)
    histories = [seat.viewer.history for seat in seats]
    result.failures += critical_failures(histories, end=end, resumable=RESUMABLE_EVENTS)
    for record in (each for history in histories for each in history.records):
        if isinstance(record, Joined) and record.resumed is not None:
            result.resumed += record.recovered
            result.snapshots += not record.recovered
            result.events_missed += len(record.replayed)


async def _caught_up(seats: Sequence[SteadySeat], end: Position) -> None:
    """Until all have heard the last event; who never does is found by the checks."""
    until = time.monotonic() + BACK_WITHIN_S
    while time.monotonic() < until:
        if all(seat.viewer.position == end for seat in seats):
            return
        await asyncio.sleep(LOOK_EVERY_S)


async def _room_reads(url: str) -> int:
    """How often the new workers read the room or its history, by their own metrics."""
    async with aiohttp.ClientSession() as session, session.get(url + "/metrics") as response:
        lines = (await response.text()).splitlines()
    found = [line for line in lines if line.startswith("liveroom_room_reads_total{")]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in found))


def _judge_reads(result: StormResult) -> None:
    allowed = max(1, int(result.took_s / READ_EVERY_S))
    if not 0 < result.room_reads <= allowed:
        detail = f"{result.room_reads} in {result.took_s:.1f} s"
        result.failures.append(Failure("room_reads", ROOM, detail))


def document(result: StormResult, *, seed: int) -> dict[str, Any]:
    back = sorted(result.back_s)
    return {
        **provenance(seed=seed),
        "viewers": result.viewers,
        "back": len(back),
        "back_p50_s": round(exact_percentile(back, 50), 2),
        "back_p99_s": round(exact_percentile(back, 99), 2),
        "back_last_s": round(back[-1], 2) if back else None,
        "resumed_without_gap": result.resumed,
        "resumed_by_snapshot": result.snapshots,
        "events_replayed": result.events_missed,
        "room_reads": result.room_reads,
        "broken": summary(result.failures),
        "broken_examples": [list(failure) for failure in examples(result.failures)],
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.storm")
    parser.add_argument("--viewers", type=int, default=5_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json")
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        storm = run_storm(viewers=given.viewers, workers=given.workers, seed=given.seed)
        result = runner.run(storm)
    found, console = document(result, seed=given.seed), Console(width=100)
    names = [name for name in found if name not in
             ("commit", "machine", "command", "at", "broken_examples")]  # fmt: skip
    rows = [[name.replace("_", " "), found[name]] for name in names]
    print_table("Thrown out at once", ["", "figure"], rows, console=console)
    for failure in examples(result.failures):
        console.print("  " + " · ".join(failure), markup=False)
    verdict = "[red]BROKEN" if result.failures else "[green]all came back and missed nothing"
    console.print(verdict)
    if given.json:
        write_json(given.json, found)
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())

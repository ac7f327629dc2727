"""Many red-packet rains: far more people than packets, everybody at once, twice each.

    python -m loadtest.rains --runs 200 --people 500 --packets 100

Two workers serve. Every third rain allows two packets each; every tenth is stopped by the host
while people grab, so that a remainder is returned. Exit status 1 when a cent, a repeat or an end
was wrong. One rain again: `--runs 1 --seed` with the seed that was printed.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import uvloop
from rich.console import Console

from loadtest.api import ApiError, LiveroomApi
from loadtest.checks import Failure, examples, summary
from loadtest.client import Address, Refused, Viewer
from loadtest.messages import MessageCache
from loadtest.own_server import OwnServer
from loadtest.rain_checks import Grab, rain_failures
from loadtest.report import exact_percentile, print_table, provenance, write_json
from loadtest.stage import Stage

WORKERS = 2
RAIN_S = 60
CENTS_EACH_MAX = 50
STOPPED_EVERY = 10
TWO_EACH_EVERY = 3
PEOPLE_AT_ONCE = 50  # connecting
ENDED_WITHIN_S = 20.0
LOOK_EVERY_S = 0.05
EXPECTED_REFUSALS = {"none_left", "limit_reached", "closed"}


@dataclass(frozen=True, slots=True)
class Rain:
    """One run. `seed` alone makes it again."""

    seed: int
    total_cents: int
    claimed_cents: int
    returned_cents: int
    claims: int
    took_s: float


@dataclass
class RainsResult:
    people: int
    runs: list[Rain] = field(default_factory=list)
    grabs: int = 0
    failures: list[Failure] = field(default_factory=list)
    broken_seeds: list[int] = field(default_factory=list)


async def run_rains(
    url: str, *, jwt_secret: str | None, runs: int, people: int, packets: int, seed: int
) -> RainsResult:
    """All rains against a server that is up. Rain n has the seed `seed + n`."""
    result = RainsResult(people)
    async with LiveroomApi(url, jwt_secret=jwt_secret) as api:
        host = await api.person("rains-host", role="host")
        stage = Stage(api, f"rains-{seed}", token=host.token)
        await stage.open()
        viewers = await _seats(api, stage.room, people)
        try:
            for number in range(runs):
                await _one_rain(stage, viewers, seed + number, packets, result)
            result.failures += await _told_once(stage, runs)
        finally:
            for viewer in viewers.values():
                viewer.leave()
            stage.viewer.leave()
    return result


async def _seats(api: LiveroomApi, room: str, people: int) -> dict[str, Viewer]:
    messages, address = MessageCache(), Address.of(api.url, room)
    viewers = {}
    for number in range(people):
        person = await api.person(f"grabber-{number}")
        viewers[person.user_id] = Viewer(
            address, name=person.name, token=person.token, messages=messages
        )
    waiting = list(viewers.values())
    for first in range(0, people, PEOPLE_AT_ONCE):
        some = waiting[first : first + PEOPLE_AT_ONCE]
        await asyncio.gather(*(viewer.connect() for viewer in some))
    return viewers


async def _one_rain(
    stage: Stage, viewers: dict[str, Viewer], seed: int, packets: int, result: RainsResult
) -> None:
    """Everybody asks for each of their packets twice, in an order drawn from the seed."""
    rng = random.Random(seed)
    asked = {
        "total_cents": rng.randint(packets, packets * CENTS_EACH_MAX),
        "count": packets,
        "per_user": 2 if seed % TWO_EACH_EVERY == 0 else 1,
    }
    began = time.monotonic()
    started = asked | await stage.viewer.command("rain.start", seconds=RAIN_S, **asked)
    wishes = [(user, f"k{n}") for user in viewers for n in range(asked["per_user"])] * 2
    rng.shuffle(wishes)
    rain_id, stopped = started["rain_id"], seed % STOPPED_EVERY == 0
    # A stop must meet a rain of which something is left, and people who still come.
    early = rng.randint(1, packets // 2) if stopped else len(wishes)
    grabs = await _grab_all(viewers, rain_id, wishes[:early])
    stopping = asyncio.create_task(_stop(stage, rain_id)) if stopped else None
    grabs += await _grab_all(viewers, rain_id, wishes[early:])
    if stopping is not None:
        await stopping
    if not any(grab.refused == "none_left" for grab in grabs) and stopping is None:
        await stage.viewer.command("rain.stop", rain_id=rain_id)
    proof = await _ended(stage.api, rain_id)
    failures = rain_failures(proof, grabs, started=started)
    odd = {grab.refused for grab in grabs} - EXPECTED_REFUSALS - {""}
    failures += [Failure("refused_oddly", rain_id, code) for code in odd]
    winners = [(grab.user_id, grab.key) for grab in grabs if grab.place is not None]
    late = await _grab_all(viewers, rain_id, rng.sample(winners, min(20, len(winners))))
    failures += rain_failures(proof, [*grabs, *late], started=started) if not failures else []
    result.grabs += len(grabs) + len(late)
    _note(result, seed, proof, failures, time.monotonic() - began)


def _note(
    result: RainsResult,
    seed: int,
    proof: dict[str, Any],
    failures: list[Failure],
    took_s: float,
) -> None:
    result.runs.append(
        Rain(
            seed,
            proof["total_cents"],
            proof["claimed_cents"],
            proof["returned_cents"],
            len(proof["claims"]),
            took_s,
        )
    )
    result.failures += failures
    if failures:
        result.broken_seeds.append(seed)


async def _grab(viewer: Viewer, rain_id: str, user_id: str, key: str) -> Grab:
    try:
        got = await viewer.command("rain.grab", rain_id=rain_id, key=key)
    except Refused as refused:
        return Grab(user_id, key, None, 0, refused.code)
    return Grab(user_id, key, int(got["index"]), int(got["amount_cents"]))


async def _grab_all(
    viewers: dict[str, Viewer], rain_id: str, wishes: list[tuple[str, str]]
) -> list[Grab]:
    return list(
        await asyncio.gather(*(_grab(viewers[user], rain_id, user, key) for user, key in wishes))
    )


async def _stop(stage: Stage, rain_id: str) -> None:
    await stage.viewer.command("rain.stop", rain_id=rain_id)


async def _ended(api: LiveroomApi, rain_id: str) -> dict[str, Any]:
    """The proof once the end is public."""
    async with asyncio.timeout(ENDED_WITHIN_S):
        while True:
            proof = await api.ask("GET", f"/v1/rains/{rain_id}")
            if proof["state"] != "open":
                return proof
            await asyncio.sleep(LOOK_EVERY_S)


async def _told_once(stage: Stage, runs: int) -> list[Failure]:
    """Every rain of this room began once and ended once in the room's history."""
    async with asyncio.timeout(ENDED_WITHIN_S):
        while True:
            told = await _history(stage)
            if told.total() >= 2 * runs:
                break
            await asyncio.sleep(LOOK_EVERY_S)
    odd = {key: times for key, times in told.items() if times != 1}
    if odd or len(told) != 2 * runs:
        return [Failure("not_told_once", stage.room, f"{len(told)} of {2 * runs}; {odd}")]
    return []


async def _history(stage: Stage) -> Counter[tuple[str, str]]:
    try:
        path = f"/v1/rooms/{stage.room}/timeline"
        events = (await stage.api.ask("GET", path, token=stage.token))["events"]
    except ApiError:
        return Counter()
    told: Counter[tuple[str, str]] = Counter()
    for event in events:
        if event["t"] == "rain.started":
            told[("started", event["d"]["rain"]["rain_id"])] += 1
        elif event["t"] == "rain.ended":
            told[("ended", event["d"]["rain_id"])] += 1
    return told


def _show(result: RainsResult, packets: int, console: Console) -> None:
    took = sorted(run.took_s * 1000 for run in result.runs)
    columns = ["rains", "grabs", "cents", "claimed", "returned", "packets", "p50 ms", "longest ms"]
    row = [
        len(result.runs),
        result.grabs,
        sum(run.total_cents for run in result.runs),
        sum(run.claimed_cents for run in result.runs),
        sum(run.returned_cents for run in result.runs),
        sum(run.claims for run in result.runs),
        exact_percentile(took, 50),
        took[-1],
    ]
    title = f"{result.people} people for {packets} packets, {WORKERS} workers"
    print_table(title, columns, [row], console=console)
    if result.failures:
        console.print(f"[red]BROKEN: {summary(result.failures)}; seeds {result.broken_seeds}")
        for failure in examples(result.failures):
            console.print(f"  {failure}")
    else:
        console.print("[green]every cent, every repeat and every end was right")


def main() -> int:
    given = _arguments()

    async def run() -> RainsResult:
        async with OwnServer(workers=WORKERS) as server:
            return await run_rains(
                server.url,
                jwt_secret=server.jwt_secret,
                runs=given.runs,
                people=given.people,
                packets=given.packets,
                seed=given.seed,
            )

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(run())
    _show(result, given.packets, Console(width=110))
    if given.json:
        document = {
            **provenance(seed=given.seed),
            "people": given.people,
            "packets": given.packets,
            "runs": len(result.runs),
            "grabs": result.grabs,
            "broken": summary(result.failures),
            "broken_seeds": result.broken_seeds,
        }
        write_json(given.json, document)
    return 1 if result.failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.rains")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--packets", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

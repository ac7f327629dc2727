"""What viewers over plain HTTP cost the server, with nginx in front: `make bench-ticks`.

    python -m loadtest.bench_ticks [--viewers 100,10000] [--seconds 12] [--seed 1] [--json FILE]

The same room, the same talk, for few and for many viewers; and once without nginx, for the delay
that the cache adds. In the same run every viewer's critical events are checked to be complete and
in order, and everybody's ticks to be the same bytes: exit status 1 when they are not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import orjson
import uvloop
from rich.console import Console
from rich.table import Table

from loadtest.api import LiveroomApi
from loadtest.own_nginx import FILES_MAX, OwnNginx
from loadtest.own_server import OwnServer
from loadtest.parts import allow_files
from loadtest.report import provenance, write_json
from loadtest.tick_watchers import Watchers

PACE_MS = 1_000  # the server's default
ANNOUNCE_EVERY_S = 0.5  # critical events
COMMENTS_PER_ANNOUNCEMENT = 3
SPEAKERS = 12
SETTLE_S_MAX = 20.0
POLL_S = 0.1
DIRECT_VIEWERS = 100
_REQUESTS = re.compile(rb"^liveroom_tick_requests_total\{[^}]*\} ([0-9.e+]+)", re.MULTILINE)
_MADE = re.compile(rb"^liveroom_made_ticks_total\{[^}]*\} ([0-9.e+]+)", re.MULTILINE)
CPU_RATIO_MAX = 1.25  # of the worker's, most over fewest viewers: what a busy machine blurs


def main() -> int:
    given = _arguments()
    allow_files(max(given.viewers))
    console = Console(width=130)
    found = uvloop.run(run(given, console))
    _show(found, console)
    sys.stdout.write(orjson.dumps(found).decode() + "\n")
    if given.json:
        write_json(given.json, found)
    return 1 if found["broken"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench_ticks")
    parser.add_argument("--viewers", default="100,10000", help="fewest first, with commas between")
    parser.add_argument("--seconds", type=float, default=12, help="measured, of each row")
    parser.add_argument("--seed", type=int, default=1, help="nothing is drawn; kept for the report")
    parser.add_argument("--json", default="", help="write everything here")
    given = parser.parse_args()
    given.viewers = [int(number) for number in given.viewers.split(",")]
    return given


async def run(given: argparse.Namespace, console: Console) -> dict[str, Any]:
    """All rows, each on a server of its own, and what they mean."""
    found: dict[str, Any] = provenance(seed=given.seed)
    found |= {"load_before": os.getloadavg(), "tick_ms": PACE_MS, "rows": [], "broken": []}
    plan = [(DIRECT_VIEWERS, False), *((viewers, True) for viewers in given.viewers)]
    for viewers, through_cache in plan:
        console.print(f"{time.strftime('%X')} {viewers:,} viewers …", style="dim")
        row, broken = await _measure(viewers, given.seconds, through_cache=through_cache)
        found["rows"].append(row)
        found["broken"] += broken[:5]
    found["goals"] = _goals(found["rows"])
    found["load_after"] = os.getloadavg()
    return found


async def _measure(
    viewers: int, seconds: float, *, through_cache: bool
) -> tuple[dict[str, Any], list[str]]:
    environment = {"LIVEROOM_HTTP_TICK_MS": str(PACE_MS)}
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(OwnServer(environment=environment))
        api = await stack.enter_async_context(LiveroomApi(server.url, jwt_secret=server.jwt_secret))
        nginx = None
        if through_cache:
            nginx = await stack.enter_async_context(OwnNginx([server.port], files_max=FILES_MAX))
        host = await api.person("bench-host", role="host")
        await api.ensure_room("bench", title="bench", token=host.token)
        crowd = Watchers("127.0.0.1", nginx.port if nginx else server.port, "bench")
        await crowd.join(viewers, lambda: api.ask("GET", "/v1/rooms/bench/ticks"))
        stack.callback(crowd.leave)
        talking = asyncio.create_task(_talk(api, host.token))
        stack.callback(talking.cancel)
        pids = {"worker": server.worker_pids(), "nginx": nginx.pids if nginx else []}
        row = await _window(crowd, server, pids, seconds)
        talking.cancel()
        broken = crowd.broken + await _settled(crowd, api)
        if not row["ticks"] or not row["delivered"]:
            broken.append("no tick was made or delivered in the measured time")
        row |= {"viewers": viewers, "front": "nginx" if nginx else "none", "broken": len(broken)}
        return row, broken


async def _window(
    crowd: Watchers, server: OwnServer, pids: dict[str, list[int]], seconds: float
) -> dict[str, Any]:
    """Let the crowd and its ticks come into step, then measure."""
    until_n = max(viewer.n for viewer in crowd.viewers) + 2
    await _within(SETTLE_S_MAX, lambda: min(viewer.n for viewer in crowd.viewers) >= until_n)
    before, cpu_before = await _counted(server), {k: server.cpu_s(v) for k, v in pids.items()}
    own_before, began_s = time.process_time(), time.monotonic()
    crowd.measuring = True
    await asyncio.sleep(seconds)
    crowd.measuring = False
    took_s = time.monotonic() - began_s
    after = await _counted(server)
    return {
        "seconds": round(took_s, 2),
        "ticks": after["made"] - before["made"],
        "origin_requests": after["requests"] - before["requests"],
        "delivered": crowd.delivered,
        "bytes_read": crowd.bytes_read,
        "age_ms": crowd.ages.summary_ms(),  # from the making of a tick until a viewer has it
        "cpu_s": {k: round(server.cpu_s(v) - cpu_before[k], 3) for k, v in pids.items()},
        "viewers_cpu_s": round(time.process_time() - own_before, 3),
    }


async def _within(seconds: float, holds: Callable[[], bool]) -> None:
    """Until it holds, but no longer than this."""
    for _ in range(int(seconds / POLL_S)):
        if holds():
            return
        await asyncio.sleep(POLL_S)


async def _counted(server: OwnServer) -> dict[str, int]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(server.url + "/metrics") as answer,
    ):
        text = await answer.read()
    return {
        name: int(sum(float(number) for number in pattern.findall(text)))
        for name, pattern in (("requests", _REQUESTS), ("made", _MADE))
    }


async def _talk(api: LiveroomApi, token: str) -> None:
    """What goes on in the room: the same for few and for many."""
    speakers = [await api.person(f"speaker-{number}") for number in range(SPEAKERS)]
    said = 0
    while True:
        await api.command("bench", token, "announce", text=f"announcement {said}")
        for _ in range(COMMENTS_PER_ANNOUNCEMENT):
            speaker = speakers[said % SPEAKERS]
            said += 1
            await api.command("bench", speaker.token, "comment.send", text=f"comment {said}")
        await asyncio.sleep(ANNOUNCE_EVERY_S)


async def _settled(crowd: Watchers, api: LiveroomApi) -> list[str]:
    """Everybody is told all that happened, within a time."""
    end = int((await api.snapshot("bench"))["seq"])
    await _within(SETTLE_S_MAX, lambda: crowd.lowest_seq() >= end)
    behind = sum(viewer.seq < end for viewer in crowd.viewers)
    return [f"{behind} viewers were never told event {end}"] if behind else []


def _goals(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    direct, cached = rows[0], rows[1:]
    fewest, most = cached[0], cached[-1]
    asked = [row["origin_requests"] / max(1, row["ticks"]) for row in cached]
    ratio = _per_tick(most) / max(1e-9, _per_tick(fewest))
    added, added_p99 = (
        float(most["age_ms"][percent] - direct["age_ms"][percent]) for percent in ("p50", "p99")
    )
    return [
        _goal("requests to the server per tick", max(asked), "≤ 1.2", max(asked) <= 1.2),
        _goal(
            "worker's CPU, most over fewest", ratio, f"≤ {CPU_RATIO_MAX}", ratio <= CPU_RATIO_MAX
        ),
        _goal("delay added, p50, ms", added, f"≤ {PACE_MS}", added <= PACE_MS),
        _goal("delay added, p99, ms", added_p99, f"≤ {PACE_MS}", added_p99 <= PACE_MS),
    ]


def _per_tick(row: dict[str, Any]) -> float:
    return float(row["cpu_s"]["worker"]) / max(1, int(row["ticks"]))


def _goal(what: str, found: float, goal: str, reached: bool) -> dict[str, Any]:  # noqa: FBT001 - a record's field
    return {"what": what, "found": round(found, 3), "goal": goal, "reached": reached}


def _show(found: dict[str, Any], console: Console) -> None:
    machine = found["machine"]
    console.print(f"commit {found['commit']} · {machine['cpu']}, {machine['cores']} cores")
    console.print(f"{found['command']} · load {found['load_before']} → {found['load_after']}")
    table = Table("front", "viewers", "ticks", "asked", "delivered", "age p50", "p99", "max")
    for name in ("worker ms/tick", "nginx µs/delivery", "broken"):
        table.add_column(name)
    for row in found["rows"]:
        age = row["age_ms"]
        table.add_row(
            row["front"],
            f"{row['viewers']:,}",
            str(row["ticks"]),
            str(row["origin_requests"]),
            f"{row['delivered']:,}",
            *(f"{age[name]:,.0f} ms" for name in ("p50", "p99", "max")),
            f"{_per_tick(row) * 1000:.2f}",
            f"{row['cpu_s']['nginx'] / max(1, row['delivered']) * 1e6:.1f}",
            str(row["broken"]),
        )
    console.print(table)
    for goal in found["goals"]:
        reached = "reached" if goal["reached"] else "not reached"
        console.print(f"{goal['what']}: {goal['found']} (goal {goal['goal']}: {reached})")
    for line in found["broken"]:
        console.print(f"broken: {line}", style="red")


if __name__ == "__main__":
    sys.exit(main())

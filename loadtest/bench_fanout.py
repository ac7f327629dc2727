"""Fan-out beside its peers, all on the same core, one after the other. `make bench-fanout`.

    python -m loadtest.bench_fanout [--peers FOLDER] [--only liveroom,ws] [--loads "hot room"]
                                    [--seconds 4] [--search] [--json FILE] [--svg FILE]

Every server gets the same open-loop load from the generator in C on the other core. Exit status 1
when the generator refused a row, for then it measured itself; a goal missed is only shown.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from rich.console import Console

from loadtest.peers import programs, servers
from loadtest.peers.goals import HOT, QUIET, SINGLE, goals
from loadtest.peers.highest import SEARCH, SEARCH_S_MAX, Attempt, guess, search
from loadtest.peers.load import Load, LoadFailed, any_refused, measure
from loadtest.peers.plot import panels, svg
from loadtest.peers.tables import line_of, show
from loadtest.pinning import Cores, choose_cores
from loadtest.report import provenance, write_json

LOADS = (
    Load(HOT, 2_000, 300),
    # 66 ms apart and a third of a core at most: liveroom's tick stays below that, so each comment
    # is a frame of its own for all, and a C loop has as much time to spare.
    Load(SINGLE, 2_000, 15, seconds=6),
    Load(QUIET, 200, 2, seconds=6),
)


def main() -> int:
    given = _arguments()
    signal.signal(signal.SIGTERM, _leave)
    console = Console(width=150)
    found = run(given, console)
    show(found, console)
    if given.json:
        write_json(given.json, found)
    if given.svg:
        caption = f"commit {found['commit']}, {found['machine']['cpu']}, seed {found['seed']}"
        picture = svg(panels(found["rows"], found["best"]), caption=caption)
        Path(given.svg).write_text(picture, encoding="utf-8")
    return 1 if any_refused(found["rows"]) or found["broken"] else 0


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    """Ended from outside: by way of the `with` blocks, so that no server is left behind."""
    sys.exit(128 + number)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench_fanout")
    names = ",".join(servers.NAMES)
    parser.add_argument("--peers", type=Path, default=Path("build/bench-peers"))
    parser.add_argument("--only", default=names, help="servers, with commas between")
    parser.add_argument("--loads", default=",".join(load.name for load in LOADS))
    parser.add_argument("--seconds", type=float, help="of each load's measured time")
    parser.add_argument("--search", action="store_true", help="also the highest stable rate")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the viewers: a trial")
    parser.add_argument("--seed", type=int, default=1, help="draws the order of the servers")
    parser.add_argument("--json", default="", help="write everything here")
    parser.add_argument("--svg", default="", help="write the picture here")
    given = parser.parse_args()
    wanted = [name.strip() for name in given.only.split(",")]
    if unknown := set(wanted) - set(servers.NAMES):
        parser.error(f"no such server: {', '.join(sorted(unknown))}; there are {names}")
    given.only = wanted
    return given


def run(given: argparse.Namespace, console: Console) -> dict[str, Any]:
    """All rows, the rates found, and what they mean."""
    cores = choose_cores()
    found: dict[str, Any] = provenance(seed=given.seed)
    found |= {"cores": cores._asdict(), "shared_core": cores.shared}
    found |= {"load_before": os.getloadavg(), "skipped": [], "broken": [], "rows": [], "best": []}
    generator = programs.compiled("generator", given.peers)
    attempt = _attempt(generator, cores, given.peers, console)
    order = random.Random(given.seed)
    names = _there(given, found["skipped"])
    for load in _loads(given):
        for name in order.sample(names, len(names)):
            try:
                found["rows"].append(attempt(name, load))
            except (LoadFailed, programs.Missing) as failed:
                found["broken"].append(f"{load.name}: {name}: {failed}")
    if given.search:
        _search(given, order.sample(names, len(names)), attempt, found)
    places = {name: place for place, name in enumerate(servers.NAMES)}
    found["rows"].sort(key=lambda row: (row["load"], places[row["server"]]))
    found["best"].sort(key=lambda row: places[row["server"]])
    if given.scale == 1:
        found["goals"] = [goal.to_json() for goal in goals(found["rows"])]
    else:
        found["goals"] = []
        found["skipped"].append(f"goals: a trial with {given.scale:.0%} of the viewers")
    found["load_after"] = os.getloadavg()
    return found


def _attempt(generator: Path, cores: Cores, folder: Path, console: Console) -> Attempt:
    """One row on a fresh server; a line tells of it at once, for a whole run takes minutes."""

    def attempt(name: str, load: Load) -> dict[str, Any]:
        with servers.make(name, core=cores.server, folder=folder) as server:
            row = measure(server, load, generator=generator, core=cores.load)
        row["starved"] = row["starved"] or cores.shared
        console.print(line_of(row), style="dim", markup=False)
        return row

    return attempt


def _there(given: argparse.Namespace, skipped: list[str]) -> list[str]:
    """The servers that can be had; of the others it is said why not."""
    names = []
    for name in given.only:
        try:
            servers.make(name, core=0, folder=given.peers).stop()
        except programs.Missing as missing:
            skipped.append(str(missing))
        else:
            names.append(name)
    return names


def _loads(given: argparse.Namespace) -> list[Load]:
    wanted = [name.strip() for name in given.loads.split(",")]
    return [
        replace(
            load,
            viewers=_scaled(load.viewers, given.scale),
            seconds=given.seconds or load.seconds,
        )
        for load in LOADS
        if load.name in wanted
    ]


def _scaled(viewers: int, share: float) -> int:
    return max(1, math.ceil(viewers * share))


def _search(
    given: argparse.Namespace, names: Sequence[str], attempt: Attempt, found: dict[str, Any]
) -> None:
    """The highest rate of each, until the time is over; who was not looked at is told."""
    base = replace(SEARCH, viewers=_scaled(SEARCH.viewers, given.scale))
    until = time.monotonic() + SEARCH_S_MAX
    for name in names:
        if time.monotonic() > until:
            found["skipped"].append(f"search: {name}: {SEARCH_S_MAX:g} s were over")
            continue
        try:
            found["best"].append(search(name, base, attempt, guess(found["rows"], name, base)))
        except (LoadFailed, programs.Missing) as failed:
            found["broken"].append(f"search: {name}: {failed}")


if __name__ == "__main__":
    sys.exit(main())

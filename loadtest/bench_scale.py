"""What growth costs: viewers, comments, rooms and workers, one at a time. `make bench-scale`.

    python -m loadtest.bench_scale [--curves viewers,rooms] [--quick] [--json FILE] [--svg FILE]

Each point is a server of its own under the generator in C. Judged by CPU of the server's processes,
which another's load on the machine blurs least. Exit status 1 when a point could not be measured; a
goal missed is only shown.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from loadtest.peers import programs
from loadtest.peers.load import LoadFailed, measure
from loadtest.pinning import choose_cores
from loadtest.report import print_table, provenance, write_json
from loadtest.scale_plot import panels, svg
from loadtest.scale_points import (
    VIEWERS_MAX,
    CostReadings,
    Liveroom,
    Point,
    points,
    scaled,
    what_it_cost,
)

QUICK_SHARE, QUICK_S = 0.02, 1.0
VIEWERS_GOAL, P99_GOAL_MS, RSS_GOAL_KB = 18_000, 250.0, 20.0
DELIVERED_MIN = 99.0  # percent
GROWTH_MAX = 0.5  # of what the comments grow by: the cost of as many more comments


def main() -> int:
    given = _arguments()
    console = Console(width=150)
    found = run(given, console)
    show(found, console)
    if given.json:
        write_json(given.json, found)
    if given.svg:
        caption = f"commit {found['commit']}, {found['machine']['cpu']}, seed {found['seed']}"
        Path(given.svg).write_text(svg(panels(found["points"]), caption=caption), encoding="utf-8")
    return 1 if found["broken"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench_scale")
    curves = list(dict.fromkeys(point.curve for point in points()))
    parser.add_argument("--curves", default=",".join(curves), help="with commas between")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="first and last points, a fiftieth of each: to see it work",
    )
    parser.add_argument("--share", type=float, default=1.0, help="of viewers and rooms: a trial")
    parser.add_argument("--seconds", type=float, help="measured at each point")
    parser.add_argument("--peers", type=Path, default=Path("build/bench-peers"))
    parser.add_argument("--json", default="", help="write everything here")
    parser.add_argument("--svg", default="", help="write the picture here")
    given = parser.parse_args()
    given.curves = [name.strip() for name in given.curves.split(",")]
    if unknown := set(given.curves) - set(curves):
        parser.error(f"no such curve: {', '.join(sorted(unknown))}; there are {', '.join(curves)}")
    return given


def run(given: argparse.Namespace, console: Console) -> dict[str, Any]:
    """All points and whether the goals were met."""
    share = QUICK_SHARE if given.quick else given.share
    seconds = given.seconds or (QUICK_S if given.quick else None)
    found: dict[str, Any] = {**provenance(seed=0), "points": [], "broken": []}
    found["load_before"] = os.getloadavg()
    generator = programs.compiled("generator", given.peers)
    for wanted in _wanted(given):
        point = scaled(wanted, share=share, seconds=seconds)
        console.print(f"{time.strftime('%X')} {point.curve} {point.x:g} …", style="dim")
        try:
            found["points"].append(measured(point, generator))
        except (LoadFailed, programs.Missing) as failed:
            found["broken"].append(f"{point.curve} {point.x:g}: {failed}")
    found["goals"] = goals(found["points"])
    found["load_after"] = os.getloadavg()
    return found


def _wanted(given: argparse.Namespace) -> list[Point]:
    by_curve: dict[str, list[Point]] = {}
    for point in points():
        if point.curve in given.curves:
            by_curve.setdefault(point.curve, []).append(point)
    if given.quick:
        by_curve = {name: [of[0], of[-1]] for name, of in by_curve.items()}
    return [point for of in by_curve.values() for point in of]


def measured(point: Point, generator: Path) -> dict[str, Any]:
    assert point.load.viewers <= VIEWERS_MAX
    with Liveroom(point.workers, point.load.rooms) as server:
        path = str(server.own.redis_socket)
        readings = CostReadings(server.processes(), redis_socket=path)
        core = choose_cores().load
        row = measure(server, point.load, generator=generator, core=core, readings=readings)
    return what_it_cost(point, row, readings)


def goals(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the curves were to show; a goal whose points were not measured is left out."""
    found = []
    largest = [row for row in rows if row["curve"] == "viewers" and row["viewers"] >= VIEWERS_GOAL]
    for row in largest:
        p99 = row["latency_ms"]["p99"]
        found.append(_goal("p99 of 18,000 viewers", p99, P99_GOAL_MS, "ms"))
        found.append(
            _goal("memory a viewer of 18,000", row["rss_kb_per_viewer"], RSS_GOAL_KB, "KB")
        )
    talked = [row for row in rows if row["curve"] == "comments" and kept_up(row)]
    growth = grown(talked, "comments_per_s")
    if growth is not None:
        found.append(_goal("cost against comments, share of their growth", growth, GROWTH_MAX, ""))
    return found


def kept_up(row: Mapping[str, Any]) -> bool:
    """Whether what was due arrived: a server that falls behind has not paid for all of it."""
    return not row["published_per_s"] or bool(row["delivered_percent"] >= DELIVERED_MIN)


def grown(rows: Sequence[Mapping[str, Any]], by: str) -> float | None:
    """By how much the cost grew from the first point to the last, against what grew."""
    if len(rows) < 2:
        return None
    first, last = rows[0], rows[-1]
    cost = last["cpu_share"]["all"] / (first["cpu_share"]["all"] or 1)
    return round(float(cost / (last[by] / first[by])), 3)


def _goal(name: str, value: float, most: float, unit: str) -> dict[str, Any]:
    return {"goal": name, "value": value, "most": most, "unit": unit, "met": value <= most}


def show(found: Mapping[str, Any], console: Console) -> None:
    heads = ["curve", "at", "workers", "deliveries/s", "frames/s", "CPU s/s", "s per million",
             "Redis calls/s", "p99 ms", "arrived", "KB/viewer", "join µs", "note"]  # fmt: skip
    print_table("Cost curves", heads, [_line(row) for row in found["points"]], console=console)
    for goal in found["goals"]:
        colour = "green" if goal["met"] else "yellow"
        text = f"{goal['goal']}: {goal['value']:g} {goal['unit']} (goal ≤ {goal['most']:g})"
        console.print(text, style=colour, markup=False)
    for broken in found["broken"]:
        console.print(f"BROKEN {broken}", style="red", markup=False)
    console.print(f"commit {found['commit']}, load {found['load_before'][0]:.1f}", markup=False)


def _line(row: Mapping[str, Any]) -> list[object]:
    note = "generator refused" if row["refused"] else "generator starved" if row["starved"] else ""
    return [
        row["curve"],
        f"{row['x']:g}",
        row["workers"],
        row["deliveries_per_s"],
        row["frames_per_s"],
        row["cpu_share"]["all"],
        row["cpu_s_per_million"]["all"],
        row["redis_calls_per_s"],
        row["latency_ms"]["p99"],
        f"{row['delivered_percent']:g} %",
        row["rss_kb_per_viewer"],
        row["join_cpu_us"],
        note,
    ]


if __name__ == "__main__":
    sys.exit(main())

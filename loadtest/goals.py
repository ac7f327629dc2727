"""Every goal of the project measured anew and written into `docs/performance.md`. `make goals`.

    python -m loadtest.goals [--only sale,room] [--leave-out ticks] [--reuse | --table-only]
                             [--folder build/goals] [--write docs/performance.md]

One benchmark after the other, each in a process of its own that writes JSON into the folder; a
table is made of what is there. `--reuse` runs nothing that this very commit has measured already;
`--table-only` runs nothing and takes what is there, of whatever commit: each row tells its own.
Exit status 1 when a benchmark ended badly or was cut off, never for a goal that was missed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
from rich.console import Console

from loadtest.goal_lines import Line, judged
from loadtest.goals_page import put_goals, remarks
from loadtest.peers.page import put_fanout
from loadtest.report import print_table, provenance

WHOLE_S_MAX = 35 * 60.0  # what is not begun by then is left out, and said to be
STOP_S_MAX = 20.0  # a benchmark that is cut off ends its servers in this time
DIRTY = "-dirty"  # a tree with changes may be another one each time


class Part(NamedTuple):
    """One benchmark. `seconds_max` cuts off what hangs; a usual run takes half of it or less."""

    name: str
    arguments: Sequence[str]  # of Python; `--json FILE` is put behind
    seconds_max: float


PARTS: Final = (
    Part("fanout", ("-m", "loadtest.bench_fanout", "--search"), 660),
    Part("sale", ("-m", "loadtest.bench_sale"), 360),
    Part("stampede", ("-m", "loadtest.stampede", "--rounds", "3"), 120),
    Part("room", ("-m", "loadtest.bench_room"), 180),
    Part("scale", ("-m", "loadtest.bench_scale", "--curves", "viewers,comments"), 420),
    Part("ticks", ("-m", "loadtest.bench_ticks"), 240),
    Part("overload", ("-m", "loadtest.prove_overload", "--seed", "1"), 420),
)
# The sale's benchmark is given a PostgreSQL that syncs, where there is one on this machine.
BEFORE: Final = {"sale": ("-m", "tests.with_postgres", "--durable", "--if-there", sys.executable)}
WITH_PEERS: Final = frozenset({"fanout", "scale"})


def main() -> int:
    given = _arguments()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    console = Console(width=150)
    given.folder.mkdir(parents=True, exist_ok=True)
    ended_badly = [] if given.table_only else run(given, console)
    documents = taken(given)
    lines = judged(documents)
    show(lines, console)
    if given.write:
        page = given.write.read_text("utf-8")
        for remark in remarks(page, lines):
            console.print(f"{given.write}: {remark}", style="yellow", markup=False)
        page = put_goals(page, lines, documents)
        if "fanout" in documents:
            page = put_fanout(page, documents["fanout"])
        given.write.write_text(page, "utf-8")
        console.print(f"written into {given.write}")
    for told in ended_badly:
        console.print(told, style="red", markup=False)
    return 1 if ended_badly else 0


def _arguments() -> argparse.Namespace:
    names = [part.name for part in PARTS]
    parser = argparse.ArgumentParser(prog="python -m loadtest.goals")
    parser.add_argument("--only", default=",".join(names), help="benchmarks, commas between")
    parser.add_argument("--leave-out", default="", help="benchmarks, commas between")
    parser.add_argument("--folder", type=Path, default=Path("build/goals"), help="of the JSON")
    parser.add_argument("--peers", type=Path, default=Path("build/bench-peers"))
    parser.add_argument("--write", type=Path, help="put the table into this page")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--reuse", action="store_true", help="run nothing twice for one commit")
    how.add_argument("--table-only", action="store_true", help="run nothing at all")
    given = parser.parse_args()
    given.only = [name.strip() for name in given.only.split(",")]
    left_out = [name.strip() for name in given.leave_out.split(",") if name.strip()]
    if unknown := {*given.only, *left_out} - set(names):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {names}")
    given.wanted = [part for part in PARTS if part.name in given.only and part.name not in left_out]
    return given


# -- running --------------------------------------------------------------------------------------


def run(given: argparse.Namespace, console: Console) -> list[str]:
    """What is wanted and not there yet, one after the other; returns what ended badly."""
    began, wrong = time.monotonic(), []
    commit = provenance(seed=None)["commit"]
    for place, part in enumerate(given.wanted, start=1):
        file = given.folder / f"{part.name}.json"
        left_s = WHOLE_S_MAX - (time.monotonic() - began)
        place_of = f"{time.strftime('%X')} {place}/{len(given.wanted)} {part.name}"
        if given.reuse and measured_by(file, commit):
            console.print(f"{place_of}: taken from {file}", markup=False)
            continue
        file.unlink(missing_ok=True)  # no older figure may stand for a run that failed
        if left_s <= 0:
            wrong.append(f"{part.name}: left out, {WHOLE_S_MAX / 60:g} minutes were over")
            continue
        seconds_max = min(part.seconds_max, left_s)
        console.print(f"{place_of}: at most {seconds_max:.0f} s …", markup=False, highlight=False)
        since = time.monotonic()
        status = run_part(command_of(part, given.peers, file), given.folder / f"{part.name}.log",
                          seconds_max)  # fmt: skip
        ended = "cut off" if status is None else f"status {status}"
        whole_s, took_s = time.monotonic() - began, time.monotonic() - since
        console.print(f"  {ended} after {took_s:.0f} s, {whole_s:.0f} s in all", markup=False)
        if status != 0:
            wrong.append(f"{part.name}: {ended}; see {given.folder / part.name}.log")
    return wrong


def command_of(part: Part, peers: Path, file: Path) -> list[str]:
    more = ["--peers", str(peers)] if part.name in WITH_PEERS else []
    before = [sys.executable, *BEFORE[part.name]] if part.name in BEFORE else [sys.executable]
    return [*before, *part.arguments, *more, "--json", str(file)]


def run_part(command: Sequence[str], log: Path, seconds_max: float) -> int | None:
    """The status it ended with; None when it was cut off. What it says goes into the log."""
    with log.open("wb") as told:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=told, stderr=told, start_new_session=True
        )
        try:
            return process.wait(seconds_max)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, with its servers; then make it. Its session is its own: nobody else is hit.

    As Ctrl-C first: that ends a Python program by way of its `with` and `finally`.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            continue


# -- what there is --------------------------------------------------------------------------------


def measured_by(file: Path, commit: str) -> bool:
    """Whether the file was written by this very commit, without changes of its own."""
    if not file.exists() or commit.endswith(DIRTY):
        return False
    return bool(orjson.loads(file.read_bytes()).get("commit") == commit)


def taken(given: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The documents of what is wanted, by name, in order."""
    files = {part.name: given.folder / f"{part.name}.json" for part in given.wanted}
    return {name: orjson.loads(file.read_bytes()) for name, file in files.items() if file.exists()}


def show(lines: Sequence[Line], console: Console) -> None:
    rows = [
        [
            line.key,
            "\n".join(f"{clause.what}: {clause.found}" for clause in line.clauses),
            line.goal,
            str(line.verdict),
        ]
        for line in lines
    ]
    print_table("Goals", ("", "measured", "goal", "reached"), rows, console=console)


if __name__ == "__main__":
    sys.exit(main())

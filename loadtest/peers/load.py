"""One load on one server, by the generator in C: what went out, what came in, and what it cost.

The generator and the server have a core each. Who refuses a run is the generator: see `refused`.
"""

from __future__ import annotations

import math
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from loadtest.own_server import cpu_s_of, rss_bytes_of
from loadtest.peers.goals import ALL_PERCENT
from loadtest.peers.servers import Door, Server
from loadtest.pinning import started_on
from loadtest.report import Histogram

BUSY_MAX = 0.9  # of the generator's time; above, the figures are the generator's own
STARVED_SHARE = 0.1  # of the time another process had the generator's core: latencies are not ours
LATE_P99_MS = 20.0  # of saying something after it was due, or of one look at all: likewise
RUN_S_MAX = 180.0  # joins, load and all; thousands of joins take long where cores are shared
REFUSED = 3  # the generator's exit status
SPEAKERS_MAX = 100


class LoadFailed(Exception):
    """There was no run: the message says why."""


@dataclass(frozen=True, slots=True)
class Load:
    """What every server gets, open loop."""

    name: str
    viewers: int
    comments_per_s: float
    seconds: float = 4.0
    warmup_s: float = 1.0
    drain_s: float = 3.0  # what is said last may still arrive
    rooms: int = 1  # the viewers are dealt out to them, and so is what is said

    @property
    def offered_per_s(self) -> float:
        """Deliveries due a second."""
        return self.viewers * self.comments_per_s / self.rooms

    def to_json(self) -> dict[str, Any]:
        return {
            "load": self.name,
            "viewers": self.viewers,
            "rooms": self.rooms,
            "comments_per_s": self.comments_per_s,
            "seconds": self.seconds,
            "offered_per_s": self.offered_per_s,
        }


@dataclass
class Readings:
    """The server's processes at the moments that count."""

    processes: Mapping[str, Sequence[int]]
    rss_before: int = 0
    rss_after: int = 0

    def __post_init__(self) -> None:
        self.rss_before = self._rss()
        self._cpu_at_begin: dict[str, float] = {}
        self.cpu_s: dict[str, float] = {}

    def joined(self) -> None:
        self.rss_after = self._rss()

    def begin(self) -> None:
        self._cpu_at_begin = self._cpu()

    def end(self) -> None:
        self.cpu_s = {name: s - self._cpu_at_begin[name] for name, s in self._cpu().items()}

    def _cpu(self) -> dict[str, float]:
        return {name: sum(map(cpu_s_of, pids)) for name, pids in self.processes.items()}

    def _rss(self) -> int:
        return sum(rss_bytes_of(pid) for pids in self.processes.values() for pid in pids)


def measure(
    server: Server,
    load: Load,
    *,
    generator: Path,
    core: int,
    busy_max: float = BUSY_MAX,
    readings: Readings | None = None,
) -> dict[str, Any]:
    """One row. Raises LoadFailed when the load could not be made."""
    readings = readings or Readings(server.processes())
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="liveroom-hello-") as hellos:
        door = server.door(load.viewers)
        hellos.write("".join(f"{hello}\n" for hello in door.hellos))
        hellos.flush()
        command = _command(generator, door, load, hellos.name if door.hellos else "", busy_max)
        counted = _run(command, readings, core)
    return row(server.name, load, counted, readings)


def _command(
    generator: Path, door: Door, load: Load, hello_file: str, busy_max: float
) -> list[str]:
    options = {
        "port": door.port,
        "path": door.path,
        "protocol": door.protocol,
        "joined": door.joined,
        "hello_file": hello_file,
        "say": door.say,
        "sockets": load.viewers,
        "speakers": min(load.viewers, max(SPEAKERS_MAX, load.rooms)),
        "rooms": load.rooms,
        "rate": load.comments_per_s,
        "warmup_ms": int(load.warmup_s * 1000),
        "window_ms": int(load.seconds * 1000),
        "drain_ms": int(load.drain_s * 1000),
        "busy_max": busy_max,
    }
    return [str(generator), "run", *(f"{name}={value}" for name, value in options.items())]


def _run(command: Sequence[str], readings: Readings, core: int) -> dict[str, Any]:
    """Follow the generator's words; returns its last line."""
    with started_on(core):
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    deadline = threading.Timer(RUN_S_MAX, process.kill)
    deadline.start()
    last = ""
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            last = line
            match line.strip():
                case "joined":
                    readings.joined()
                    process.stdin.write("go\n")
                    process.stdin.flush()
                case "begin":
                    readings.begin()
                case "end":
                    readings.end()
        said = process.stderr.read()
    deadline.cancel()
    if process.returncode not in (0, REFUSED):
        raise LoadFailed(said.strip() or f"generator ended with {process.returncode}")
    counted: dict[str, Any] = orjson.loads(last)
    assert counted["refused"] == (process.returncode == REFUSED)
    return counted


def histogram_of(found: Mapping[str, Any]) -> Histogram:
    """The generator's buckets as a histogram of ours."""
    histogram = Histogram()
    for index, count in found["buckets"]:
        histogram.add_bucket(index, count, largest=found["largest"])
    return histogram


def row(name: str, load: Load, counted: Mapping[str, Any], readings: Readings) -> dict[str, Any]:
    """Everything about one run. Costs are of what arrived in the measured time."""
    received, frames = counted["received"], counted["frames"]
    lateness = histogram_of(counted["lateness"]).percentile(99) / 1000
    looked = histogram_of(counted["looks"]).percentile(99) / 1000
    waited = counted["waited_share"]
    due = counted["published"] + counted["unsaid"]
    cpu = {**readings.cpu_s, "all": math.fsum(readings.cpu_s.values())}
    return {
        "server": name,
        **load.to_json(),
        "published_per_s": round(due / load.seconds, 1),
        "deliveries_per_s": round(received / load.seconds),
        "frames_per_s": round(frames / load.seconds),
        "mb_per_s": round(counted["bytes"] / load.seconds / 1e6, 1),
        "bytes_per_comment": round(counted["bytes"] / received, 1) if received else 0,
        "comments_per_frame": round(received / frames, 2) if frames else 0,
        "cpu_share": _each(cpu, load.seconds, 3),
        "cpu_s_per_million": _each(cpu, received / 1e6, 4),
        "cpu_us_per_frame": _each(cpu, frames / 1e6, 3),
        "latency_ms": histogram_of(counted["latency"]).summary_ms(),
        "delivered_percent": round(
            100 * counted["delivered"] * load.rooms / (due * load.viewers), 3
        )
        if due
        else 0.0,
        "rss_kb_per_viewer": round(
            (readings.rss_after - readings.rss_before) / load.viewers / 1024, 1
        ),
        "lost_viewers": counted["lost"],
        "malformed": counted["malformed"],
        "generator": {
            "cpu_share": counted["cpu_share"],
            "waited_share": waited,
            "late_p99_ms": round(lateness, 2),
            "look_p99_ms": round(looked, 2),  # all sockets seen, and the rest after: so much
            "reads_per_s": round(counted["reads"] / load.seconds),  # may be added to a latency
        },
        "refused": counted["refused"],
        "starved": waited > STARVED_SHARE or max(lateness, looked) > LATE_P99_MS,
        "load_average": os.getloadavg()[0],
    }


def _each(cpu: Mapping[str, float], divisor: float, digits: int) -> dict[str, float]:
    return {name: round(s / divisor, digits) if divisor else 0.0 for name, s in cpu.items()}


def stable(found: Mapping[str, Any], *, p99_ms_max: float) -> bool:
    """Whether a server kept up: all that was due arrived, soon."""
    return bool(
        found["delivered_percent"] >= ALL_PERCENT
        and found["latency_ms"]["p99"] <= p99_ms_max
        and not found["lost_viewers"]
    )


def any_refused(rows: Iterable[Mapping[str, Any]]) -> bool:
    return any(found["refused"] for found in rows)

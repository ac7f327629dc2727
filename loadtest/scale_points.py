"""The points of the cost curves: which loads, on how many workers, and what is read off each.

The load itself is the fan-out benchmark's, its generator in C included.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from loadtest.api import LiveroomApi
from loadtest.client import SUBPROTOCOL
from loadtest.own_server import OwnServer
from loadtest.peers.load import Load, Readings
from loadtest.peers.servers import STAMP, WORDS, Door, Server
from loadtest.stage import NO_LIMITS

ROOMS_AT_ONCE = 20  # being made
NOTHING_PER_S = 0.01  # comments: one in the warm-up, none in the measured time
VIEWERS_MAX = 19_000  # sockets of one generator: 20,000 descriptors a process are usual
REDIS_ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class Point:
    """One place on one curve."""

    curve: str
    load: Load
    workers: int = 1

    @property
    def x(self) -> float:
        """Where it stands: what the curve's name says."""
        places = {
            "viewers": self.load.viewers,
            "comments": self.load.comments_per_s,
            "rooms": self.load.rooms,
            "quiet rooms": self.load.rooms,
            "workers": self.workers,
        }
        return float(places[self.curve])


def points() -> list[Point]:
    """All curves: one thing grows, the others stay."""
    found = [
        Point("viewers", Load("viewers", viewers, 50), workers=2)
        for viewers in (100, 500, 2_000, 4_500, 9_000, 18_000)
    ]
    found += [
        Point("comments", Load("comments", 1_000, per_s)) for per_s in (10, 30, 100, 300, 1_000)
    ]
    sizes = (1, 10, 100, 300, 1_000)
    found += [Point("rooms", Load("rooms", 1_000, 50, rooms=rooms)) for rooms in sizes]
    found += [
        Point("quiet rooms", Load("quiet rooms", 1_000, NOTHING_PER_S, rooms=rooms))
        for rooms in sizes
    ]
    found += [
        Point("workers", Load("workers", 1_000, 300), workers=workers) for workers in (1, 2, 4)
    ]
    return found


def scaled(point: Point, *, share: float, seconds: float | None) -> Point:
    """The same with fewer viewers and rooms, for a trial."""
    rooms = max(1, round(point.load.rooms * share))
    viewers = max(rooms, round(point.load.viewers * share), 2)
    load = replace(point.load, viewers=viewers, rooms=rooms)
    return replace(point, load=replace(load, seconds=seconds or load.seconds))


class Liveroom(Server):
    """The whole server, with some workers and many rooms. It is not pinned to a core."""

    name = "liveroom"

    def __init__(self, workers: int, rooms: int) -> None:
        self.own = OwnServer(workers=workers, environment={"LIVEROOM_LOG_LEVEL": "error"})
        self._rooms = rooms

    def __enter__(self) -> Liveroom:
        asyncio.run(self._open())
        return self

    async def _open(self) -> None:
        await self.own.__aenter__()
        gate = asyncio.Semaphore(ROOMS_AT_ONCE)

        async def make(api: LiveroomApi, number: int) -> None:
            async with gate:  # a host each: what one person may do a second is limited
                host = await api.person(f"host-{number}", role="host")
                await api.ensure_room(f"scale{number}", title="Scale", token=host.token)
                await api.command(f"scale{number}", host.token, "room.set", **NO_LIMITS)

        try:
            async with LiveroomApi(self.own.url, jwt_secret=self.own.jwt_secret) as api:
                await asyncio.gather(*(make(api, number) for number in range(self._rooms)))
        except BaseException:
            await self.own.__aexit__(None, None, None)
            raise

    def stop(self) -> None:
        asyncio.run(self.own.__aexit__(None, None, None))

    def door(self, viewers: int) -> Door:
        say = {"id": 2, "op": "comment.send", "text": f"{WORDS} {STAMP}"}
        return Door(
            port=self.own.port,
            path="/v1/rooms/scale%ld/ws",
            protocol=SUBPROTOCOL,
            joined='"recovered"',
            hellos=asyncio.run(self._hellos(viewers)),
            say=orjson.dumps(say).decode(),
        )

    async def _hellos(self, viewers: int) -> list[str]:
        api = LiveroomApi(self.own.url, jwt_secret=self.own.jwt_secret)
        people = [await api.person(f"fan-{number:05d}") for number in range(viewers)]
        hellos = [{"id": 1, "op": "hello", "token": person.token} for person in people]
        return [orjson.dumps(hello).decode() for hello in hellos]

    def processes(self) -> Mapping[str, Sequence[int]]:
        redis = self.own.redis_pid()
        return {"worker": self.own.worker_pids(), "redis": [redis] if redis else []}


@dataclass
class CostReadings(Readings):
    """Also what joining cost, and how many commands Redis was asked."""

    redis_socket: str = ""
    join_cpu_s: dict[str, float] = field(default_factory=dict)
    redis_calls: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._before_joins = self._cpu()
        self._calls_at_begin = 0

    def joined(self) -> None:
        super().joined()
        now = self._cpu()
        self.join_cpu_s = {name: s - self._before_joins[name] for name, s in now.items()}

    def begin(self) -> None:
        self._calls_at_begin = calls_of(self.redis_socket)
        super().begin()

    def end(self) -> None:
        super().end()
        self.redis_calls = calls_of(self.redis_socket) - self._calls_at_begin


def calls_of(path: str) -> int:
    """Commands a Redis has carried out since its start, those of scripts included; 0 unasked."""
    if not path:
        return 0
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(REDIS_ANSWER_S)
        line.connect(path)
        line.sendall(b"INFO stats\r\n")
        said = b""
        while b"total_commands_processed:" not in said or not said.endswith(b"\r\n"):
            said += line.recv(65_536)
    return int(said.partition(b"total_commands_processed:")[2].split()[0])


def what_it_cost(point: Point, row: Mapping[str, Any], readings: CostReadings) -> dict[str, Any]:
    """A row with what the curves and the capacity model need beside it."""
    seconds, viewers = point.load.seconds, point.load.viewers
    per_join = sum(readings.join_cpu_s.values()) / viewers
    return {
        "curve": point.curve,
        "x": point.x,
        "workers": point.workers,
        **row,
        "bytes_per_s": round(row["bytes_per_comment"] * row["deliveries_per_s"]),
        "join_cpu_us": round(per_join * 1e6, 1),
        "redis_calls_per_s": round(readings.redis_calls / seconds, 1),
    }

"""How much of a machine so many people cost: a model fitted to measured points, and what it plans.

    python -m loadtest.capacity build/bench-peers/scale.json [--write docs/capacity.md]

The cost of a second is a sum of parts, each proportional to something counted: workers, viewers,
rooms, comments, writes, bytes. Their prices are fitted to the points of `make bench-scale` by least
squares of the *relative* error, none below nought; how far each point is missed when it was not
among those fitted is said. Pure but for `main`.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from loadtest.capacity_page import page, put_between

Row = Mapping[str, Any]

FIT_ROUNDS_MAX: Final = 20_000  # of the descent; it ends when nothing moves any more
FIT_STILL: Final = 1e-12
SETTLING_ROUNDS_MAX: Final = 20  # of workers that need more workers
CPU_S_MIN: Final = 0.005  # a cost below is mostly the clock's own steps of 10 ms
TICK_EVERY_S: Final = 1.0  # of tick objects over HTTP at the slowest; the server tells its pace
# Assumed, not fitted: no more than `sale.buy` over HTTP, which does far more (performance.md).
TICK_REQUEST_CPU_S: Final = 170e-6
DELIVERED_MIN: Final = 99.0  # percent; of a point without talk it says nothing
POINTS_MIN: Final = 8  # more than there are prices


class Part(NamedTuple):
    """One price: of what, and how many of it a second there were at a point."""

    name: str
    unit: str
    what: str  # a key of `counted`


WORKER_PARTS: Final = (
    Part("worker", "s of CPU a worker and second, when nothing happens", "workers"),
    Part("viewer", "a viewer and second, when nothing is said", "viewers"),
    Part("room", "a room on a worker and second: pulse, counts, board", "rooms_on_workers"),
    Part("comment", "a comment, in a room of few", "comments"),
    Part("heard", "a comment on each worker more that has viewers of its room", "heard"),
    Part("write", "a write to a viewer: a frame, or some told together", "writes"),
    Part("megabyte", "a megabyte written to viewers", "megabytes"),
)
REDIS_PARTS: Final = (
    Part("worker", "s of CPU a worker and second, when nothing happens", "workers"),
    Part("room", "a room on a worker and second", "rooms_on_workers"),
    Part("comment", "a comment", "comments"),
)


def counted(row: Row) -> dict[str, float]:
    """What a point had of each, a second."""
    viewers, rooms, workers = row["viewers"], row["rooms"], row["workers"]
    # A worker knows the rooms that its own viewers are in; who comes lands on any of `among`.
    among = min(workers, row.get("workers_per_room") or workers)
    on_each = among * _share(viewers / rooms, among)
    return {
        "workers": workers,
        "viewers": viewers,
        "rooms_on_workers": on_each * rooms,
        "comments": row["published_per_s"],
        "heard": row["published_per_s"] * max(0.0, on_each - 1),
        "writes": _writes_per_s(row),
        "megabytes": row["bytes_per_s"] / 1e6,
    }


def _writes_per_s(row: Row) -> float:
    """In rows, some frames go in one write; what reads the socket alone finds them in one read."""
    return float(min(row["frames_per_s"], row["generator"]["reads_per_s"]))


def _share(viewers_of_room: float, workers: int) -> float:
    """How likely a worker has at least one of a room's viewers."""
    return 1.0 - math.pow(1.0 - 1.0 / workers, viewers_of_room)


@dataclass(frozen=True, slots=True)
class Model:
    """What everything costs. CPU in seconds."""

    worker: Mapping[str, float]
    redis: Mapping[str, float]
    redis_calls: Mapping[str, float]
    join_cpu_s: float
    viewer_bytes: float
    comment_bytes: float  # as it is told, with its share of the frame
    writes_of: Sequence[tuple[float, float]]  # comments a second in a room → writes to a viewer
    worst_error: float
    usual_error: float

    def cpu_s(self, row: Row) -> float:
        """Of workers and Redis together, at a point."""
        return priced(WORKER_PARTS, self.worker, row) + priced(REDIS_PARTS, self.redis, row)

    def writes_per_s(self, comments_per_s: float) -> float:
        """A viewer's, of a room where so much is said: between the measured ones, never more."""
        if comments_per_s <= self.writes_of[0][0]:
            low_x, low_y = self.writes_of[0]
            return low_y * comments_per_s / low_x if low_x else low_y
        for (x0, y0), (x1, y1) in zip(self.writes_of, self.writes_of[1:], strict=False):
            if comments_per_s <= x1:
                return y0 + (y1 - y0) * (comments_per_s - x0) / (x1 - x0)
        return self.writes_of[-1][1]


def priced(parts: Sequence[Part], prices: Mapping[str, float], row: Row) -> float:
    counts = counted(row)
    return math.fsum(prices[part.name] * counts[part.what] for part in parts)


# -- fitting --------------------------------------------------------------------------------------


def fit(rows: Sequence[Row]) -> Model:
    """The model of the points that are fit to be used. Raises ValueError when they are too few."""
    good = usable(rows)
    if len(good) < POINTS_MIN:
        raise ValueError(f"{len(good)} usable points; {POINTS_MIN} are needed")
    worker, redis = _prices(WORKER_PARTS, good, "worker"), _prices(REDIS_PARTS, good, "redis")
    errors = left_out_errors(good)
    crowded = [row for row in good if row["viewers"] >= statistics.median(_all(good, "viewers"))]
    talk = [row for row in good if row["deliveries_per_s"]]
    return Model(
        worker=worker,
        redis=redis,
        redis_calls=_descended(REDIS_PARTS, good, _all(good, "redis_calls_per_s")),
        join_cpu_s=statistics.median(_all(crowded, "join_cpu_us")) / 1e6,
        viewer_bytes=1024 * statistics.median(_all(crowded, "rss_kb_per_viewer")),
        comment_bytes=sum(_all(talk, "bytes_per_s")) / sum(_all(talk, "deliveries_per_s")),
        writes_of=_writes_of(talk),
        worst_error=max(errors),
        usual_error=statistics.median(errors),
    )


def usable(rows: Sequence[Row]) -> list[Row]:
    """Points at which the server was measured, and kept up: what is late or lost is not paid."""
    return [
        row
        for row in rows
        if not row["refused"]
        and not row["lost_viewers"]
        and (row["delivered_percent"] >= DELIVERED_MIN or not row["published_per_s"])
        and row["cpu_share"]["all"] >= CPU_S_MIN
    ]


def left_out_errors(rows: Sequence[Row]) -> list[float]:
    """How far each point is missed by the prices fitted to all others, as a share of its cost."""
    errors = []
    for index, row in enumerate(rows):
        others = [*rows[:index], *rows[index + 1 :]]
        cost = priced(WORKER_PARTS, _prices(WORKER_PARTS, others, "worker"), row)
        cost += priced(REDIS_PARTS, _prices(REDIS_PARTS, others, "redis"), row)
        errors.append(abs(cost / row["cpu_share"]["all"] - 1))
    return errors


def _prices(parts: Sequence[Part], rows: Sequence[Row], process: str) -> dict[str, float]:
    return _descended(parts, rows, [row["cpu_share"][process] for row in rows])


def _descended(
    parts: Sequence[Part], rows: Sequence[Row], costs: Sequence[float]
) -> dict[str, float]:
    """Prices ≥ 0 with the least sum of squared relative errors, by coordinate descent.

    Each point is divided by its own cost, so that a small one counts as much as a large one.
    """
    table = [
        [counted(row)[part.what] / max(cost, CPU_S_MIN) for part in parts]
        for row, cost in zip(rows, costs, strict=True)
    ]
    wanted = [cost / max(cost, CPU_S_MIN) for cost in costs]
    prices = [0.0] * len(parts)
    squares = [math.fsum(line[at] ** 2 for line in table) for at in range(len(parts))]
    missing = list(wanted)
    for _ in range(FIT_ROUNDS_MAX):
        moved = 0.0
        for at, square in enumerate(squares):
            if not square:
                continue
            slope = math.fsum(line[at] * miss for line, miss in zip(table, missing, strict=True))
            step = max(-prices[at], slope / square)
            prices[at] += step
            for index, line in enumerate(table):
                missing[index] -= step * line[at]
            moved = max(moved, abs(step) * math.sqrt(square))
        if moved < FIT_STILL:
            break
    return {part.name: price for part, price in zip(parts, prices, strict=True)}


def _writes_of(rows: Sequence[Row]) -> list[tuple[float, float]]:
    """The largest number of writes to a viewer seen for a pace of talk."""
    seen: dict[float, float] = {}
    for row in rows:
        pace = row["published_per_s"] / row["rooms"]
        writes = _writes_per_s(row) / row["viewers"]
        if pace:
            seen[pace] = max(writes, seen.get(pace, 0.0))
    return sorted(seen.items()) or [(1.0, 1.0)]


def _all(rows: Sequence[Row], key: str) -> list[float]:
    return [float(row[key]) for row in rows]


# -- planning -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be carried. `shown_per_s`: comments a viewer is shown, the room's budget."""

    viewers: int
    rooms: int
    comments_per_s: float  # in each room
    shown_per_s: float
    joins_per_s: float
    core_share: float = 0.6  # of a core that may be used: the rest is for peaks and a lost machine
    viewers_per_worker_max: int = 9_000  # as measured: 18,000 on two
    redis_share: float = 0.6
    workers_per_room: int = 0  # the balancer keeps a room on so many; 0: it spreads over all
    tick_caches: int = 0  # each asks once for each tick of each room, however many read it


@dataclass(frozen=True, slots=True)
class Need:
    """What that takes."""

    worker_cores: float
    workers: int
    redis_cores: float
    redis_nodes: int
    redis_calls_per_s: float
    memory_gb: float
    gbit_per_s: float
    writes_per_s: float
    tick_requests_per_s: float


WISHES: Final = {
    "One hot room: 20,000 viewers": Wish(20_000, 1, 300, 20, joins_per_s=500),
    "A thousand rooms of 100": Wish(100_000, 1_000, 2, 20, joins_per_s=500),
    "A million viewers over WebSocket, in 200 rooms, each on 4 workers": Wish(
        1_000_000, 200, 50, 20, joins_per_s=5_000, workers_per_room=4
    ),
    "The same, each room on any worker": Wish(1_000_000, 200, 50, 20, joins_per_s=5_000),
    "A million viewers carried by a cache, the origin alone": Wish(
        # Who acts still has a socket: 2 % of them. All others read tick objects from the cache.
        20_000, 200, 50, 20, joins_per_s=100, workers_per_room=1, tick_caches=20
    ),
}  # fmt: skip


def plan(model: Model, wish: Wish) -> Need:
    """Workers depend on what rooms cost them, and that on how many workers there are: a few
    rounds settle it."""
    shown = min(wish.shown_per_s, wish.comments_per_s)
    writes = model.writes_per_s(wish.comments_per_s) * wish.viewers
    bytes_per_s = shown * model.comment_bytes * wish.viewers
    workers = max(1, math.ceil(wish.viewers / wish.viewers_per_worker_max))
    row: dict[str, Any] = {
        "viewers": wish.viewers,
        "rooms": wish.rooms,
        "published_per_s": wish.comments_per_s * wish.rooms,
        "frames_per_s": writes,
        "generator": {"reads_per_s": writes},
        "bytes_per_s": bytes_per_s,
        "workers_per_room": wish.workers_per_room,
    }
    ticks = wish.rooms * wish.tick_caches / TICK_EVERY_S
    beside = wish.joins_per_s * model.join_cpu_s + ticks * TICK_REQUEST_CPU_S
    cores = 0.0
    for _ in range(SETTLING_ROUNDS_MAX):
        row["workers"] = workers
        cores = priced(WORKER_PARTS, model.worker, row) + beside
        needed = max(
            math.ceil(cores / wish.core_share),
            math.ceil(wish.viewers / wish.viewers_per_worker_max),
        )
        if needed <= workers:
            break
        workers = needed
    redis = priced(REDIS_PARTS, model.redis, row)
    return Need(
        worker_cores=cores,
        workers=workers,
        redis_cores=redis,
        redis_nodes=max(1, math.ceil(redis / wish.redis_share)),
        redis_calls_per_s=priced(REDIS_PARTS, model.redis_calls, row),
        memory_gb=wish.viewers * model.viewer_bytes / 1e9,
        gbit_per_s=8 * bytes_per_s / 1e9,
        writes_per_s=writes,
        tick_requests_per_s=ticks,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.capacity")
    parser.add_argument("points", type=Path, help="what bench-scale wrote with --json")
    parser.add_argument("--write", type=Path, help="put the figures into this page")
    given = parser.parse_args()
    document = orjson.loads(given.points.read_bytes())
    model = fit(document["points"])
    text = page(model, document)
    if given.write:
        given.write.write_text(put_between(given.write.read_text("utf-8"), text), "utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The capacity model: what it was made from it finds again, and what it plans adds up."""

from __future__ import annotations

import random
from typing import Any

import pytest

from loadtest.capacity import (
    REDIS_PARTS,
    WISHES,
    WORKER_PARTS,
    Model,
    Wish,
    counted,
    fit,
    left_out_errors,
    plan,
    priced,
    usable,
)
from loadtest.capacity_page import BEGIN, END, page, put_between
from loadtest.scale_points import Point, points

WORKER = {"worker": 0.02, "viewer": 4e-6, "room": 150e-6, "comment": 300e-6}
WORKER |= {"heard": 100e-6, "write": 3e-6, "megabyte": 600e-6}
REDIS = {"worker": 0.01, "room": 60e-6, "comment": 90e-6}


def row_of(point: Point, noise: float) -> dict[str, Any]:
    """What a server with just these prices would have shown."""
    load, workers = point.load, point.workers
    said = load.comments_per_s if load.comments_per_s > 1 else 0.0
    deliveries = said * load.viewers / load.rooms
    frames = min(said / load.rooms, 20.0) * load.viewers
    row: dict[str, Any] = {
        "curve": point.curve,
        "x": point.x,
        "workers": workers,
        "viewers": load.viewers,
        "rooms": load.rooms,
        "published_per_s": said,
        "deliveries_per_s": deliveries,
        "frames_per_s": frames,
        "generator": {"reads_per_s": frames},
        "bytes_per_s": 220 * deliveries,
        "refused": False,
        "lost_viewers": 0,
        "delivered_percent": 100.0 if said else 0.0,
        "join_cpu_us": 400.0,
        "rss_kb_per_viewer": 15.0,
        "redis_calls_per_s": 4.0 * said + 3 * load.rooms + 20 * workers,
    }
    worker, redis = priced(WORKER_PARTS, WORKER, row), priced(REDIS_PARTS, REDIS, row)
    row["cpu_share"] = {"worker": worker * noise, "redis": redis * noise}
    row["cpu_share"]["all"] = (worker + redis) * noise
    return row


@pytest.fixture(scope="module")
def exact() -> list[dict[str, Any]]:
    return [row_of(point, 1.0) for point in points()]


@pytest.fixture(scope="module")
def model(exact: list[dict[str, Any]]) -> Model:
    return fit(exact)


def test_prices_are_found_again(model: Model) -> None:
    for name, price in WORKER.items():
        assert model.worker[name] == pytest.approx(price, rel=0.02), name
    for name, price in REDIS.items():
        assert model.redis[name] == pytest.approx(price, rel=0.02), name
    assert model.join_cpu_s == pytest.approx(400e-6)
    assert model.comment_bytes == pytest.approx(220)
    assert model.worst_error < 0.02


def test_noise_of_a_tenth_leaves_the_points_within_a_fifth() -> None:
    rng = random.Random(7)
    noisy = [row_of(point, rng.uniform(0.9, 1.1)) for point in points()]
    errors = sorted(left_out_errors(usable(noisy)))
    assert errors[len(errors) // 2] < 0.2
    assert min(fit(noisy).worker.values()) >= 0


def test_a_point_that_was_not_measured_is_not_fitted(exact: list[dict[str, Any]]) -> None:
    bad = [{**exact[0], "refused": True}, {**exact[1], "lost_viewers": 3}]
    bad.append({**exact[2], "delivered_percent": 70.0})
    assert usable([*bad, *exact[3:]]) == exact[3:]
    with pytest.raises(ValueError, match="points"):
        fit(exact[:5])


def test_a_room_costs_every_worker_that_has_its_viewers() -> None:
    row = {"viewers": 1_000, "rooms": 1_000, "workers": 2, "published_per_s": 0}
    row |= {"frames_per_s": 0, "generator": {"reads_per_s": 0}, "bytes_per_s": 0}
    assert counted(row)["rooms_on_workers"] == pytest.approx(1_000), "one viewer is on one worker"
    row["rooms"] = 10
    assert counted(row)["rooms_on_workers"] == pytest.approx(20)


def test_a_plan_grows_with_its_viewers_and_has_its_reserve(model: Model) -> None:
    small = plan(model, Wish(10_000, 10, 20, 20, joins_per_s=0))
    large = plan(model, Wish(1_000_000, 1_000, 20, 20, joins_per_s=0))
    assert large.writes_per_s == pytest.approx(100 * small.writes_per_s)
    assert large.gbit_per_s == pytest.approx(100 * small.gbit_per_s)
    assert large.worker_cores / large.workers <= 0.6
    assert large.workers >= 1_000_000 / 9_000
    joining = plan(model, Wish(10_000, 10, 20, 20, joins_per_s=1_000))
    assert joining.worker_cores == pytest.approx(small.worker_cores + 0.4, rel=0.2)


def test_the_cache_carries_viewers_at_the_price_of_requests(model: Model) -> None:
    carried = plan(model, WISHES["A million viewers carried by a cache, the origin alone"])
    sockets = plan(
        model, WISHES["A million viewers over WebSocket, in 200 rooms, each on 4 workers"]
    )
    spread = plan(model, WISHES["The same, each room on any worker"])
    assert spread.workers > sockets.workers, "every worker hears every room"
    assert sockets.tick_requests_per_s == 0
    assert carried.tick_requests_per_s > 0
    assert carried.worker_cores < sockets.worker_cores / 5


def test_the_page_is_renewed_between_its_marks(model: Model, exact: list[dict[str, Any]]) -> None:
    document = {"commit": "abc", "command": "bench-scale", "machine": {"cpu": "a cpu"}}
    document |= {"load_before": (1.0, 1.0, 1.0), "points": exact}
    text = page(model, document)
    assert all(f"### {name}" in text for name in WISHES)
    assert f"| viewers {points()[0].x:g} |" in text
    renewed = put_between(f"before\n{BEGIN}\nold\n{END}\nafter\n", text)
    assert renewed.startswith(f"before\n{BEGIN}\n")
    assert renewed.endswith(f"{END}\nafter\n")
    assert "old" not in renewed.partition(END)[0].splitlines()
    assert put_between(renewed, text) == renewed
    with pytest.raises(ValueError, match="figures"):
        put_between("nothing here", text)

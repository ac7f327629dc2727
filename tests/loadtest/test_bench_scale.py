"""Cost curves: what is measured where, the goals, the picture, and one short real point."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from loadtest.bench_scale import goals, grown, measured
from loadtest.peers import programs
from loadtest.peers.load import Load
from loadtest.scale_plot import panels, svg
from loadtest.scale_points import VIEWERS_MAX, Point, points, scaled


def made(curve: str, x: float, cpu: float, **more: Any) -> dict[str, Any]:
    row = {"curve": curve, "x": x, "cpu_share": {"all": cpu, "redis": cpu / 4}, "viewers": 1_000}
    return {
        **row,
        "latency_ms": {"p99": 100.0},
        "rss_kb_per_viewer": 12.0,
        "published_per_s": 50.0,
        "delivered_percent": 100.0,
        **more,
    }


def test_every_curve_changes_one_thing() -> None:
    for curve in {point.curve for point in points()}:
        along = [point for point in points() if point.curve == curve]
        assert [point.x for point in along] == sorted({point.x for point in along})
        sizes = (
            {point.load.viewers for point in along},
            {point.load.comments_per_s for point in along},
            {point.load.rooms for point in along},
            {point.workers for point in along},
        )
        assert sum(len(size) > 1 for size in sizes) == 1
        assert all(point.load.viewers <= VIEWERS_MAX for point in along)


def test_a_trial_is_smaller_and_has_somebody_in_every_room() -> None:
    point = scaled(Point("rooms", Load("rooms", 1_000, 50, rooms=1_000)), share=0.02, seconds=1)
    assert (point.load.viewers, point.load.rooms, point.load.seconds) == (20, 20, 1)


def test_goals_are_judged_by_the_points_they_name() -> None:
    largest = made("viewers", 18_000, 1.5, viewers=18_000)
    comments = [
        made("comments", 10, 0.1, comments_per_s=10),
        made("comments", 1_000, 4.0, comments_per_s=1_000),
    ]
    assert grown(comments, "comments_per_s") == pytest.approx(0.4)
    assert [goal["met"] for goal in goals([largest, *comments])] == [True, True, True]
    late = {**largest, "latency_ms": {"p99": 251.0}, "rss_kb_per_viewer": 21.0}
    steep = {**comments[1], "cpu_share": {"all": 6.0, "redis": 1.0}}
    assert [goal["met"] for goal in goals([late, comments[0], steep])] == [False, False, False]
    assert goals([made("viewers", 9_000, 1.0, viewers=9_000)]) == []
    behind = {**comments[1], "delivered_percent": 70.0}
    assert goals([comments[0], behind]) == [], "who falls behind has not paid for all of it"


def test_the_picture_shows_each_curve_and_what_growth_in_proportion_would_be() -> None:
    rows = [made("rooms", rooms, 0.1 * rooms**0.5) for rooms in (1, 10, 100)]
    rows += [made("workers", workers, 0.5) for workers in (1, 2)]
    picture = ElementTree.fromstring(svg(panels(rows), caption="commit <x> & y"))
    text = " ".join(picture.itertext())
    assert "rooms" in text
    assert "commit <x> & y" in text
    tag = "{http://www.w3.org/2000/svg}"
    assert len(list(picture.iter(f"{tag}polyline"))) == 4
    assert len([line for line in picture.iter(f"{tag}line") if line.get("class") == "same"]) == 2


def test_a_point_is_measured_on_a_real_server(tmp_path: Path) -> None:
    """Three rooms: each comment reaches the people of its own room, and everything is counted."""
    load = Load("rooms", viewers=12, comments_per_s=30, rooms=3, seconds=1, warmup_s=0.3)
    row = measured(Point("rooms", load), programs.compiled("generator", tmp_path))
    assert row["delivered_percent"] == 100
    assert row["deliveries_per_s"] > 0
    assert row["lost_viewers"] == row["malformed"] == 0
    assert row["cpu_share"]["worker"] > 0
    assert row["redis_calls_per_s"] > 30
    assert row["join_cpu_us"] > 0
    assert row["x"] == 3

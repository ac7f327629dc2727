"""Counts laid over a room's state: absolute, versioned, and gone when the thing is over."""

from __future__ import annotations

from typing import Any

from server.live_counts import Overlay

PARTS: dict[str, Any] = {
    "polls": {"p1": {"state": "open", "voters": 0}, "p2": {"state": "closed", "voters": 9}},
    "rain": None,
}


def test_what_is_open_shows_its_count_and_what_is_closed_its_result() -> None:
    overlay = Overlay()
    assert overlay.note("polls", {"p1": {"voters": 4}, "p2": {"voters": 1}, "gone": {"voters": 7}})
    shown = overlay.over(PARTS)
    assert shown["polls"] == {
        "p1": {"state": "open", "voters": 4},
        "p2": {"state": "closed", "voters": 9},
    }
    assert PARTS["polls"]["p1"]["voters"] == 0  # nothing is changed in place
    assert overlay.over({"polls": {}, "rain": None}) == {"polls": {}, "rain": None}


def test_an_older_version_is_no_news() -> None:
    overlay = Overlay()
    assert overlay.note("polls", {"p1": {"voters": 4, "v": 2}})
    assert not overlay.note("polls", {"p1": {"voters": 3, "v": 1}})
    assert not overlay.note("polls", {"p1": {"voters": 4, "v": 2}})
    assert overlay.over(PARTS)["polls"]["p1"]["voters"] == 4


def test_a_part_that_is_nothing_yet_stays_nothing() -> None:
    overlay = Overlay()
    overlay.note("rain", {"r1": {"left": 3}})
    assert overlay.over(PARTS)["rain"] is None


def test_a_part_that_is_one_item_is_counted_too() -> None:
    overlay = Overlay()
    falling = {"rain": {"rain_id": "r1", "state": "open", "left": 9}}
    assert overlay.note("rain", {"r1": {"left": 4}})
    assert overlay.over(falling)["rain"]["left"] == 4
    assert overlay.over({"rain": {**falling["rain"], "rain_id": "r2"}})["rain"]["left"] == 9
    assert overlay.over({"rain": None})["rain"] is None

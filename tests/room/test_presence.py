"""Watched time is credited once, whatever is told how often."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from room.presence import Watched, credit, credit_all


def test_overlap_counts_once() -> None:
    watched = credit(Watched(), 1_000, 5_000)
    assert credit(watched, 3_000, 6_000) == Watched(5_000, 6_000)
    assert credit(watched, 1_000, 5_000) == watched
    assert credit(watched, 9_000, 8_000) == watched


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=30))
def test_nobody_watches_longer_than_the_time_that_passed(spans: list[tuple[int, int]]) -> None:
    told = credit_all({}, [("u", start, end) for start, end in spans])
    covered = {ms for start, end in spans for ms in range(start, end)}
    assert told.get("u", Watched()).total_ms <= len(covered)

"""Percentiles are right at the edges, and a histogram is as good as the sorted values."""

from __future__ import annotations

import random

import pytest

from loadtest.report import Histogram, exact_percentile, provenance


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 1), (1, 1), (50, 50), (99, 99), (99.9, 100), (100, 100)]
)
def test_the_nearest_rank_of_one_to_hundred(percent: float, value: int) -> None:
    assert exact_percentile(list(range(1, 101)), percent) == value


def test_no_values_have_percentile_nought() -> None:
    assert exact_percentile([], 99) == 0
    assert Histogram().percentile(99) == 0


@pytest.mark.parametrize("percent", [1.0, 50.0, 90.0, 99.0, 99.9, 100.0])
def test_a_histogram_agrees_with_sorted_values_within_a_bucket(percent: float) -> None:
    rng = random.Random(7)
    values = sorted(int(rng.lognormvariate(8, 2)) for _ in range(20_000))
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    exact = exact_percentile(values, percent)
    assert exact <= histogram.percentile(percent) <= exact * 1.01 + 1


def test_small_values_are_exact() -> None:
    histogram = Histogram()
    for value in range(200):
        histogram.record(value)
    assert [histogram.percentile(p) for p in (0.5, 50, 100)] == [0, 99, 199]


def test_merged_histograms_equal_one_that_saw_all() -> None:
    whole, left, right = Histogram(), Histogram(), Histogram()
    for value in range(0, 100_000, 37):
        whole.record(value)
        (left if value % 2 else right).record(value)
    assert left.merge(right).summary_ms() == whole.summary_ms()


def test_a_clock_running_backwards_and_an_endless_wait_stay_in_range() -> None:
    histogram = Histogram()
    histogram.record(-5)
    histogram.record(10**15)
    assert histogram.percentile(50) == 0
    assert histogram.percentile(100) > 2**31


def test_a_run_tells_where_and_how_it_was_made() -> None:
    told = provenance(seed=3)
    assert told["seed"] == 3
    assert told["machine"]["cores"]
    assert told["command"]

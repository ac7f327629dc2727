"""Collections are rare where there is much to walk, and how long they take is known."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from server.collector import THRESHOLDS, Collector


@pytest.fixture
def collector() -> Iterator[Collector]:
    before = gc.get_threshold()
    collector = Collector()
    collector.start()
    yield collector
    collector.stop()
    gc.set_threshold(*before)
    gc.unfreeze()


def test_thousands_who_come_are_not_walked_through_again_and_again(collector: Collector) -> None:
    """As many objects as some hundred viewers have: the youngest are walked, never all."""
    before = gc.get_stats()
    kept = [[number] for number in range(20 * THRESHOLDS[0])]
    after = gc.get_stats()
    assert after[0]["collections"] > before[0]["collections"]
    assert after[2]["collections"] == before[2]["collections"]
    assert len(kept) == 20 * THRESHOLDS[0]


def test_the_longest_pause_is_told_once(collector: Collector) -> None:
    collector.take_longest_s()
    gc.collect()
    assert collector.take_longest_s() > 0
    gc.disable()
    try:
        assert collector.take_longest_s() == 0
    finally:
        gc.enable()

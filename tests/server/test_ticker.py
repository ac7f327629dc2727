"""How the tick follows the load."""

from __future__ import annotations

from server.ticker import TICK_MS_MAX, TICK_MS_MIN, next_tick_ms


def test_the_tick_grows_under_load_up_to_its_limit() -> None:
    """A loop that is busy for most of the tick gets longer ticks, never beyond the maximum."""
    tick = TICK_MS_MIN
    for _ in range(20):
        longer = next_tick_ms(tick, busy_ms=tick)
        assert longer > tick or tick == TICK_MS_MAX
        tick = longer
    assert tick == TICK_MS_MAX


def test_the_tick_shrinks_back_when_the_load_is_gone() -> None:
    """An idle loop returns to the shortest tick within a bounded number of rounds."""
    tick = TICK_MS_MAX
    for _ in range(60):
        tick = next_tick_ms(tick, busy_ms=0.1)
    assert tick == TICK_MS_MIN


def test_a_moderate_load_leaves_the_tick_alone() -> None:
    """Between the two thresholds nothing oscillates."""
    assert next_tick_ms(60, busy_ms=20) == 60

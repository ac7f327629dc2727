"""How the tick follows the load."""

from __future__ import annotations

import pytest

from server.ticker import RATE_TICK_MS_MAX, TICK_MS_MAX, TICK_MS_MIN, next_tick_ms, rate_tick_ms


def settled(tick_ms: int, flush_ms: float) -> int:
    """Where the tick comes to rest when every flush takes `flush_ms`."""
    for _ in range(100):
        tick_ms = next_tick_ms(tick_ms, flush_ms / tick_ms)
    return tick_ms


def test_the_tick_grows_under_load_up_to_its_limit() -> None:
    """When flushing takes all the time the tick grows, never beyond the maximum."""
    tick = TICK_MS_MIN
    for _ in range(40):
        longer = next_tick_ms(tick, busy_share=1.0)
        assert longer > tick or tick == TICK_MS_MAX
        tick = longer
    assert tick == TICK_MS_MAX


def test_the_tick_shrinks_back_when_the_load_is_gone() -> None:
    """An idle loop returns to the shortest tick."""
    assert settled(TICK_MS_MAX, flush_ms=0.1) == TICK_MS_MIN


@pytest.mark.parametrize("flush_ms", [10, 20, 31, 50, 70])
@pytest.mark.parametrize("start_ms", [TICK_MS_MIN, TICK_MS_MAX])
def test_the_tick_settles_near_twice_the_time_of_a_flush(flush_ms: int, start_ms: int) -> None:
    """From above and from below it ends where flushing takes a third to a half of the time."""
    tick = settled(start_ms, flush_ms)
    assert 2 * flush_ms <= tick <= 3 * flush_ms


def test_where_much_is_said_a_frame_holds_more() -> None:
    """A few words go out at once; a hot room waits for more, a flood no longer than the bound."""
    assert rate_tick_ms(0) == rate_tick_ms(50) == TICK_MS_MIN
    assert TICK_MS_MIN < rate_tick_ms(300) < RATE_TICK_MS_MAX
    assert rate_tick_ms(3_000) == rate_tick_ms(1_000_000) == RATE_TICK_MS_MAX

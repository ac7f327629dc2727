"""How long viewers of a killed worker are still counted, by the constants that decide it."""

from __future__ import annotations

import pytest

from room.storage.redis import ONLINE_WINDOW_MS
from server.heartbeat import PULSE_EVERY_S
from server.ticker import STATE_EVERY_MS, TICK_MS_MAX
from server.worker import rest_s

STALE_MS_MAX = 2_000  # what everybody is promised of the numbers they see
SPARE_MS = 250  # for calls to Redis and a loop that is busy
PULSE_EVERY_MS = round(PULSE_EVERY_S * 1000)


def test_a_killed_worker_is_uncounted_within_two_seconds() -> None:
    """It pulsed just before; the window ends just after another's pulse, whose next one tells."""
    told_ms = ONLINE_WINDOW_MS + PULSE_EVERY_MS + STATE_EVERY_MS + TICK_MS_MAX
    assert told_ms + SPARE_MS <= STALE_MS_MAX


def test_one_lost_pulse_makes_nobody_vanish() -> None:
    """Two periods, and some lateness, fit into the window."""
    assert 2 * PULSE_EVERY_MS < ONLINE_WINDOW_MS


@pytest.mark.parametrize(("took_s", "rest"), [(0.0, 0.4), (0.1, 0.3), (0.2, 0.2), (9.0, 0.2)])
def test_a_round_begins_in_time_however_long_the_last_one_took(took_s: float, rest: float) -> None:
    """Up to half the period; one that takes longer still leaves Redis some peace."""
    assert rest_s(0.4, took_s) == pytest.approx(rest)

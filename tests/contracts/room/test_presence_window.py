"""A killed worker's viewers are uncounted within two seconds, by a clock that the test turns.

`room_pulse.lua` is real, and so are the constants by which the workers call it and tell of it; only
the time is an argument. The sum of the constants alone is in `tests/server/test_presence_bound.py`.
"""

from __future__ import annotations

from room.storage.redis import RedisRooms
from server.heartbeat import PULSE_EVERY_S
from server.ticker import STATE_EVERY_MS, TICK_MS_MAX
from tests.contracts.room.test_room_store import created, pulse

STALE_MS_MAX = 2_000  # what everybody is promised of the numbers they see
PULSE_EVERY_MS = round(PULSE_EVERY_S * 1000)
STEP_MS = 20  # between two rhythms that are tried


async def uncounted_ms(store: RedisRooms, phase_ms: int) -> int:
    """When who pulses `phase_ms` after the dead one's last pulse first hears the right number."""
    await pulse(store, "dead", 10)
    for at_ms in range(phase_ms, 2 * STALE_MS_MAX, PULSE_EVERY_MS):
        found = await pulse(store, "witness", 1, at_ms)
        if found.online == 1:
            return at_ms
        assert found.online == 11, "uncounted in part"
    raise AssertionError("never uncounted")


async def test_whatever_the_rhythm_of_who_is_left(store: RedisRooms) -> None:
    """Killed right after it pulsed, which is the longest that it can be counted on."""
    await created(store)
    heard_ms = [await uncounted_ms(store, phase) for phase in range(0, PULSE_EVERY_MS, STEP_MS)]
    assert max(heard_ms) + STATE_EVERY_MS + TICK_MS_MAX <= STALE_MS_MAX

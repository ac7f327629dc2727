"""How the number of users changes over a run: plain tables. Locust's classes are in shapes.py."""

from __future__ import annotations

from typing import NamedTuple


class Stage(NamedTuple):
    """Up to `until` (share of the run) there are `users` (share of all), changing at `rate`.

    `rate` is the share of all users that may come or go in one second.
    """

    until: float
    users: float
    rate: float


SPIKE = (Stage(0.25, 0.1, 0.1), Stage(0.7, 1.0, 0.5), Stage(1.0, 0.2, 0.5))
STAMPEDE = (Stage(0.3, 0.3, 0.1), Stage(0.4, 1.0, 1.0), Stage(1.0, 1.0, 1.0))
RECONNECT_STORM = (
    Stage(0.3, 1.0, 0.3), Stage(0.4, 0.05, 1.0), Stage(0.7, 1.0, 1.0),
    Stage(0.8, 0.05, 1.0), Stage(1.0, 1.0, 1.0),
)  # fmt: skip
RAMP_STEPS = 10
# Grows step by step; every step a tenth leaves and comes back: churn.
SLOW_RAMP = tuple(
    stage
    for step in range(1, RAMP_STEPS + 1)
    for stage in (
        Stage((step - 0.2) / RAMP_STEPS, step / RAMP_STEPS, 0.1),
        Stage(step / RAMP_STEPS, step / RAMP_STEPS * 0.9, 0.1),
    )
)
CURVES = {
    "spike": SPIKE,
    "stampede": STAMPEDE,
    "slow-ramp": SLOW_RAMP,
    "reconnect-storm": RECONNECT_STORM,
}


def users_at(curve: tuple[Stage, ...], share: float, users: int) -> tuple[int, float] | None:
    """How many users and how many per second when `share` of the run is over; None at its end."""
    for stage in curve:
        if share < stage.until:
            return max(1, round(users * stage.users)), max(1.0, users * stage.rate)
    return None

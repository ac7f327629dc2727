"""How the number of users changes over a run: plain tables. Locust's class is in shapes.py."""

from __future__ import annotations

from typing import NamedTuple


class Stage(NamedTuple):
    """Up to `until` (share of the run) there are `users` (share of all), changing at `rate`.

    `rate` is the share of all users that may come or go in one second.
    """

    until: float
    users: float
    rate: float


class Cut(NamedTuple):
    """After the share `at` of the run, this `share` of all connections is lost at once."""

    at: float
    share: float


class Curve(NamedTuple):
    """One shape. The sale's countdown begins after the share `sale_at` of the run."""

    stages: tuple[Stage, ...]
    sale_at: float
    cuts: tuple[Cut, ...] = ()


SPIKE = Curve(
    (Stage(0.25, 0.1, 0.1), Stage(0.7, 1.0, 0.5), Stage(1.0, 0.2, 0.5)),
    sale_at=0.45,
)
# Most come for the sale, at the last moment, and all press at once.
STAMPEDE = Curve(
    (Stage(0.3, 0.3, 0.1), Stage(1.0, 1.0, 1.0)),
    sale_at=0.4,
)
# Everybody is thrown out and comes back to where they were, in mid-sale too.
RECONNECT_STORM = Curve(
    (Stage(1.0, 1.0, 0.3),),
    sale_at=0.5,
    cuts=(Cut(0.3, 1.0), Cut(0.55, 1.0), Cut(0.75, 0.5)),
)
RAMP_STEPS = 10
# Grows step by step; in every step a tenth leaves and others come: churn.
SLOW_RAMP = Curve(
    tuple(
        stage
        for step in range(1, RAMP_STEPS + 1)
        for stage in (
            Stage((step - 0.2) / RAMP_STEPS, step / RAMP_STEPS, 0.1),
            Stage(step / RAMP_STEPS, step / RAMP_STEPS * 0.9, 0.1),
        )
    ),
    sale_at=0.7,
)
CURVES = {
    "spike": SPIKE,
    "stampede": STAMPEDE,
    "slow-ramp": SLOW_RAMP,
    "reconnect-storm": RECONNECT_STORM,
}


def users_at(curve: Curve, share: float, users: int) -> tuple[int, float] | None:
    """How many users and how many per second when `share` of the run is over; None at its end."""
    for stage in curve.stages:
        if share < stage.until:
            return max(1, round(users * stage.users)), max(1.0, users * stage.rate)
    return None


def cuts_due(curve: Curve, before: float, now: float) -> list[float]:
    """Shares of the connections to cut between two looks at the run."""
    return [cut.share for cut in curve.cuts if before <= cut.at < now]

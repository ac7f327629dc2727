"""Locust's load shape. Imports locust, which patches sockets: only locust's own process may.

One class for all curves, chosen by `--shape`, so that the web interface can choose too.
"""

from __future__ import annotations

from typing import Any

from locust import LoadTestShape

from loadtest.curves import CURVES, Curve, cuts_due, users_at

STEADY = "steady"
SECONDS_DEFAULT = 60  # of a curve without --run-time
USERS_DEFAULT = 50
SALE_AFTER_S = 5.0  # of a steady run, which may have no end; earlier in a short one
SALE_AT = 0.3
CUT = "cut"  # message to the processes that hold the connections


class LoadShape(LoadTestShape):
    """A curve over `--run-time`, scaled to `--users`; steady: all of them, at `--spawn-rate`."""

    use_common_options = True
    _looked_at = 0.0

    def tick(self) -> tuple[int, float] | None:
        """Called by locust once a second, where the run is led."""
        options = self.runner.environment.parsed_options if self.runner else None
        users = int(getattr(options, "num_users", None) or USERS_DEFAULT)
        passed = float(self.get_run_time())  # type: ignore[no-untyped-call]
        curve = CURVES.get(getattr(options, "shape", STEADY))
        if curve is None:
            run_time = getattr(options, "run_time", None)
            rate = float(getattr(options, "spawn_rate", None) or 1)
            return None if run_time and passed >= float(run_time) else (users, rate)
        share = passed / seconds_of(options)
        self._cut(curve, share)
        return users_at(curve, share, users)

    def _cut(self, curve: Curve, share: float) -> None:
        before, self._looked_at = min(self._looked_at, share), share
        for cut in cuts_due(curve, before, share):
            if self.runner is not None:
                self.runner.send_message(CUT, {"share": cut})


def seconds_of(options: Any) -> float:  # noqa: ANN401 (locust's namespace)
    """How long a run is, or is taken to be."""
    return float(getattr(options, "run_time", None) or SECONDS_DEFAULT)


def sale_after_s(options: Any) -> float:  # noqa: ANN401
    """When the sale's countdown begins, from the start of the run."""
    curve = CURVES.get(options.shape)
    if curve is None:
        return min(SALE_AFTER_S, SALE_AT * seconds_of(options))
    return curve.sale_at * seconds_of(options)

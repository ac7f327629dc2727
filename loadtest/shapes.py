"""Locust's load shapes. Imports locust, which patches sockets: only locust's own process may."""

from __future__ import annotations

import os

from locust import LoadTestShape

from loadtest.curves import CURVES, Stage, users_at

SECONDS_DEFAULT = "60"
USERS_DEFAULT = 50


class CurveShape(LoadTestShape):
    """A curve over LOAD_SECONDS, scaled to locust's `--users`."""

    abstract = True
    curve: tuple[Stage, ...] = ()

    def tick(self) -> tuple[int, float] | None:
        """Called by locust once a second."""
        options = self.runner.environment.parsed_options if self.runner else None
        users = int(getattr(options, "num_users", None) or USERS_DEFAULT)
        seconds = float(os.environ.get("LOAD_SECONDS", SECONDS_DEFAULT))
        passed = float(self.get_run_time())  # type: ignore[no-untyped-call]
        return users_at(self.curve, passed / seconds, users)


def shape_named(name: str) -> type[CurveShape]:
    """The shape class for one of `CURVES`. Raises KeyError for any other name."""
    return type(f"{name.title().replace('-', '')}Shape", (CurveShape,), {"curve": CURVES[name]})

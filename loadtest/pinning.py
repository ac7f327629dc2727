"""Which core a measured program runs on, and how long it waited for it. Linux only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Cores(NamedTuple):
    """One core for the server, one for the load; the same where there is only one."""

    server: int
    load: int

    @property
    def shared(self) -> bool:
        return self.server == self.load


def choose_cores() -> Cores:
    """The first and the last core that this process may use."""
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(allowed[0], allowed[-1])


@contextmanager
def started_on(core: int) -> Iterator[None]:
    """Processes started inside stay on `core`, with all their threads and children."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)

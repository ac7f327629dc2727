"""Kills the processes of a server of our own, at random moments from a seed.

Only processes found below the server that `OwnServer` started are ever touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from typing import NamedTuple

from loadtest.own_server import OwnServer

PAUSE_SPREAD = (0.5, 1.5)  # times the mean pause


class Kill(NamedTuple):
    """One `kill -9`, and when, in seconds from the beginning."""

    at_s: float
    what: str  # "worker" or "redis"
    pid: int


class Chaos:
    """A worker, then Redis, then a worker, …"""

    def __init__(self, server: OwnServer, rng: random.Random, *, every_s: float) -> None:
        self.server, self.rng, self.every_s = server, rng, every_s
        self.kills: list[Kill] = []

    async def rage(self, seconds: float) -> None:
        """Kill until `seconds` are over; the last kill leaves at least one pause to heal."""
        began = time.monotonic()
        targets = ("worker", "redis")
        while True:
            await asyncio.sleep(self.every_s * self.rng.uniform(*PAUSE_SPREAD))
            elapsed = time.monotonic() - began
            if elapsed > seconds - self.every_s:
                await asyncio.sleep(max(0.0, seconds - elapsed))
                return
            self._kill(targets[len(self.kills) % 2], elapsed)

    def _kill(self, what: str, at_s: float) -> None:
        pid = self._pick(what)
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.kills.append(Kill(round(at_s, 2), what, pid))

    def _pick(self, what: str) -> int | None:
        if what == "redis":
            return self.server.redis_pid()
        workers = self.server.worker_pids()
        return self.rng.choice(workers) if workers else None

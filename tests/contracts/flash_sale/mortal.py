"""A Redis that a test kills and starts again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from server.embedded import EmbeddedRedis, answers_ping
from tests.waiting import until


def kill(server: EmbeddedRedis) -> None:
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: not server.alive())


def start_again(server: EmbeddedRedis) -> None:
    until(lambda: server.revive() or server.alive())
    until(lambda: answers_ping(server.socket))


def the_log(server: EmbeddedRedis) -> Path:
    """What it writes as it goes: cut it off to lose the newest, as in a power cut."""
    return next(server.directory.glob("appendonlydir/*.incr.aof"))

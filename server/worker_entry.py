"""A worker process's first and last words with its supervisor.

It is forked from a supervisor that has loaded the server, settings and listener are handed to it,
and the way back is one byte at a time. What a worker does is in `app`.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Final

from server.config import Settings

READY: Final = b"R"
DRAINING: Final = b"D"
_status_fd: int | None = None  # of this process, when it is a worker


def load() -> None:
    """Load all that a worker needs, so that the forks share it."""
    import server.app  # noqa: F401 - late: the command line need not wait for it


def run(settings: Settings, worker_index: int, listener: socket.socket, *, status_fd: int) -> int:
    """The life of a worker; returns the exit status."""
    global _status_fd
    _status_fd = status_fd
    listener.setblocking(False)
    from server.app import run_worker

    return run_worker(settings, worker_index, listener)


def report_ready() -> None:
    """Tell the supervisor that /readyz answers 200 now. Does nothing without a supervisor."""
    _report(READY)


def report_draining() -> None:
    """Tell the supervisor that this worker is on its way out: a successor can start at once."""
    _report(DRAINING)


def _report(word: bytes) -> None:
    if _status_fd is not None:
        with contextlib.suppress(OSError):  # the supervisor has gone: nobody to tell
            os.write(_status_fd, word)

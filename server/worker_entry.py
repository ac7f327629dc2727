"""A worker process's first and last words with its supervisor.

The settings come through an inherited pipe (a command line can be read by everyone on the machine),
the listener is inherited, and the way back is one byte at a time. What a worker does is in `app`.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Final

from server.config import Settings

STATUS_FD: Final = "LIVEROOM_STATUS_FD"
READY: Final = b"R"
DRAINING: Final = b"D"


def report_ready() -> None:
    """Tell the supervisor that /readyz answers 200 now. Does nothing without a supervisor."""
    _report(READY)


def report_draining() -> None:
    """Tell the supervisor that this worker is on its way out: a successor can start at once."""
    _report(DRAINING)


def run(*, worker_index: int, settings_fd: int, listener_fd: int) -> int:
    """The body of `python -m server worker`; returns the exit status."""
    with os.fdopen(settings_fd, "rb") as pipe:
        settings = Settings.from_wire(pipe.read())
    listener = socket.socket(fileno=listener_fd)
    listener.setblocking(False)
    from server.app import run_worker  # late: the supervisor never needs the server's modules

    return run_worker(settings, worker_index, listener)


def _report(word: bytes) -> None:
    status_fd = os.environ.get(STATUS_FD)
    if status_fd is not None:
        with contextlib.suppress(OSError):  # the supervisor has gone: nobody to tell
            os.write(int(status_fd), word)

"""A child that goes on with what this process has already loaded, instead of starting from nothing.

Importing the server takes most of a second; a fork takes milliseconds and shares the loaded pages.
A child keeps nothing of its parent that matters: signals, descriptors and the session are its own.
Fork from the main thread of a process that has no other thread and no event loop.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Collection

from setproctitle import setproctitle

from server.lifeline import die_with_parent

FAILED = 1  # exit status of a child whose body raised
STANDARD = (0, 1, 2)


class Forked:
    """A child process of ours; to whoever watches it, what `subprocess.Popen` would be."""

    def __init__(self, body: Callable[[], int], *, title: str, keep: Collection[int]) -> None:
        """Fork, and run `body` in the child; what it returns is the exit status.

        The child is called `title`, keeps only the descriptors in `keep` and the standard ones,
        is in a session of its own, and dies with this process.
        """
        self.returncode: int | None = None
        die = die_with_parent(signal.SIGKILL)
        everything = signal.valid_signals()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()  # else the child would say again what waits in a buffer
        gc.collect()
        gc.freeze()  # a collection in the child would otherwise touch, and so copy, every page
        # Until the child has its own handling, a signal may not run the parent's in it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, everything)
        try:
            self.pid = os.fork()
            if self.pid == 0:
                _live(body, die, title, keep)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def poll(self) -> int | None:
        """The exit status once it has ended (negative: the signal that ended it), else None."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def terminate(self) -> None:
        """Ask it to end; harmless when it has."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it; harmless when it has ended."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def _live(
    body: Callable[[], int], die: Callable[[], None], title: str, keep: Collection[int]
) -> None:
    """The whole life of the child; never returns into the parent's code."""
    status = FAILED
    try:
        os.setsid()
        die()
        signal.set_wakeup_fd(-1)
        for number in signal.valid_signals():
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        _close_all_but({*STANDARD, *keep})
        setproctitle(title)
        status = body()
    except BaseException:
        os.write(2, traceback.format_exc().encode())  # whatever `sys.stderr` is, it may be closed
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)  # not sys.exit: what the parent registered to run at its end is not ours


def _close_all_but(kept: set[int]) -> None:
    """Close what was inherited: a lock or a listener held here would outlive its owner."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    first = 0
    for descriptor in sorted(kept):
        if first < descriptor:  # an empty range would be taken for all there are
            os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))

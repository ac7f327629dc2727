"""Children that die with their parent.

Linux delivers the chosen signal when the *thread* that forked the child ends, so children must be
started from the main thread. Elsewhere this does nothing, and only the orderly stop applies.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>

# Loaded before any fork: between fork and exec a child must not take the import lock.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(signal_number: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` that asks the kernel to send `signal_number` when this process ends."""
    parent_pid = os.getpid()

    def in_child() -> None:
        if _libc is None:
            return
        _libc.prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
        if os.getppid() != parent_pid:  # the parent ended before the request was in place
            os._exit(1)

    return in_child

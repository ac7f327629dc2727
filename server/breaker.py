"""When to stop asking somebody who does not answer. Pure: the time is an argument."""

from __future__ import annotations

FAILURES_MAX = 5  # in a row; then nobody is asked for a while
REST_MS = 5_000


class Breaker:
    """Closed while answers come; open for `REST_MS` after too many failures; then one may try."""

    def __init__(self) -> None:
        self._failures = 0
        self._open_until_ms = 0

    def allows(self, now_ms: int) -> bool:
        """Whether to ask now. After the rest, one asker in each `REST_MS` is let through."""
        if self._failures < FAILURES_MAX:
            return True
        if now_ms < self._open_until_ms:
            return False
        self._open_until_ms = now_ms + REST_MS
        return True

    def answered(self) -> None:
        """It works again."""
        self._failures = 0

    def failed(self, now_ms: int) -> None:
        """No answer, or none that makes sense."""
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            self._open_until_ms = now_ms + REST_MS

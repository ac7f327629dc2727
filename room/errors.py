"""The package's small tree of errors. The edge maps wire codes to HTTP status, not this file."""

from __future__ import annotations

from collections.abc import Mapping


class RoomError(Exception):
    """Anything this package raises on purpose."""


class Refused(RoomError):
    """A rule said no; nothing was changed. The sender is told `code`, a stable wire code.

    `retry_ms` is the wait in milliseconds after which the same act may succeed, 0 when waiting
    does not help. `details` are public facts a page can show.
    """

    def __init__(
        self,
        code: str,
        message: str,
        retry_ms: int = 0,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_ms = retry_ms
        self.details = dict(details) if details is not None else None


class Unavailable(RoomError):
    """Redis or SQL did not answer in time. Whether the act happened is unknown: ask again."""

    retry_ms = 1_000


class Lost(RoomError):
    """The room went on without this copy (a new epoch, or its data is gone): open it again."""

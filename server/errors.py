"""How the edge says no: one exception that carries what the client is told.

The table of codes, with HTTP status and whether a retry makes sense, is `error_codes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class CommandRefused(Exception):
    """A command was refused; nothing was changed. `code` is one of `error_codes.py`."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retry_ms: int = 0,
        details: Mapping[str, Any] | None = None,
    ):
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_ms = retry_ms
        self.details = details

    def to_wire(self) -> dict[str, Any]:
        """The `err` object of a reply."""
        wire: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "retry_ms": self.retry_ms,
        }
        if self.details:
            wire["details"] = dict(self.details)
        return wire

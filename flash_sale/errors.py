"""The one way this package refuses. Codes are the wire codes; the edge maps them to statuses."""

from __future__ import annotations

from collections.abc import Mapping

UNKNOWN_RETRY_MS = 1000  # after this the outcome of an unanswered act can be asked again


class Refused(Exception):
    """An act was refused and changed nothing, unless the code is `unknown_outcome`.

    `unknown_outcome` means the store did not answer: ask again with the same key after `retry_ms`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        retry_ms: int = 0,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retry_ms = retry_ms
        self.details = details


def unknown_outcome() -> Refused:
    return Refused(
        "unknown_outcome", "The stock store did not answer; ask again.", UNKNOWN_RETRY_MS
    )


def not_found(what: str) -> Refused:
    return Refused("not_found", f"No such {what}.")

"""Watched time: what one person is credited for, however many sockets they watch on.

The executable specification of `credit_watch.lua`, which does the same for all workers at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Watched:
    """Credited milliseconds, and the Unix ms up to which they were credited."""

    total_ms: int = 0
    until_ms: int = 0


def credit(watched: Watched, from_ms: int, to_ms: int) -> Watched:
    """Add a span. What overlaps with time credited before counts once."""
    start_ms = max(from_ms, watched.until_ms)
    if to_ms <= start_ms:
        return watched
    return Watched(watched.total_ms + to_ms - start_ms, to_ms)


def credit_all(
    before: Mapping[str, Watched], spans: Iterable[tuple[str, int, int]]
) -> dict[str, Watched]:
    """Add spans of (user, from, to) in the order they were told."""
    after = dict(before)
    for user_id, from_ms, to_ms in spans:
        after[user_id] = credit(after.get(user_id, Watched()), from_ms, to_ms)
    return after

"""Token buckets: how often one person or connection may do something.

Pure: the time is an argument. Who is limited to what is said where commands are registered.
"""

from __future__ import annotations

from math import ceil

BUCKETS_MAX = 100_000  # a table; about 12 MB of people who acted within the last refill time
SWEEP_BUCKETS = 64  # looked at per new entry, so that no single call scans the table
ROUNDING_MS = 1e-6  # a wait of 500.0000001 ms is one of 500


class TokenBucket:
    """At most `burst` at once and `rate_per_s` in the long run. A rate of 0 means no limit."""

    __slots__ = ("_at_ms", "_level", "burst", "rate_per_s")

    def __init__(self, rate_per_s: float, burst: float, now_ms: int) -> None:
        self.rate_per_s = rate_per_s
        self.burst = max(burst, 1.0)
        self._level = self.burst
        self._at_ms = now_ms

    def take(self, now_ms: int, n: float = 1) -> int:
        """Take `n` tokens: 0 when allowed, else the wait in ms until the same would be.

        A refused call takes nothing. More than `burst` at once is never allowed: the wait is then
        the time to a full bucket.
        """
        if self.rate_per_s <= 0:
            return 0
        self._refill(now_ms)
        if self._level >= n:
            self._level -= n
            return 0
        missing = min(n, self.burst) - self._level
        return max(1, ceil(missing * 1000 / self.rate_per_s - ROUNDING_MS))

    def full(self, now_ms: int) -> bool:
        """Whether nothing is remembered here: a new bucket would say the same."""
        self._refill(now_ms)
        return self._level >= self.burst

    def _refill(self, now_ms: int) -> None:
        # A clock that went back gives nothing, and takes nothing away.
        passed_ms = max(0, now_ms - self._at_ms)
        self._at_ms = now_ms
        self._level = min(self.burst, self._level + passed_ms * self.rate_per_s / 1000)


class BucketTable:
    """One bucket for each key, in bounded memory.

    At the limit, buckets that have filled up again are forgotten first; when there is none among
    the oldest looked at, the oldest goes: its owner gains one burst, the server keeps its memory.
    """

    def __init__(self, rate_per_s: float, burst: float, entries_max: int = BUCKETS_MAX) -> None:
        self.rate_per_s = rate_per_s
        self.burst = burst
        self.entries_max = entries_max
        self._buckets: dict[str, TokenBucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, now_ms: int, n: float = 1) -> int:
        """As TokenBucket.take, for the bucket of `key`."""
        if self.rate_per_s <= 0:
            return 0
        bucket = self._buckets.get(key)
        if bucket is None:
            self._make_room(now_ms)
            bucket = self._buckets[key] = TokenBucket(self.rate_per_s, self.burst, now_ms)
        return bucket.take(now_ms, n)

    def _make_room(self, now_ms: int) -> None:
        """Oldest first: a full one is dropped, one in use moves to the end of the queue."""
        for _ in range(min(SWEEP_BUCKETS, len(self._buckets))):
            if len(self._buckets) < self.entries_max:
                return
            key = next(iter(self._buckets))
            bucket = self._buckets.pop(key)
            if bucket.full(now_ms):
                continue
            self._buckets[key] = bucket
        while len(self._buckets) >= self.entries_max:
            del self._buckets[next(iter(self._buckets))]

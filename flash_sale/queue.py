"""The rules of the line before a sale, in plain Python: the specification of the queue scripts.

Pure. Whoever comes before the start is placed by an HMAC of a seed that was committed to before
anybody came, so being early by a second gains nothing and the order can be checked afterwards;
whoever comes later stands behind them in the order of arrival. Random tests run this beside Redis.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

RANK_BITS = 48  # an early rank; a late arrival's score begins above, below 2^53
LATE = 1 << RANK_BITS
PEOPLE_MAX = 2_000_000  # in one line; about 120 bytes each in Redis


@dataclass(slots=True)
class Line:
    """One sale's line. `credit` counts thousandths of a person that may be let in."""

    rate_per_s: int
    admission_ms: int
    scores: dict[str, int] = field(default_factory=dict)
    admitted: dict[str, int] = field(default_factory=dict)  # person → until when
    arrivals: int = 0
    credit: int = 0
    at_ms: int = 0
    let_in: int = 0


def ticket(sale_id: str, user_id: str) -> str:
    """One person's ticket for one sale: the same however often they leave and come again."""
    return hashlib.sha256(f"{sale_id}:{user_id}".encode()).hexdigest()[:32]


def rank(seed: str, ticket_id: str) -> int:
    """Where a ticket falls in the shuffle; lower is earlier. `seed` is hex."""
    mac = hmac.new(bytes.fromhex(seed), ticket_id.encode(), hashlib.sha256).digest()
    return int.from_bytes(mac[: RANK_BITS // 8], "big")


def shuffled(seed: str, tickets: Iterable[str]) -> list[str]:
    """The order of early arrivals: what anybody recomputes once the seed is told."""
    return sorted(tickets, key=lambda one: rank(seed, one))


def join(
    line: Line, user_id: str, early_rank: int, now_ms: int, *, opens_ms: int, start_ms: int
) -> str:
    """Take a place: `waiting` (also when one is taken already), `admitted`, or `not_started`.

    `start_ms` 0: no start is known yet.
    """
    if line.admitted.get(user_id, 0) > now_ms:
        return "admitted"
    if user_id in line.scores:
        return "waiting"
    if start_ms == 0 or now_ms < opens_ms:
        return "not_started"
    if line.rate_per_s == 0 and now_ms >= start_ms:
        return _let_in(line, user_id, now_ms)
    if now_ms < start_ms:
        line.scores[user_id] = early_rank
    else:
        line.arrivals += 1
        line.scores[user_id] = LATE + line.arrivals
    return "waiting"


def leave(line: Line, user_id: str) -> bool:
    """Give the place up; an admission stays what it is."""
    return line.scores.pop(user_id, None) is not None


def admit(line: Line, now_ms: int, start_ms: int, people_max: int) -> list[str]:
    """Let in whom the rate allows since the last time; a line that was idle saves one second."""
    if now_ms < start_ms:
        return []
    since_ms = max(0, now_ms - max(line.at_ms, start_ms))
    full = 1000 * line.rate_per_s
    if line.rate_per_s == 0:
        allowed = people_max
    else:
        line.credit = min(full, line.credit + since_ms * line.rate_per_s)
        allowed = min(people_max, line.credit // 1000)
    line.at_ms = now_ms
    first = sorted(line.scores, key=lambda one: (line.scores[one], one.encode()))[:allowed]
    for user_id in first:
        del line.scores[user_id]
        _let_in(line, user_id, now_ms)
    if line.rate_per_s:
        line.credit -= 1000 * len(first)
    return first


def _let_in(line: Line, user_id: str, now_ms: int) -> str:
    line.admitted[user_id] = now_ms + line.admission_ms
    line.let_in += 1
    return "admitted"


def estimate_s(ahead: int, rate_per_s: int, start_in_ms: int) -> int:
    """Seconds until somebody with `ahead` people before them is let in, rounded up."""
    wait_s = -(-(ahead + 1) // rate_per_s) if rate_per_s else 0
    return wait_s + max(0, -(-start_in_ms // 1000))


def sells_out_before(ahead: int, left: int) -> bool:
    """The early word, on the assumption that each person ahead takes one unit."""
    return left <= ahead

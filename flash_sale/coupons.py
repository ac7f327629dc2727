"""Coupons: what they are, who may claim and use them, and the states a claimed one goes through.

Pure. How many are left is decided by `lua_coupons/claim.lua`, who holds one by SQL; both follow
the tables here. What a coupon takes off is in `pricing.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from flash_sale.errors import Refused
from flash_sale.pricing import Reduction

QUOTA_MAX = 1_000_000
PER_USER_MAX = 100
OFF_CENTS_MAX = 100_000_000
PERCENT_MAX = 99  # an order always costs something
VALID_S_MAX = 366 * 86_400
WATCH_S_MAX = 86_400
TITLE_CHARS_MAX = 80
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Scope(StrEnum):
    """Whose money it is. An order takes at most one of each."""

    SHOP = "shop"
    PLATFORM = "platform"


class Task(StrEnum):
    """What a claimant must have done in the room."""

    NONE = ""
    WATCH = "watch_s"
    COMMENT = "comment"
    SHARE = "share"
    LIKE = "like"


class Segment(StrEnum):
    """Whom it is for: everybody, who never paid in this room, who did (回购)."""

    ALL = "all"
    NEW = "new"
    BOUGHT = "bought"


class ClaimState(StrEnum):
    CLAIMED = "claimed"
    HELD = "held"  # with one reservation
    USED = "used"


class ClaimMove(StrEnum):
    HOLD = "hold"
    RELEASE = "release"
    USE = "use"
    RETURN = "return"


# A missing entry is the illegal move. A used coupon comes back by the word of staff alone, when all
# of its order's money went back.
TRANSITIONS: dict[tuple[ClaimState, ClaimMove], ClaimState] = {
    (ClaimState.CLAIMED, ClaimMove.HOLD): ClaimState.HELD,
    (ClaimState.HELD, ClaimMove.RELEASE): ClaimState.CLAIMED,
    (ClaimState.HELD, ClaimMove.USE): ClaimState.USED,
    (ClaimState.USED, ClaimMove.RETURN): ClaimState.CLAIMED,
}


@dataclass(frozen=True, slots=True)
class Coupon:
    """A dropped coupon. Claims end at `closes_ms`; a claimed one lives `valid_s` from its claim."""

    coupon_id: str
    room_id: str
    title: str
    quota: int
    created_ms: int
    off_cents: int = 0
    percent: int = 0
    threshold_cents: int = 0
    per_user: int = 1
    valid_s: int = 86_400
    scope: Scope = Scope.SHOP
    task: Task = Task.NONE
    watch_s: int = 0
    segment: Segment = Segment.ALL
    repurchase: Segment | None = None  # given to such buyers after each order they paid for

    @property
    def closes_ms(self) -> int:
        return self.created_ms + self.valid_s * 1000

    @property
    def reduction(self) -> Reduction:
        return Reduction(
            self.coupon_id, self.title, self.threshold_cents, self.off_cents, self.percent
        )

    def check(self) -> None:
        """Raise `Refused("bad_request")` unless it makes sense."""
        _require(_ID.fullmatch(self.coupon_id) is not None, "coupon_id")
        _require(len(self.title.strip()) >= 1 and len(self.title) <= TITLE_CHARS_MAX, "title")
        _require(1 <= self.quota <= QUOTA_MAX, "quota")
        _require(1 <= self.per_user <= PER_USER_MAX, "per_user")
        _require(1 <= self.valid_s <= VALID_S_MAX, "valid_s")
        _require(0 <= self.threshold_cents <= OFF_CENTS_MAX, "threshold_cents")
        _require((self.off_cents > 0) != (self.percent > 0), "one of off_cents and percent")
        _require(0 <= self.off_cents <= OFF_CENTS_MAX, "off_cents")
        _require(0 <= self.percent <= PERCENT_MAX, "percent")
        _require((self.task is Task.WATCH) == (self.watch_s > 0), "watch_s goes with its task")
        _require(0 <= self.watch_s <= WATCH_S_MAX, "watch_s")

    def to_wire(self) -> dict[str, object]:
        """As the room shows it; how many are left is told beside it."""
        return {
            "coupon_id": self.coupon_id,
            "title": self.title,
            "scope": self.scope.value,
            "off_cents": self.off_cents,
            "percent": self.percent,
            "threshold_cents": self.threshold_cents,
            "quota": self.quota,
            "per_user": self.per_user,
            "task": self.task.value,
            "watch_s": self.watch_s,
            "segment": self.segment.value,
            "valid_s": self.valid_s,
            "closes_ms": self.closes_ms,
        }


@dataclass(frozen=True, slots=True)
class Claim:
    """One claimed coupon of one person; `number` counts that person's from 1."""

    coupon_id: str
    user_id: str
    number: int
    key: str
    claimed_ms: int

    @property
    def claim_id(self) -> str:
        return f"{self.coupon_id}.{self.user_id}.{self.number}"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a claimant, measured by the server."""

    watched_ms: int = 0
    did: frozenset[Task] = frozenset()
    bought: str = "never"  # "never" or "before"


def require_qualified(coupon: Coupon, standing: Standing) -> None:
    """Refused not_eligible (another segment) or not_qualified (its task is not done yet)."""
    bought = standing.bought == "before"
    if coupon.segment is not Segment.ALL and (coupon.segment is Segment.BOUGHT) != bought:
        raise Refused("not_eligible", "This coupon is for other customers.")
    if coupon.task is Task.WATCH and standing.watched_ms < coupon.watch_s * 1000:
        raise Refused(
            "not_qualified",
            "Watch a little longer first.",
            retry_ms=coupon.watch_s * 1000 - standing.watched_ms,
            details={"task": "watch_s", "watched_ms": standing.watched_ms},
        )
    doing = coupon.task not in (Task.NONE, Task.WATCH)
    if doing and coupon.task not in standing.did:
        raise Refused("not_qualified", "The task comes first.", details={"task": coupon.task.value})


def _require(holds: bool, what: str) -> None:  # noqa: FBT001 - an assertion's subject
    if not holds:
        raise Refused("bad_request", f"Not acceptable: {what}.")

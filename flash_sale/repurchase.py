"""Coupons that a paid order brings its buyer (回购券).

The payment's own transaction writes down which coupons of the room the order may bring (see
`storage/repurchases.py`), so no crash loses one. This duty gives them: once an order, under the key
of the order, within the quota and the limit per person, as of the moment it was paid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from flash_sale.coupon_desk import CouponDesk
from flash_sale.coupons import Segment
from flash_sale.ports_rewards import BROUGHT

BATCH_MAX = 100


@dataclass(frozen=True, slots=True)
class DueGrant:
    """`bought_before`: the buyer has an earlier paid order in this room."""

    coupon_id: str
    order_id: str
    room_id: str
    user_id: str
    paid_ms: int
    bought_before: bool


class GrantLedger(Protocol):
    async def due(self, limit: int) -> list[DueGrant]: ...
    async def decided(self, grant: DueGrant, outcome: str) -> bool: ...


GrantHook = Callable[[str, str, Mapping[str, object]], None]


class Repurchases:
    """`on_granted(room_id, user_id, coupon)`: somebody has a coupon more."""

    def __init__(self, ledger: GrantLedger, coupons: CouponDesk) -> None:
        self._ledger = ledger
        self._coupons = coupons
        self.on_granted: GrantHook = lambda room_id, user_id, coupon: None

    async def step(self) -> int:
        """Give what is due; how many were decided. Refused: a store is away, come back later."""
        due = await self._ledger.due(BATCH_MAX)
        for grant in due:
            await self._decide(grant)
        return len(due)

    async def _decide(self, grant: DueGrant) -> None:
        coupon = await self._coupons.find(grant.coupon_id)
        outcome = "not_eligible"
        if is_for(coupon.repurchase, bought_before=grant.bought_before):
            key = f"{BROUGHT}{grant.order_id}"
            outcome = await self._coupons.grant(coupon, grant.user_id, key, grant.paid_ms)
        if await self._ledger.decided(grant, outcome) and outcome == "claimed":
            told = {**coupon.to_wire(), "order_id": grant.order_id}
            told["expires_ms"] = grant.paid_ms + coupon.valid_s * 1000
            self.on_granted(grant.room_id, grant.user_id, told)


def is_for(segment: Segment | None, *, bought_before: bool) -> bool:
    """Whether a paid order brings the coupon: to everybody, to new or to returning customers."""
    if segment is None:
        return False
    return segment is Segment.ALL or (segment is Segment.BOUGHT) == bought_before

"""What goes with buying, in one hand for the server: coupons, points, commissions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from flash_sale.benefits import Benefits
from flash_sale.coupon_desk import CouponDesk


class RewardBooks(Protocol):
    """Points and commissions, as SQL knows them; see `storage/rewards.py`."""

    async def points(self, user_id: str) -> dict[str, Any]: ...
    async def set_rate(
        self, room_id: str, product_id: str, host_id: str, rate_bp: int, *, actor: str, now_ms: int
    ) -> None: ...
    async def commissions(self, room_id: str, limit: int) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Rewarding:
    coupons: CouponDesk
    benefits: Benefits
    books: RewardBooks

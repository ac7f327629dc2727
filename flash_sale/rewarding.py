"""What goes with buying, in one hand for the server: coupons, points, carts, requests, webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

from flash_sale.benefits import Benefits
from flash_sale.cart import Carts
from flash_sale.coupon_desk import CouponDesk
from flash_sale.refund_requests import RefundRequests
from flash_sale.regrouping import Regrouping
from flash_sale.repurchase import Repurchases
from flash_sale.webhooks import Webhooks


class RewardBooks(Protocol):
    """Points and commissions, as SQL knows them; see `storage/rewards.py`."""

    async def points(self, user_id: str) -> dict[str, Any]: ...
    async def set_rate(
        self, room_id: str, product_id: str, host_id: str, rate_bp: int, *, actor: str, now_ms: int
    ) -> None: ...
    async def commissions(self, room_id: str, limit: int) -> dict[str, Any]: ...


class Exports(Protocol):
    """CSV in pages; see `storage/exports.py`."""

    def csv(self, kind: str, room_id: str) -> AsyncIterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Rewarding:
    coupons: CouponDesk
    benefits: Benefits
    books: RewardBooks
    carts: Carts
    regrouping: Regrouping
    refund_requests: RefundRequests
    repurchases: Repurchases
    webhooks: Webhooks
    exports: Exports

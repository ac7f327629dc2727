"""What coupons, points, commissions and carts need from the outside. No I/O here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from flash_sale.coupons import Claim, Coupon, Task
from flash_sale.pricing import AddOn, Quote


class BenefitAsk(msgspec.Struct, frozen=True):
    """What a buyer wants to use: one coupon of each scope, points, add-on prices."""

    coupon_id: str | None = None
    platform_coupon_id: str | None = None
    points: int = 0
    add_on_skus: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(
            self.coupon_id or self.platform_coupon_id or self.points > 0 or self.add_on_skus
        )

    @property
    def text(self) -> str:
        """Equal for equal asks."""
        skus = ",".join(sorted(self.add_on_skus))
        return f"{self.coupon_id or ''}|{self.platform_coupon_id or ''}|{self.points}|{skus}"


@dataclass(frozen=True, slots=True)
class BenefitHold:
    """Coupons and points kept for one request to buy, and what they take off its price.

    `ask` is what was asked for and for which lines. `state` is pending, bound (to an order), used
    or released.
    """

    hold_id: str
    sale_id: str
    user_id: str
    key: str
    ask: str
    state: str
    points: int
    off_cents: int
    discounts: str  # JSON
    order_id: str | None
    created_ms: int
    looked_ms: int


BROUGHT = "order:"  # before the paid order's id: the key of a claim that it brought


def brought_by(key: str) -> str | None:
    """The paid order that brought a coupon; None for one that was claimed."""
    return key.removeprefix(BROUGHT) if key.startswith(BROUGHT) else None


@dataclass(frozen=True, slots=True)
class OwnedCoupon:
    """A claimed coupon as its owner sees it."""

    coupon: Coupon
    number: int
    claimed_ms: int
    expires_ms: int
    state: str
    key: str

    def to_wire(self, now_ms: int) -> dict[str, object]:
        lapsed = self.state == "claimed" and now_ms >= self.expires_ms
        return {
            **self.coupon.to_wire(),
            "room_id": self.coupon.room_id,
            "number": self.number,
            "claimed_ms": self.claimed_ms,
            "expires_ms": self.expires_ms,
            "state": "expired" if lapsed else self.state,
            "order_id": brought_by(self.key),
        }


class CouponStore(Protocol):
    """Where quotas are decided; see `storage/coupon_redis.py`."""

    def on_forgotten(self, restore: Callable[[Callable[[str], bool]], Awaitable[None]]) -> None: ...
    async def claim(self, coupon_id: str, asks: Sequence[tuple[str, str]], now_ms: int) -> Any: ...  # noqa: ANN401 - rows of outcome, number, claimed_ms, taken
    async def load(self, coupon: Coupon, claims: Sequence[Claim]) -> int: ...
    async def taken(self, coupon_ids: Sequence[str]) -> dict[str, int]: ...
    async def claims_of(self, coupon_id: str, user_id: str) -> list[Claim]: ...
    async def logged(self, coupon_ids: Sequence[str], limit: int) -> dict[str, list[Any]]: ...
    async def forget_logged(self, coupon_id: str, entries: Collection[bytes]) -> None: ...
    async def note_deed(self, coupon: Coupon, user_id: str) -> None: ...
    async def did(self, coupon: Coupon, user_id: str) -> frozenset[Task]: ...


class CouponLedger(Protocol):
    """Coupons and claims in SQL."""

    async def add_coupon(self, coupon: Coupon) -> bool: ...
    async def coupon(self, coupon_id: str) -> Coupon | None: ...
    async def claimable(self, after_ms: int, limit: int) -> list[Coupon]: ...
    async def add_claims(self, coupon: Coupon, claims: Sequence[Claim]) -> None: ...
    async def claims_after(self, coupon_id: str, claim_id: str, limit: int) -> list[Claim]: ...
    async def owned(self, user_id: str, limit: int) -> list[OwnedCoupon]: ...
    async def usable(self, coupon_id: str, user_id: str, now_ms: int) -> str | None: ...
    async def has_bought(self, user_id: str, room_id: str) -> bool: ...


class BenefitLedger(Protocol):
    """What is held with reservations, in SQL; each method is one transaction."""

    async def find(self, sale_id: str, user_id: str, key: str) -> BenefitHold | None: ...
    async def hold(
        self,
        sale_id: str,
        user_id: str,
        key: str,
        ask: str,
        quoted: Quote,
        claim_ids: Sequence[str],
        now_ms: int,
    ) -> BenefitHold: ...
    async def leave(self, hold_id: str, now_ms: int) -> bool: ...
    async def retake(self, order_id: str, now_ms: int) -> bool: ...
    async def doubtful(self, looked_before_ms: int, limit: int) -> list[BenefitHold]: ...
    async def note_looked(self, hold_id: str, now_ms: int) -> None: ...
    async def abandon(self, hold_id: str, now_ms: int) -> bool: ...
    async def add_ons_of(self, sale_id: str, sku_ids: Sequence[str]) -> list[AddOn]: ...

"""What one checkout of a cart will buy, decided once for its key.

A checkout makes several orders. So that a retry after a crash in the middle goes on where it broke
off, what each sale sells and which coupon goes with which sale is written down before any stock is
asked for, and every further attempt of the key follows that. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from msgspec.structs import replace

from flash_sale.ports_rewards import BenefitAsk
from flash_sale.pricing import (
    CENTS_A_POINT,
    FLOOR_CENTS,
    AddOn,
    BelowThreshold,
    PricedLine,
    Reduction,
    quote,
    reduction_cents,
)

REMEMBERED_MS = 86_400_000  # as long at least as the stock store knows a key


@dataclass(frozen=True, slots=True)
class PlannedSale:
    """One order of the checkout: its lines and what goes with them."""

    sale_id: str
    lines: tuple[tuple[str, int], ...]
    ask: BenefitAsk


@dataclass(frozen=True, slots=True)
class CheckoutPlan:
    """`wish` is what was asked for with the cart; another one under the same key is refused."""

    wish: str
    channel: str
    sales: tuple[PlannedSale, ...]

    @property
    def text(self) -> str:
        sales = [(one.sale_id, one.lines, _ask_fields(one.ask)) for one in self.sales]
        return orjson.dumps([self.wish, self.channel, sales]).decode()


class PlanLedger(Protocol):
    """Plans in SQL; each method is one transaction."""

    async def plan(self, user_id: str, room_id: str, key: str) -> CheckoutPlan | None: ...
    async def keep_plan(
        self, user_id: str, room_id: str, key: str, plan: CheckoutPlan, now_ms: int
    ) -> CheckoutPlan: ...
    async def take_out(
        self, user_id: str, room_id: str, key: str, nth: int, sold: PlannedSale
    ) -> bool: ...
    async def forget_plans(self, before_ms: int) -> int: ...


@dataclass(frozen=True, slots=True)
class Basket:
    """The part of a cart that is of one sale, at the prices of the sale."""

    priced: tuple[PricedLine, ...]
    offers: tuple[AddOn, ...] = ()

    @property
    def amount_cents(self) -> int:
        return quote(self.priced, add_ons=self.offers).amount_cents

    @property
    def add_on_skus(self) -> tuple[str, ...]:
        offered = {offer.sku_id for offer in self.offers}
        return tuple(line.sku_id for line in self.priced if line.sku_id in offered)


def allot(
    baskets: Sequence[Basket],
    ask: BenefitAsk,
    coupon: Reduction | None,
    platform_coupon: Reduction | None,
) -> list[BenefitAsk]:
    """Each coupon to the sale where it takes off most, the points over the sales in their order.

    A coupon that no sale reaches goes with the dearest, which says then how much is missing; one
    that is not known (None) with the first, which is refused for it.
    """
    left = [basket.amount_cents for basket in baskets]
    shares = [BenefitAsk(add_on_skus=basket.add_on_skus) for basket in baskets]
    if ask.coupon_id is not None:
        at = _take_off_most(left, coupon)
        shares[at] = replace(shares[at], coupon_id=ask.coupon_id)
    if ask.platform_coupon_id is not None:
        at = _take_off_most(left, platform_coupon)
        shares[at] = replace(shares[at], platform_coupon_id=ask.platform_coupon_id)
    rest = ask.points
    for at, cents in enumerate(left):
        points = min(rest, max(0, cents - FLOOR_CENTS) // CENTS_A_POINT)
        shares[at] = replace(shares[at], points=points)
        rest -= points
    return shares


def plan_of_text(text: str) -> CheckoutPlan:
    wish, channel, sales = orjson.loads(text)
    return CheckoutPlan(wish, channel, tuple(_planned(*one) for one in sales))


def _planned(sale_id: str, lines: list[list[Any]], ask: list[Any]) -> PlannedSale:
    coupon_id, platform_coupon_id, points, skus = ask
    pairs = tuple((sku_id, qty) for sku_id, qty in lines)
    return PlannedSale(
        sale_id, pairs, BenefitAsk(coupon_id, platform_coupon_id, points, tuple(skus))
    )


def _ask_fields(ask: BenefitAsk) -> list[object]:
    return [ask.coupon_id, ask.platform_coupon_id, ask.points, ask.add_on_skus]


def _take_off_most(left: list[int], reduction: Reduction | None) -> int:
    """Which sale the coupon is best for; its price is lowered in `left`."""
    if reduction is None:
        return 0
    offs = [_off(reduction, cents) for cents in left]
    at = max(range(len(left)), key=lambda nth: (offs[nth], left[nth], -nth))
    left[at] -= max(0, offs[at])
    return at


def _off(reduction: Reduction, cents: int) -> int:
    try:
        return reduction_cents(reduction, cents)
    except BelowThreshold:
        return -1

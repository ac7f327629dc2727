"""What a buy costs: discounts in one fixed order, exact to the cent, spread over the lines.

Pure. The order of stacking, each step judged by what the steps before it left:

1. the sale price of each line (units × price; fixed in the catalogue of the sale),
2. add-on prices (加价购): one unit of an add-on SKU, when the other lines reach its threshold,
3. the shop's coupon, when what is left reaches its threshold,
4. the platform's coupon, likewise,
5. points, one cent each.

Percentages round down to the cent. Every discount is spread over the lines in proportion to what
they still cost, by largest remainder, so that the sums are kept; an order never costs less than
`FLOOR_CENTS`. Who may use which coupon is decided in `coupons.py`, nothing is stored here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

FLOOR_CENTS = 1  # a payment of nothing cannot be made at any provider
CENTS_A_POINT = 1


class Kind(StrEnum):
    ADD_ON = "add_on"
    COUPON = "coupon"
    PLATFORM_COUPON = "platform_coupon"
    POINTS = "points"


@dataclass(frozen=True, slots=True)
class PricedLine:
    sku_id: str
    qty: int
    unit_cents: int

    @property
    def cents(self) -> int:
        return self.qty * self.unit_cents


@dataclass(frozen=True, slots=True)
class AddOn:
    """One unit of `sku_id` for `unit_cents` when the other lines cost `threshold_cents`."""

    sku_id: str
    unit_cents: int
    threshold_cents: int


@dataclass(frozen=True, slots=True)
class Reduction:
    """What a coupon takes off: `off_cents`, or `percent` of what is left when that is set."""

    coupon_id: str
    title: str
    threshold_cents: int
    off_cents: int = 0
    percent: int = 0


@dataclass(frozen=True, slots=True)
class Discount:
    """`lines` has one sum for each line of the order, in its order; they add up to `off_cents`."""

    kind: Kind
    id: str
    title: str
    off_cents: int
    lines: tuple[int, ...]

    def to_wire(self) -> dict[str, object]:
        return {
            "kind": self.kind.value,
            "id": self.id,
            "title": self.title,
            "off_cents": self.off_cents,
            "lines": list(self.lines),
        }


@dataclass(frozen=True, slots=True)
class Quote:
    """`amount_cents` = `subtotal_cents` less all discounts; `line_cents` adds up to it.

    `points` are those really spent: never more than there is to pay.
    """

    subtotal_cents: int
    amount_cents: int
    line_cents: tuple[int, ...]
    discounts: tuple[Discount, ...]
    points: int = 0

    @property
    def off_cents(self) -> int:
        return self.subtotal_cents - self.amount_cents


class BelowThreshold(Exception):
    """A coupon asks for a larger order; `missing_cents` more would do."""

    def __init__(self, coupon_id: str, missing_cents: int) -> None:
        super().__init__(f"{coupon_id} lacks {missing_cents} cents")
        self.coupon_id = coupon_id
        self.missing_cents = missing_cents


def merged(lines: Sequence[PricedLine]) -> tuple[PricedLine, ...]:
    """Lines of one SKU summed, in order of first mention, as the reservation holds them."""
    qty: dict[str, int] = {}
    price = {line.sku_id: line.unit_cents for line in lines}
    for line in lines:
        qty[line.sku_id] = qty.get(line.sku_id, 0) + line.qty
    return tuple(PricedLine(sku_id, pieces, price[sku_id]) for sku_id, pieces in qty.items())


def quote(
    lines: Sequence[PricedLine],
    *,
    add_ons: Sequence[AddOn] = (),
    coupon: Reduction | None = None,
    platform_coupon: Reduction | None = None,
    points: int = 0,
) -> Quote:
    """The price of `lines` (one a SKU). Raises `BelowThreshold` for a coupon that asks for more."""
    left = [line.cents for line in lines]
    subtotal = sum(left)
    discounts = [*_add_ons(lines, left, add_ons)]
    for kind, reduction in ((Kind.COUPON, coupon), (Kind.PLATFORM_COUPON, platform_coupon)):
        if reduction is not None:
            off = reduction_cents(reduction, sum(left))
            discounts += _take_off(left, kind, reduction.coupon_id, reduction.title, off)
    spent = min(points, max(0, sum(left) - FLOOR_CENTS) // CENTS_A_POINT)
    discounts += _take_off(left, Kind.POINTS, "", "", spent * CENTS_A_POINT)
    return Quote(subtotal, sum(left), tuple(left), tuple(discounts), spent)


def reduction_cents(reduction: Reduction, base_cents: int) -> int:
    """What the coupon takes off a price; raises `BelowThreshold`."""
    if base_cents < reduction.threshold_cents:
        raise BelowThreshold(reduction.coupon_id, reduction.threshold_cents - base_cents)
    off = base_cents * reduction.percent // 100 if reduction.percent else reduction.off_cents
    return max(0, min(off, base_cents - FLOOR_CENTS))


def distribute(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """`total` in whole parts proportional to `weights`, by largest remainder; the sum is kept.

    No part exceeds its weight while `total` does not exceed their sum. Without weight: all zero,
    and `total` must be zero.
    """
    whole = sum(weights)
    if whole == 0:
        assert total == 0, "nothing to spread over"
        return tuple(0 for _ in weights)
    parts = [total * weight // whole for weight in weights]
    rests = [total * weight % whole for weight in weights]
    order = sorted(range(len(parts)), key=lambda at: (-rests[at], at))
    for at in order[: total - sum(parts)]:
        parts[at] += 1
    return tuple(parts)


def _take_off(left: list[int], kind: Kind, id_: str, title: str, off: int) -> list[Discount]:
    """Lower `left` by `off` in proportion; no discount for nothing."""
    off = min(off, max(0, sum(left) - FLOOR_CENTS))
    if off <= 0:
        return []
    parts = distribute(off, left)
    for at, part in enumerate(parts):
        left[at] -= part
    return [Discount(kind, id_, title, off, parts)]


def _add_ons(
    lines: Sequence[PricedLine], left: list[int], offers: Sequence[AddOn]
) -> list[Discount]:
    """Each offer once; its own SKU and other add-ons do not count towards its threshold."""
    by_sku = {offer.sku_id: offer for offer in offers}
    base = sum(line.cents for line in lines if line.sku_id not in by_sku)
    found = []
    for at, line in enumerate(lines):
        offer = by_sku.get(line.sku_id)
        if offer is None or base < max(offer.threshold_cents, 1):
            continue
        off = min(line.unit_cents - offer.unit_cents, sum(left) - FLOOR_CENTS)
        if off > 0:
            left[at] -= off
            parts = tuple(off if other == at else 0 for other in range(len(lines)))
            found.append(Discount(Kind.ADD_ON, line.sku_id, "", off, parts))
    return found

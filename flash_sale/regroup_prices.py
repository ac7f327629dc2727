"""What the parts of a split or merged order cost: nothing gained, nothing lost, to the cent.

Pure. Each discount of a line is spread over the pieces that came of it in proportion to what they
still cost, by largest remainder (`pricing.distribute`; of equal remainders the earlier part gets
the cent), one discount after the other. So no piece falls below nothing, and for every line the
parts add up to the whole in price, in each discount, in points and in commission.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from flash_sale.errors import Refused
from flash_sale.orders import Order, ReservedLine
from flash_sale.pricing import CENTS_A_POINT, FLOOR_CENTS, Kind, distribute


class Piece(NamedTuple):
    """So many of the pieces of a line: the line at `position` of the order at `old`."""

    old: int
    position: int
    qty: int


Part = Sequence[tuple[str, int]]  # SKU and pieces


@dataclass(frozen=True, slots=True)
class PartPrice:
    """A new order's price. `line_cents` has one sum for each piece, in their order; `points` and
    `shares` (what discounts took off in all) are by the old order they come from."""

    line_cents: tuple[int, ...]
    discounts: tuple[Mapping[str, Any], ...]
    points: Mapping[int, int]
    shares: Mapping[int, int]

    @property
    def amount_cents(self) -> int:
        return sum(self.line_cents)


def dealt(lines: Sequence[tuple[str, int]], parts: Sequence[Part]) -> list[list[Piece]]:
    """The pieces of one order dealt out to the parts, earlier lines first.

    Refused bad_request unless each piece goes somewhere.
    """
    have: Counter[str] = Counter()
    for sku_id, qty in lines:
        have[sku_id] += qty
    want: Counter[str] = Counter()
    for part in parts:
        if not part or any(type(qty) is not int or qty < 1 for _, qty in part):
            raise Refused("bad_request", "Each part has at least one piece.")
        for sku_id, qty in part:
            want[sku_id] += qty
    if want != have:
        raise Refused("bad_request", "The parts are not the whole order.")
    rest = [qty for _, qty in lines]
    return [
        [piece for sku_id, qty in part for piece in _take(lines, rest, sku_id, qty)]
        for part in parts
    ]


def together(orders: Sequence[Sequence[ReservedLine]]) -> list[Piece]:
    """All pieces of several orders' lines, as one part."""
    return [
        Piece(old, position, line.qty)
        for old, lines in enumerate(orders)
        for position, line in enumerate(lines)
    ]


def shared(orders: Sequence[Order], groups: Sequence[Sequence[Piece]]) -> list[PartPrice]:
    """What each group of pieces costs. Together the groups are all pieces of the orders.

    Refused conflict: an order whose discounts are not known, or a part that would cost nothing.
    """
    for order in orders:
        off = sum(sum(discount["lines"]) for discount in order.discounts)
        if _full_cents(order) - off != order.amount_cents:
            raise Refused("conflict", "What was taken off this order is not known any more.")
    left = {
        (at, nth): piece.qty * orders[piece.old].lines[piece.position].unit_cents
        for at, group in enumerate(groups)
        for nth, piece in enumerate(group)
    }
    came_of = _by_line(groups)
    taken: list[dict[tuple[str, str, str], list[int]]] = [{} for _ in groups]
    points: list[Counter[int]] = [Counter() for _ in groups]
    shares: list[Counter[int]] = [Counter() for _ in groups]
    for old, order in enumerate(orders):
        for discount in order.discounts:
            name = (str(discount["kind"]), str(discount["id"]), str(discount["title"]))
            for position, off in enumerate(discount["lines"]):
                places = came_of[old, position]
                for (at, nth), cents in zip(
                    places, distribute(off, [left[place] for place in places]), strict=True
                ):
                    left[at, nth] -= cents
                    taken[at].setdefault(name, [0] * len(groups[at]))[nth] += cents
                    shares[at][old] += cents
                    if name[0] == Kind.POINTS:
                        points[at][old] += cents // CENTS_A_POINT
    prices = [
        PartPrice(
            tuple(left[at, nth] for nth in range(len(group))),
            _told(taken[at]),
            points[at],
            shares[at],
        )
        for at, group in enumerate(groups)
    ]
    if any(price.amount_cents < FLOOR_CENTS for price in prices):
        raise Refused("conflict", "A part would cost nothing: nobody could pay it.")
    return prices


def _take(lines: Sequence[tuple[str, int]], rest: list[int], sku_id: str, qty: int) -> list[Piece]:
    """So many pieces of a SKU out of `rest`, which shrinks."""
    taken = []
    for position, (its_sku, _) in enumerate(lines):
        pieces = min(qty, rest[position])
        if its_sku == sku_id and pieces > 0:
            taken.append(Piece(0, position, pieces))
            rest[position] -= pieces
            qty -= pieces
    return taken


def _full_cents(order: Order) -> int:
    return sum(line.qty * line.unit_cents for line in order.lines)


def _by_line(
    groups: Sequence[Sequence[Piece]],
) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Where the pieces of each old line went: (group, place in it)."""
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for at, group in enumerate(groups):
        for nth, piece in enumerate(group):
            found.setdefault((piece.old, piece.position), []).append((at, nth))
    return found


def _told(taken: Mapping[tuple[str, str, str], list[int]]) -> tuple[Mapping[str, Any], ...]:
    return tuple(
        {"kind": kind, "id": id_, "title": title, "off_cents": sum(lines), "lines": lines}
        for (kind, id_, title), lines in taken.items()
        if sum(lines)
    )

"""Sales as the room shows them: phases, sold out, stock back. Never who gets a unit.

The seller tells the room the same thing many times, late and out of order; these rules let each
change through once. Levels are ordered by version, phases by their order in time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from room.errors import Refused
from room.events import Event, SalePhaseChanged, SkuSoldOut, StockReturned
from room.limits import SALE_SKUS_MAX, SALES_MAX
from room.shapes import Sale, SalePhase, SaleSku
from room.state import RoomState, apply

_ORDER: Final[Mapping[SalePhase, int]] = {
    "draft": 0,
    "preheat": 1,
    "countdown": 2,
    "live": 3,
    "sold_out": 3,  # between live and sold out the stock decides, not the order of telling
    "ended": 4,
}


def show(
    state: RoomState, sale: Mapping[str, object], levels: Mapping[str, tuple[int, int]]
) -> tuple[Event, ...]:
    """What the room must be told, given the seller's copy of a sale and (left, version) per SKU.

    Told again, or told something older, it is nothing. Refuses bad_request and conflict.
    """
    told = _converted(sale)
    known = state.sales.get(told.sale_id)
    if known is None:
        _require_place(state)
        first = _with_flags(told, _sold_out_at_first_sight(told, levels))
        return (SalePhaseChanged(first), *_first_levels(first, levels))
    stock = _stock_events(state, known, levels)
    after = state
    for event in stock:
        after = apply(after, event)
    phase = _phase_event(after.sales[told.sale_id], told)
    return (*stock, *phase)


def _sold_out_at_first_sight(sale: Sale, levels: Mapping[str, tuple[int, int]]) -> set[str]:
    """Without a level the seller's own flag is all there is."""
    return {
        sku.sku_id
        for sku in sale.skus
        if (levels[sku.sku_id][0] == 0 if sku.sku_id in levels else sku.sold_out)
    }


def _first_levels(sale: Sale, levels: Mapping[str, tuple[int, int]]) -> tuple[Event, ...]:
    """Fix the version of what is sold out at first sight, so that older levels stay old."""
    return tuple(
        SkuSoldOut(sale.sale_id, sku.sku_id, levels[sku.sku_id][1])
        for sku in sale.skus
        if sku.sold_out and sku.sku_id in levels
    )


def _stock_events(
    state: RoomState, known: Sale, levels: Mapping[str, tuple[int, int]]
) -> tuple[Event, ...]:
    """Crossings of zero, each SKU judged by its newest told version. An ended sale is silent."""
    if known.phase == "ended":
        return ()
    versions = state.levels_told.get(known.sale_id, {})
    events: list[Event] = []
    for sku in known.skus:
        left, v = levels.get(sku.sku_id, (-1, -1))
        if v <= versions.get(sku.sku_id, -1):
            continue
        if left == 0 and not sku.sold_out:
            events.append(SkuSoldOut(known.sale_id, sku.sku_id, v))
        elif left > 0 and sku.sold_out:
            events.append(StockReturned(known.sale_id, sku.sku_id, left, v))
    return tuple(events)


def _phase_event(known: Sale, told: Sale) -> tuple[Event, ...]:
    """The seller's copy with the room's own flags, if that is news and not older."""
    if told.rev < known.rev or _ORDER[told.phase] < _ORDER[known.phase]:
        return ()
    news = _with_flags(told, {sku.sku_id for sku in known.skus if sku.sold_out})
    return (SalePhaseChanged(news),) if news != known else ()


def _with_flags(sale: Sale, sold_out: set[str]) -> Sale:
    skus = tuple(replace(sku, sold_out=sku.sku_id in sold_out) for sku in sale.skus)
    return replace(sale, skus=skus, phase=_phase(sale.phase, skus))


def _phase(phase: SalePhase, skus: tuple[SaleSku, ...]) -> SalePhase:
    if phase not in ("live", "sold_out"):
        return phase
    return "sold_out" if all(sku.sold_out for sku in skus) else "live"


def _require_place(state: RoomState) -> None:
    if len(state.sales) < SALES_MAX:
        return
    if not any(sale.phase == "ended" for sale in state.sales.values()):
        raise Refused("conflict", f"a room shows {SALES_MAX} sales at most")


def _converted(sale: Mapping[str, object]) -> Sale:
    try:
        told = msgspec.convert(sale, Sale)
    except msgspec.ValidationError as wrong:
        raise Refused("bad_request", f"not a sale: {wrong}") from wrong
    if not 1 <= len(told.skus) <= SALE_SKUS_MAX:
        raise Refused("bad_request", f"a sale has 1 to {SALE_SKUS_MAX} SKUs")
    return told

"""Notices, from the pushes alone, which SKU on sale will not last, and tells the staff.

Every worker sees every push, works its rates out by itself and tells the staff on its own sockets,
so nobody is told twice and nothing is sent between workers. The rule is `flash_sale.pace`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.fanout import LiveRoom
from server.wire import event_json

WATCHED_PHASES = ("live", "sold_out")


def watch_stock(room: LiveRoom, levels: Mapping[str, Mapping[str, int]], now_ms: int) -> None:
    """Take levels in that were just shown; raise `stock.alert` for what became alarming."""
    for sku_id, level in levels.items():
        left = room.state["stock"][sku_id]["left"]
        pace = room.pace.note(sku_id, left, now_ms, level.get("aside", 0))
        sale_id = _sale_of(room, sku_id) if pace is not None else None
        if pace is not None and sale_id is not None:
            told = {"sale_id": sale_id, **pace.to_wire()}
            room.tell_staff(event_json("stock.alert", now_ms, told))


def stock_pace(room: LiveRoom, now_ms: int) -> list[dict[str, Any]]:
    """Every SKU of a running sale with its pace, for the room's numbers."""
    rows = []
    for pace in room.pace.paces(now_ms):
        sale_id = _sale_of(room, pace.sku_id)
        if sale_id is not None:
            rows.append({"sale_id": sale_id, **pace.to_wire()})
    return rows


def _sale_of(room: LiveRoom, sku_id: str) -> str | None:
    """The running sale a SKU is in."""
    for sale in room.replica.state.sales.values():
        if sale.phase in WATCHED_PHASES and any(sku.sku_id == sku_id for sku in sale.skus):
            return sale.sale_id
    return None

"""A room's numbers as the console, the screen and `GET …/metrics` show them."""

from __future__ import annotations

from typing import Any

from server.context import Services
from server.fanout import LiveRoom
from server.series import EVERY_S
from server.stock_watch import stock_pace


async def room_numbers(services: Services, room: LiveRoom) -> dict[str, Any]:
    """Traffic and interaction from the last pulse, sales from SQL, and the recent curve."""
    totals = room.totals
    sold = await services.sale_numbers.sale_numbers(room.room_id, services.hub.now_ms())
    store = services.room_store
    counts = await services.giveaways.counts(room.replica)
    watched_ms = await store.watched_total_ms(room.room_id)
    exposures, clicks = totals.get("exposures", 0), totals.get("clicks", 0)
    return {
        "online": room.state["online"],
        "peak": room.state["peak"],
        "entries": room.state["entries"],
        "visitors": await store.visitors(room.room_id),
        "likes": room.state["likes"],
        "comments": totals.get("comments", 0),
        "shown": _by_kind(totals, "shown"),
        "dropped": _by_kind(totals, "dropped"),
        "shares": totals.get("shares", 0),
        "watch_s": watched_ms // 1000,
        "exposures": exposures,
        "clicks": clicks,
        "reservations": sold["reservations"],
        "orders": sold["orders"],
        "paid_orders": sold["paid_orders"],
        "gmv_cents": sold["gmv_cents"],
        "lottery_entries": sum(counts.values()) + _closed_entries(room),
        "series": _merged(await services.series.read(room.room_id), sold["series"]),
        "top_products": sold["top_products"],
        "stock_pace": stock_pace(room, services.hub.now_ms()),
        "funnel": [
            {"step": "exposure", "count": exposures},
            {"step": "click", "count": clicks},
            {"step": "reservation", "count": sold["reservations"]},
            {"step": "paid", "count": sold["paid_orders"]},
        ],
    }


def _closed_entries(room: LiveRoom) -> int:
    lotteries = room.replica.state.lotteries.values()
    return sum(lottery.entries_count for lottery in lotteries if lottery.state != "open")


def _by_kind(totals: dict[str, int], what: str) -> dict[str, int]:
    return {kind: totals.get(f"{what}_{kind}", 0) for kind in ("comment", "notice")}


def _merged(samples: list[dict[str, Any]], sold: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The samples with the orders of the same five seconds beside them."""
    step_ms = EVERY_S * 1000
    by_ts = {point["ts"] // step_ms: point for point in sold}
    none = {"orders": 0, "gmv_cents": 0}
    merged = []
    for sample in samples:
        point = by_ts.get(sample["ts"] // step_ms, none)
        merged.append({**sample, "orders": point["orders"], "gmv_cents": point["gmv_cents"]})
    return merged

"""A room's numbers as the console, the screen and `GET …/metrics` show them."""

from __future__ import annotations

from typing import Any

from room.explaining import EXPLAINING_KINDS, explained_ms
from room.visits import STAYED_MINUTES, Audience, Label
from server.context import Services
from server.fanout import LiveRoom
from server.series import EVERY_S
from server.stock_watch import stock_pace


async def room_numbers(services: Services, room: LiveRoom) -> dict[str, Any]:
    """Traffic and interaction from the last pulse, sales from SQL, and the recent curve.

    At most AGE_MS_MAX old (`figures.py`); the answer is shared, so nobody may change it.
    """
    return await services.figures.of(room.room_id, lambda: _work_out(services, room))


async def _work_out(services: Services, room: LiveRoom) -> dict[str, Any]:
    totals, now_ms = room.totals, services.hub.now_ms()
    sold = await services.sale_numbers.sale_numbers(room.room_id, now_ms)
    store = services.room_store
    counts = await services.activities.giveaways.counts(room.replica)
    asked = room.state["questions"]
    watched_ms = await store.watched_total_ms(room.room_id)
    audience = await store.audience(room.room_id)
    history = await services.archive.events_of(room.room_id, EXPLAINING_KINDS)
    exposures, clicks = totals.get("exposures", 0), totals.get("clicks", 0)
    return {
        "online": room.state["online"],
        "peak": room.state["peak"],
        "entries": room.state["entries"],
        **_traffic(audience, now_ms),
        "likes": room.state["likes"],
        "comments": totals.get("comments", 0),
        "shown": _by_kind(totals, "shown"),
        "dropped": _by_kind(totals, "dropped"),
        "folded": {"comment": totals.get("folded_comment", 0)},
        "shares": totals.get("shares", 0),
        "watch_s": watched_ms // 1000,
        "exposures": exposures,
        "clicks": clicks,
        "reservations": sold["reservations"],
        "orders": sold["orders"],
        "paid_orders": sold["paid_orders"],
        "gmv_cents": sold["gmv_cents"],
        "gross_cents": sold["gross_cents"],
        "refunded_cents": sold["refunded_cents"],
        "lottery_entries": sum(counts.values()) + _closed_entries(room),
        "questions": {
            "open": asked["open"],
            "answered": asked["answered"],
            "median_reply_ms": await services.activities.questions.median_reply_ms(room.room_id),
        },
        "series": _merged(await services.series.read(room.room_id), sold["series"]),
        "top_products": sold["top_products"],
        "products": _products(room, explained_ms(history, now_ms)),
        "stock_pace": stock_pace(room, now_ms),
        "funnel": [
            {"step": "exposure", "count": exposures},
            {"step": "click", "count": clicks},
            {"step": "reservation", "count": sold["reservations"]},
            {"step": "paid", "count": sold["paid_orders"]},
        ],
    }


def _traffic(audience: Audience, now_ms: int) -> dict[str, Any]:
    """Who came, from where, and how long they stayed; every share with both its numbers."""
    return {
        "visitors": audience.visitors,
        "returned": audience.returned,
        "retention": [
            {"minutes": each.minutes, "stayed": each.stayed, "of": each.of}
            for each in audience.retention(now_ms)
        ],
        "sources": [_source(label) for label in audience.labels("src")],
        "channels": [_label(label) for label in audience.labels("channel")],
        "buckets": [_label(label) for label in audience.labels("bucket")],
        "inviters": [
            {"user_id": user_id, "invited": invited} for user_id, invited in audience.inviters
        ],
    }


def _label(label: Label) -> dict[str, Any]:
    return {"name": label.name, "entries": label.entries, "visitors": label.visitors}


def _source(label: Label) -> dict[str, Any]:
    stayed = zip(STAYED_MINUTES, label.stayed, strict=True)
    return {**_label(label), "stayed": {str(minutes): count for minutes, count in stayed}}


def _products(room: LiveRoom, explained: dict[str, int]) -> list[dict[str, Any]]:
    """The room's products that were seen, opened or explained, most seen first."""
    products = [
        {
            "product_id": product_id,
            "title": product.title,
            "exposures": room.totals.get(f"exposures:{product_id}", 0),
            "clicks": room.totals.get(f"clicks:{product_id}", 0),
            "explain_s": explained.get(product_id, 0) // 1000,
        }
        for product_id, product in room.replica.state.products.items()
    ]
    noticed = [one for one in products if one["exposures"] or one["clicks"] or one["explain_s"]]
    return sorted(noticed, key=lambda one: (-one["exposures"], one["product_id"]))


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

"""How long each product was being explained, from the room's history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

EXPLAINING_KINDS: Final = ("card.shown", "card.hidden", "room.ended")


def explained_ms(events: Iterable[Mapping[str, Any]], now_ms: int) -> dict[str, int]:
    """Milliseconds by product id, up to `now_ms` for a card that is still being explained.

    `events` are `{t, ts, d}` in the order they happened; several cards may be explained at once.
    """
    since: dict[str, int] = {}
    explained: dict[str, int] = {}

    def stop(product_id: str, at_ms: int) -> None:
        began_ms = since.pop(product_id, None)
        if began_ms is not None:
            explained[product_id] = explained.get(product_id, 0) + max(0, at_ms - began_ms)

    for event in events:
        at_ms = event["ts"]
        if event["t"] == "card.shown" and event["d"]["card"]["mode"] == "explaining":
            since.setdefault(event["d"]["card"]["product_id"], at_ms)
        elif event["t"] == "card.shown":
            stop(event["d"]["card"]["product_id"], at_ms)
        elif event["t"] == "card.hidden":
            stop(event["d"]["product_id"], at_ms)
        elif event["t"] == "room.ended":
            for product_id in tuple(since):
                stop(product_id, at_ms)
    for product_id in tuple(since):
        stop(product_id, now_ms)
    return explained

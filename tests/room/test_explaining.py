"""How long a product was talked about follows from the room's history alone."""

from __future__ import annotations

from typing import Any

from room.explaining import explained_ms


def shown(ts: int, product_id: str, mode: str = "explaining") -> dict[str, Any]:
    return {"t": "card.shown", "ts": ts, "d": {"card": {"product_id": product_id, "mode": mode}}}


def hidden(ts: int, product_id: str) -> dict[str, Any]:
    return {"t": "card.hidden", "ts": ts, "d": {"product_id": product_id}}


def test_explaining_lasts_until_listed_hidden_or_ended() -> None:
    history = [
        shown(100, "cup"),
        shown(150, "tea"),
        shown(300, "cup", "listed"),
        shown(400, "cup"),
        shown(450, "cup"),
        hidden(500, "cup"),
        hidden(600, "pot"),
        {"t": "room.ended", "ts": 900, "d": {}},
    ]
    assert explained_ms(history, 5_000) == {"cup": 300, "tea": 750}


def test_what_is_being_explained_counts_up_to_now() -> None:
    assert explained_ms([shown(100, "cup")], 350) == {"cup": 250}
    assert explained_ms([], 350) == {}

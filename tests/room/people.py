"""People and things that the tests of a room share."""

from __future__ import annotations

from collections.abc import Iterable

from room.events import Event
from room.shapes import User
from room.state import RoomState, apply
from room.words import SensitiveWords

NOW_MS = 1_790_000_000_000
HOST = User("host1", "阿珍", "host")
HELPER = User("help1", "场控", "assistant")
VIEWER = User("u1", "小明", "viewer")
MEMBER = User("u2", "Ann", "member")
GUEST = User("g1", "guest", "guest")
WORDS = SensitiveWords(mask=["傻逼", "shit"], reject=["加微信", "kill yourself"])


def a_room(*events: Event) -> RoomState:
    """A live room in which these things have happened."""
    state = RoomState(
        room_id="r1",
        title="直播间",
        host=HOST,
        stream_url="/static/sample/a.m3u8",
        created_ms=NOW_MS,
    )
    return after(state, events)


def after(state: RoomState, events: Iterable[Event]) -> RoomState:
    for event in events:
        state = apply(state, event)
    return state


def a_sale(
    sale_id: str = "s1", phase: str = "live", skus: Iterable[str] = ("k1",)
) -> dict[str, object]:
    """The seller's copy of a sale."""
    return {
        "sale_id": sale_id,
        "phase": phase,
        "start_ms": NOW_MS,
        "end_ms": None,
        "duration_s": 60,
        "hold_s": 330,
        "pay_s": 300,
        "skus": [
            {
                "sku_id": sku_id,
                "product_id": "p1",
                "title": "杯子",
                "image": "",
                "list_cents": 9900,
                "sale_cents": 990,
                "per_user": 1,
                "stock": 10,
                "currency": "CNY",
                "sold_out": False,
            }
            for sku_id in skus
        ],
    }

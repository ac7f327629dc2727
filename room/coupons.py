"""Dropped coupons as the room shows them. Who gets one is decided elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from room.events import CouponDropped, Event
from room.shapes import Coupon
from room.state import RoomState, require_live


def drop(state: RoomState, coupon: Mapping[str, object]) -> tuple[Event, ...]:
    """Show a coupon; told twice it is shown once. Refuses room_ended."""
    require_live(state)
    shown = msgspec.convert(coupon, Coupon)
    return () if state.coupons.get(shown.coupon_id) == shown else (CouponDropped(shown),)


def shown(state: RoomState, taken: Mapping[str, int], now_ms: int) -> dict[str, dict[str, object]]:
    """The state part `coupons`: those that can still be claimed, with how many are left."""
    return {
        coupon_id: {
            **msgspec.to_builtins(coupon),
            "remaining": max(0, coupon.quota - taken.get(coupon_id, 0)),
        }
        for coupon_id, coupon in state.coupons.items()
        if coupon.closes_ms > now_ms
    }


def open_ones(state: RoomState, now_ms: int) -> list[str]:
    """Those whose count can still change."""
    return [key for key, coupon in state.coupons.items() if coupon.closes_ms > now_ms]

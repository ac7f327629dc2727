"""Between coupons and the room: what was dropped, how many are left, and who did which task.

Counts are read about twice a second for rooms with an open coupon; nothing is decided by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from flash_sale.coupon_desk import CouponDesk
from flash_sale.errors import Refused
from room import coupons
from server.fanout import LiveRoom
from server.hub import Hub
from server.wire import event_json

log = structlog.get_logger(__name__)


class Couponing:
    """Shows coupons in the rooms of this worker."""

    def __init__(self, hub: Hub, desk: CouponDesk):
        self._hub = hub
        self._desk = desk
        self._taken: dict[str, int] = {}

    async def show(self, room: LiveRoom) -> None:
        """Tell the room how many are left of each coupon, and drop what can't be claimed."""
        state, now_ms = room.replica.state, self._hub.now_ms()
        if not state.coupons and not room.state.get("coupons"):
            return
        taken = await self._desk.taken(coupons.open_ones(state, now_ms))
        if room.tell_state("coupons", coupons.shown(state, taken, now_ms)):
            self._hub.ticker.wake_for_state(room)

    def on_granted(self, room_id: str, user_id: str, coupon: Mapping[str, Any]) -> None:
        """A paid order brought its buyer a coupon."""
        event = event_json("coupon.granted", self._hub.now_ms(), {"coupon": coupon})
        self._hub.tell_user(room_id, user_id, event)

    async def show_all(self) -> None:
        """One round over the rooms somebody looks at."""
        for room in tuple(self._hub.rooms.values()):
            try:
                await self.show(room)
            except Refused as refusal:
                log.warning("coupons_not_counted", room_id=room.room_id, code=refusal.code)

    async def note_deed(self, room: LiveRoom, user_id: str, task: str) -> None:
        """Somebody did what an open coupon asks for; never in the way of the deed itself."""
        now_ms = self._hub.now_ms()
        for coupon in tuple(room.replica.state.coupons.values()):
            if coupon.task != task or coupon.closes_ms <= now_ms:
                continue
            deed = (coupon.coupon_id, user_id)
            if deed in room.deeds:
                continue
            try:
                found = await self._desk.find(coupon.coupon_id, room.room_id)
                await self._desk.note_deed(found, user_id)
            except Refused as refusal:
                log.warning("deed_not_noted", coupon_id=coupon.coupon_id, code=refusal.code)
                continue
            if len(room.deeds) < 50_000:
                room.deeds.add(deed)

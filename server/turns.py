"""From the waitlist to the people on it: tells whose turn came, at once when this worker notices.

The duty of the lease holder finds whatever was missed; telling twice does no harm.
"""

from __future__ import annotations

import asyncio

import structlog

from flash_sale.errors import Refused
from flash_sale.offers import Offers
from server.hub import Hub
from server.wire import event_json

log = structlog.get_logger(__name__)


class Turns:
    """One worker's messenger of the waitlists."""

    def __init__(self, *, hub: Hub, offers: Offers):
        self._hub = hub
        self._offers = offers
        self._running: dict[str, asyncio.Task[None]] = {}

    def on_offer(self, room_id: str, user_id: str, outcome: str, about: dict[str, object]) -> None:
        """Somebody's turn came: their order waits for payment, or they may not have it."""
        if outcome == "offered":
            event = event_json("waitlist.offered", self._hub.now_ms(), about)
        else:
            event = event_json("waitlist.left", self._hub.now_ms(), {**about, "reason": outcome})
        self._hub.tell_user(room_id, user_id, event)

    def tell_soon(self, sale_id: str) -> None:
        """Stock crossed zero: tell those who were offered something, without waiting."""
        if sale_id in self._running:
            return  # what it does not see, the duty does
        task = asyncio.create_task(self._tell(sale_id))
        self._running[sale_id] = task
        task.add_done_callback(lambda _: self._running.pop(sale_id, None))

    async def _tell(self, sale_id: str) -> None:
        try:
            await self._offers.tell(sale_id)
        except Refused as refused:
            log.warning("offers_not_told", sale_id=sale_id, error=repr(refused))

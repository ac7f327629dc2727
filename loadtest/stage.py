"""The host's part in a measured run: room, sale, lottery, and things that happen.

Acts through the host's own socket, as a console does. Nothing is measured here.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from loadtest.api import LiveroomApi
from loadtest.client import Address, Lost, Refused, Viewer
from loadtest.history import Position

NO_LIMITS = {"slow_mode_s": 0, "comments_per_user_per_s": 0, "chat_per_viewer_per_s": 0}
PRODUCT_ID = "swarm-item"
COUNTDOWN_S = 3
UNSURE = frozenset({"unknown_outcome", "unavailable"})
TRIES_MAX = 10  # of an act whose outcome stays unknown
ASK_AGAIN_S = 0.5  # the server finds and mends what a lost answer left half done once a second


class Stage:
    """One room under load. Use `open` first."""

    def __init__(self, api: LiveroomApi, room: str, *, token: str) -> None:
        self.api, self.room, self.token = api, room, token
        self.viewer = Viewer(Address.of(api.url, room), name="swarm-host", token=token)

    async def open(self) -> None:
        """Make the room, lift its limits, and take the host's seat."""
        await self.api.ensure_room(self.room, title="Load test", token=self.token)
        await self.viewer.connect()
        await self.viewer.command("room.set", **NO_LIMITS)
        await self.viewer.command(
            "product.put", product_id=PRODUCT_ID, title="Load item", price_cents=9900
        )

    async def make_sale(
        self, *, stock: int, per_user: int = 1, duration_s: int = 600, hold_s: int = 600
    ) -> tuple[str, str]:
        """A sale in preheat; its id and its only SKU's id."""
        sale_id = f"swarm-{secrets.token_hex(6)}"
        sku_id = f"{sale_id}-1"
        sku = {
            "sku_id": sku_id,
            "product_id": PRODUCT_ID,
            "stock": stock,
            "list_cents": 9900,
            "sale_cents": 1900,
            "per_user": per_user,
        }
        await self._surely(
            "sale.create",
            sale_id=sale_id,
            skus=[sku],
            start="manual",
            duration_s=duration_s,
            hold_s=hold_s,
            pay_s=hold_s,
        )
        await self._surely("sale.preheat", sale_id=sale_id)
        return sale_id, sku_id

    async def _surely(self, op: str, **params: object) -> None:
        """An act that only needs to be done: asked again while its outcome is unknown."""
        for tries_left in reversed(range(TRIES_MAX)):
            try:
                await self.viewer.command(op, **params)
            except Refused as refused:
                if refused.code == "conflict" and tries_left < TRIES_MAX - 1:
                    return  # it was done when its answer was lost
                if refused.code not in UNSURE or not tries_left:
                    raise
                await asyncio.sleep(max(refused.retry_ms / 1000, ASK_AGAIN_S))
            else:
                return

    async def start_sale(self, sale_id: str, *, countdown_s: int = COUNTDOWN_S) -> int:
        """When the sale starts, in Unix milliseconds."""
        answer = await self.viewer.command("sale.start", sale_id=sale_id, countdown_s=countdown_s)
        return int(answer["start_ms"])

    async def keep_announcing(self, per_s: float) -> None:
        """Critical events at a steady rate, until cancelled: cards and announcements in turn."""
        number = 0
        while True:
            await asyncio.sleep(1 / per_s)
            number += 1
            try:
                if number % 2:
                    await self.viewer.command("announce", text=f"announcement {number}")
                else:
                    await self.viewer.command("card.show", product_id=PRODUCT_ID)
            except (Refused, Lost, TimeoutError):
                await self.return_if_lost()

    async def return_if_lost(self) -> None:
        if not self.viewer.connected:
            try:
                await self.viewer.connect()
            except (OSError, Lost, Refused, TimeoutError):
                return

    async def open_lottery(self, winners: int) -> str:
        answer = await self.viewer.command(
            "lottery.open", winners=winners, prize="Load prize", conditions={}, manual=True
        )
        return str(answer["lottery_id"])

    async def draw(self, lottery_id: str) -> None:
        """Raises Refused; who was drawn is then told by `proof`."""
        await self.viewer.command("lottery.draw", lottery_id=lottery_id)

    async def proof(self, lottery_id: str) -> dict[str, Any]:
        """The draw's public proof."""
        return await self.api.draw(lottery_id)

    async def end_position(self) -> Position:
        """Where the room's critical events stand now."""
        snapshot = await self.api.snapshot(self.room)
        return Position(snapshot["epoch"], snapshot["seq"])

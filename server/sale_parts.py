"""The sale's part of the composition root: stock, orders and money, and what tells rooms of them.

Nothing is decided here. A new service of the sale is built here and named in `Services`.
"""

from __future__ import annotations

import aiohttp
import redis.asyncio as redis_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from flash_sale.storage.wiring import FlashSale, assemble
from server.auction_orders import AuctionOrders
from server.banks import BankLine, LateCalls, real_banks
from server.config import Settings
from server.randomness import token_source
from server.room_parts import RoomCore
from server.selling import Selling
from server.time_and_chance import now_ms
from server.turns import Turns
from server.webhook_post import WebhookSender


def build_sale(
    settings: Settings,
    client: redis_asyncio.Redis,
    engine: AsyncEngine,
    session: aiohttp.ClientSession,
    late_calls: LateCalls,
) -> FlashSale:
    """The sale over its stores, with the providers that are configured."""

    async def post(url: str, headers: dict[str, str], body: bytes) -> int:
        async with session.post(url, data=body, headers=headers) as response:
            await response.read()
            return response.status

    callback = f"{settings.public_url}/v1/payments/sandbox/callback"
    sale = assemble(
        client,
        engine,
        payment_secret=settings.payment_secret.get_secret_value().encode(),
        callback_url=lambda: callback,
        post=post,
        new_token=token_source(),
        banks=real_banks(settings, BankLine(session), now_ms),
        sandbox="open" if settings.sandbox_is_open else "closed",
        later=late_calls.later,
    )
    sale.rewards.webhooks.send = WebhookSender(anywhere=settings.is_loopback)
    return sale


def build_selling(sale: FlashSale, room: RoomCore) -> Selling:
    """What carries the sale into the room, hooked to both."""
    selling = Selling(
        hub=room.hub,
        rooms=room.rooms,
        desk=sale.desk,
        checkout=sale.checkout,
        waiting_room=sale.waiting_room,
        auction_orders=AuctionOrders(
            hub=room.hub,
            archive=room.archive,
            desk=sale.desk,
            engine=sale.engine,
            checkout=sale.checkout,
        ),
    )
    turns = Turns(hub=room.hub, offers=sale.offers)
    selling.on_crossing = turns.tell_soon
    sale.hooks.on_stock = selling.on_stock
    sale.hooks.on_order = selling.on_order
    sale.hooks.on_offer = turns.on_offer
    sale.hooks.on_refund_failed = selling.on_refund_failed
    sale.hooks.on_refund_requested = selling.on_refund_requested
    sale.hooks.on_refund_decided = selling.on_refund_decided
    return selling

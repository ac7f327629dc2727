"""Between the sale and the room: what stock decides becomes what viewers see.

The flash sale knows no rooms and the room knows no stock; this file carries versioned levels and
phases from the one to the other. Every step may be repeated: the room's rules ignore what they
have been told already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from flash_sale.checkout import Checkout
from flash_sale.desk import SaleDesk
from flash_sale.errors import Refused as SaleRefused
from flash_sale.sale import Level
from flash_sale.waiting_room import WaitingRoom
from room import sales
from room.errors import Lost, Refused, Unavailable
from room.room import Rooms
from server.auction_orders import LAPSED, AuctionOrders, auction_id_of, is_auction_sale
from server.fanout import LiveRoom
from server.hub import Hub, RoomMissing
from server.outbox import ChatItem
from server.wire import event_json

log = structlog.get_logger(__name__)

SHOWN_PHASES = frozenset({"preheat", "countdown", "live", "sold_out"})
SALES_PER_CALL_MAX = 200  # in one exchange with the store; a sale of 20 SKUs is some 5 KB
BUYERS_REMEMBERED_MAX = 20_000
BUYERS_READ_MAX = 100  # newest orders looked at when a worker opens a room


class Selling:
    """Shows sales, stock and orders in the rooms of this worker."""

    def __init__(
        self,
        *,
        hub: Hub,
        rooms: Rooms,
        desk: SaleDesk,
        checkout: Checkout,
        waiting_room: WaitingRoom,
        auction_orders: AuctionOrders,
    ):
        self._hub = hub
        self._rooms = rooms
        self._desk = desk
        self._checkout = checkout
        self._waiting_room = waiting_room
        self.auction_orders = auction_orders
        self.on_crossing: Callable[[str], None] = lambda sale_id: None  # sold out, or back
        self._running: set[asyncio.Task[None]] = set()
        self._showing: dict[str, bool] = {}  # sale → shown again when the run in progress ends

    # -- hooks ----------------------------------------------------------------------------------

    def on_stock(
        self, sale_id: str, room_id: str, levels: Mapping[str, Level], aside: int = 0
    ) -> None:
        """Stock changed: push the levels, and tell the room when a SKU ran out or came back."""
        more = {"aside": aside} if aside else {}
        wire = {sku: {"left": level.left, "v": level.v, **more} for sku, level in levels.items()}
        self._hub.tell_stock(room_id, wire)
        if self._concerns_room(room_id, sale_id, levels):
            self.show_soon(sale_id)
            self.on_crossing(sale_id)

    def _concerns_room(self, room_id: str, sale_id: str, levels: Mapping[str, Level]) -> bool:
        if any(level.left == 0 for level in levels.values()):
            return True
        room = self._hub.rooms.get(room_id)
        sale = room.replica.state.sales.get(sale_id) if room else None
        if sale is None:
            return True  # unknown here: let the rules look at it
        return any(sku.sold_out and sku.sku_id in levels for sku in sale.skus)

    def on_order(self, order: Mapping[str, Any]) -> None:
        """An order moved: tell its buyer, and the room when somebody bought."""
        room_id, user_id = order["room_id"], order["user_id"]
        now_ms = self._hub.now_ms()
        event = event_json("order.changed", now_ms, {"order": order})
        self._hub.tell_user(room_id, user_id, event)
        if order["status"] in LAPSED and is_auction_sale(order["sale_id"]):
            told = {"auction_id": auction_id_of(order["sale_id"]), "order": order}
            self._hub.tell_staff(room_id, event_json("auction.unpaid", now_ms, told))
        room = self._hub.rooms.get(room_id)
        if room is not None and order["status"] == "paid":
            self._note_buyer(room, user_id, now_ms)

    def on_refund_failed(self, room_id: str, refund: Mapping[str, Any]) -> None:
        """A provider refused a refund for good: the room's staff must look."""
        log.error("refund_failed", refund_id=refund["refund_id"], order_id=refund["order_id"])
        event = event_json("refund.failed", self._hub.now_ms(), {"refund": refund})
        self._hub.tell_staff(room_id, event)

    def on_refund_requested(self, room_id: str, request: Mapping[str, Any]) -> None:
        """A buyer asks for money back: the room's staff see it at once."""
        event = event_json("refund.requested", self._hub.now_ms(), {"request": request})
        self._hub.tell_staff(room_id, event)

    def on_refund_decided(self, request: Mapping[str, Any]) -> None:
        """That was answered or taken back: the buyer is told, and all of the staff."""
        event = event_json("refund.decided", self._hub.now_ms(), {"request": request})
        self._hub.tell_user(request["room_id"], request["user_id"], event)
        self._hub.tell_staff(request["room_id"], event)

    def _note_buyer(self, room: LiveRoom, user_id: str, now_ms: int) -> None:
        if len(room.buyers) < BUYERS_REMEMBERED_MAX:
            room.buyers.add(user_id)
        name = next((v.user.name for v in room.by_user.get(user_id, ())), "")
        if not name:
            return
        user = {"id": user_id, "name": name, "role": "viewer"}
        raw = event_json("notice", now_ms, {"kind": "bought", "user": user})
        self._hub.tell_chat(room, ChatItem("notice", user_id, "viewer", raw, buyer=True))

    # -- showing sales --------------------------------------------------------------------------

    def show_soon(self, sale_id: str) -> None:
        """Bring the room up to date about a sale, without waiting; bursts become one or two."""
        if sale_id in self._showing:
            self._showing[sale_id] = True
            return
        self._showing[sale_id] = False
        task = asyncio.create_task(self._show_until_settled(sale_id))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _show_until_settled(self, sale_id: str) -> None:
        try:
            again = True
            while again:
                self._showing[sale_id] = False
                await self.show(sale_id)
                again = self._showing[sale_id]
        except (Unavailable, Lost, Refused, SaleRefused, RoomMissing) as error:
            log.warning("sale_not_shown", sale_id=sale_id, error=repr(error))
        finally:
            self._showing.pop(sale_id, None)

    async def show(self, sale_id: str) -> None:
        """Tell the room the sale's phase and what is sold out, as they are now."""
        sale = await self._desk.get(sale_id)
        if sale is None:
            return
        levels = await self._desk.levels(sale_id)
        phase = sale.phase(await self._desk.now_ms(), levels)
        if is_auction_sale(sale_id):
            await self._desk.announced(sale, phase)  # to nobody: it is the winner's alone
            return
        room = await self._hub.open(sale.room_id)
        wire = {sku: {"left": level.left, "v": level.v} for sku, level in levels.items()}
        self._hub.tell_stock(sale.room_id, wire)
        door = await self._waiting_room.door(sale_id)
        told = sale.to_wire(phase, levels) | {"door": door.to_wire() if door else None}
        pairs = {sku: (level.left, level.v) for sku, level in levels.items()}
        await self._rooms.change(
            room.replica, lambda state: sales.show(state, told, pairs), self._hub.now_ms()
        )
        await self._desk.announced(sale, phase)

    # -- duties ---------------------------------------------------------------------------------

    async def announce_due(self) -> int:
        """Show every sale whose phase has moved on by the clock; run by the lease holder."""
        due = await self._desk.due()
        for sale, _, _ in due:
            try:
                await self.show(sale.sale_id)
            except (Refused, RoomMissing, Lost) as error:
                log.warning("sale_not_shown", sale_id=sale.sale_id, error=repr(error))
        return len(due)

    async def refresh_stock(self) -> int:
        """Read the stock of sales on show here, in case a push was lost on its way."""
        shown = [
            (room, sale.sale_id)
            for room in self._hub.rooms.values()
            if room.viewers
            for sale in room.replica.state.sales.values()
            if sale.phase in SHOWN_PHASES
        ]
        for first in range(0, len(shown), SALES_PER_CALL_MAX):
            some = shown[first : first + SALES_PER_CALL_MAX]
            levels = await self._desk.levels_of([sale_id for _, sale_id in some])
            for room, sale_id in some:
                if sale_id in levels:
                    self._refresh(room, sale_id, levels[sale_id])
        return len(shown)

    async def prepare(self, room: LiveRoom) -> None:
        """Fill a room that was just opened with its stock and its latest buyers."""
        await self._refresh_room(room)
        orders = await self._checkout.room_orders(room.room_id, BUYERS_READ_MAX)
        room.buyers.update(str(order["user_id"]) for order in orders if order["status"] == "paid")

    async def _refresh_room(self, room: LiveRoom) -> None:
        for sale in tuple(room.replica.state.sales.values()):
            if sale.phase in SHOWN_PHASES:
                self._refresh(room, sale.sale_id, await self._desk.levels(sale.sale_id))

    def _refresh(self, room: LiveRoom, sale_id: str, levels: Mapping[str, Level]) -> None:
        wire = {sku: {"left": level.left, "v": level.v} for sku, level in levels.items()}
        self._hub.show_stock(room, wire)
        sale = room.replica.state.sales.get(sale_id)
        told = {sku.sku_id: sku.sold_out for sku in sale.skus} if sale else {}
        if any(told.get(sku) != (level.left == 0) for sku, level in levels.items()):
            self.show_soon(sale_id)

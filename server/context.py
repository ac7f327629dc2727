"""What a command handler gets: who asks, in which room, and the parts it may use.

One `Services` exists per worker, put together by `app.py`. A `Context` is made per command, for
the socket and for HTTP alike, so handlers cannot tell the two apart unless they ask for a socket.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec
import redis.asyncio as redis_asyncio

from flash_sale.audit import Auditor
from flash_sale.checkout import Checkout
from flash_sale.desk import SaleDesk
from flash_sale.offers import Offers
from flash_sale.providers.sandbox import SandboxBank
from flash_sale.refunding import Refunding
from flash_sale.reserve import ReserveEngine
from flash_sale.rewarding import Rewarding
from flash_sale.waiting_room import WaitingRoom
from room.activities import Activities
from room.errors import Lost, Unavailable
from room.events import Event
from room.ports import HeldComments, RoomArchive, RoomStore
from room.room import Rooms
from room.shapes import User
from room.standing import role_here
from room.state import RoomState
from server.active_rooms import ActiveRooms
from server.bus import Bus
from server.config import Settings
from server.couponing import Couponing
from server.doorkeeper import Doorkeeper
from server.fanout import LiveRoom
from server.figures import Figures
from server.following import Followers
from server.heartbeat import Heartbeat
from server.hub import Hub
from server.live_counts import LiveCounts
from server.lotteries import RoomLotteries
from server.origin import NOWHERE, Origin
from server.rate_limit import BucketTable
from server.registry import RateClass
from server.review import Reviewer
from server.selling import Selling
from server.series import Series
from server.talk_gate import TalkGate
from server.telemetry import Metrics
from server.tick_desk import TickDesk
from server.tokens import Identity, Tokens
from server.trail import StaffTrail
from server.word_book import WordBook


class SaleNumbers(Protocol):
    """Orders and money of a room, as SQL knows them."""

    async def sale_numbers(self, room_id: str, now_ms: int) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Moderation:
    """What stands between a comment and the room, and what is kept of staff's acts."""

    words: WordBook
    held: HeldComments
    reviewer: Reviewer
    trail: StaffTrail
    gate: TalkGate


@dataclass(slots=True)
class Services:
    """The parts of one worker."""

    settings: Settings
    tokens: Tokens
    hub: Hub
    heartbeat: Heartbeat
    live_counts: LiveCounts
    bus: Bus
    rooms: Rooms
    room_store: RoomStore
    archive: RoomArchive
    activities: Activities
    sales: SaleDesk
    reserve: ReserveEngine
    checkout: Checkout
    refunding: Refunding
    bank: SandboxBank
    auditor: Auditor
    sale_numbers: SaleNumbers
    selling: Selling
    couponing: Couponing
    followers: Followers
    lotteries: RoomLotteries
    rewards: Rewarding
    waiting_room: WaitingRoom
    doorkeeper: Doorkeeper
    offers: Offers
    limits: dict[RateClass, BucketTable]
    metrics: Metrics
    series: Series
    figures: Figures
    active_rooms: ActiveRooms
    ticks: TickDesk
    moderation: Moderation
    new_id: Callable[[str], str]
    new_seed: Callable[[], str]
    redis: redis_asyncio.Redis
    checks: Mapping[str, Callable[[], Awaitable[object]]]  # what /readyz asks


class Context(msgspec.Struct, frozen=True):
    """One command's surroundings."""

    services: Services
    room: LiveRoom
    user: Identity
    now_ms: int
    channel: str  # "socket" or "http"
    origin: Origin = NOWHERE

    @property
    def speaker(self) -> User:
        """The user as events carry it."""
        return User(id=self.user.user_id, name=self.user.name, role=self.user.role)

    @property
    def activities(self) -> Activities:
        """What the crowd takes part in."""
        return self.services.activities

    def seated(self) -> Context:
        """The same with the role the user has in this room just now."""
        role = role_here(self.room.replica.state.assistants, self.user.user_id, self.user.role)
        if role == self.user.role:
            return self
        return msgspec.structs.replace(self, user=replace(self.user, role=role))

    async def catch_up(self) -> bool:
        """Fetch what other workers changed and this one has not heard yet; whether there was any.

        People hold one conversation with the room through several workers: an answer may reach
        them before the bus reaches this worker.
        """
        replica = self.room.replica
        before = replica.seq
        if not await self.services.rooms.catch_up(replica):
            self.services.hub.healer.heal_soon(self.room)
            raise Unavailable("the room is being restored")
        return replica.seq > before

    async def change(self, decide: Callable[[RoomState], tuple[Event, ...]]) -> None:
        """Change the room by a rule; what it decides is committed and told before this returns."""
        try:
            await self.services.rooms.change(self.room.replica, decide, self.now_ms)
        except Lost as lost:
            self.services.hub.healer.heal_soon(self.room)
            raise Unavailable("the room is being restored") from lost

"""The room's part of the composition root: its core, what the crowd takes part in, moderation.

Nothing is decided here. A new activity is built in `room/storage/wiring.py`; what shows it in the
rooms of this worker is hooked up here.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

import redis.asyncio as redis_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from room.activities import Activities
from room.room import Rooms
from room.storage.held_redis import RedisHeldComments
from room.storage.redis import COUNTING_SCRIPTS as COUNTING_SCRIPTS  # for `app.py`
from room.storage.redis import RedisRooms
from room.storage.sql import SqlArchive
from room.storage.ticks_redis import RedisTicks
from room.storage.wiring import assemble
from server.bus import Bus
from server.chat_choice import choose_chat
from server.cluster.client import ClusterRedis
from server.config import Settings
from server.context import Moderation
from server.fanout import LiveRoom
from server.following import Followers
from server.heartbeat import Heartbeat
from server.hub import Hub
from server.live_counts import Ask, LiveCounts
from server.lotteries import HasBought, RoomLotteries
from server.question_board import QuestionBoard
from server.review import Reviewer, terms_of
from server.sealing import Sealer
from server.talk_gate import TalkGate
from server.telemetry import Metrics
from server.tick_desk import TickDesk
from server.time_and_chance import new_id, now_ms
from server.trail import StaffTrail
from server.webhook_post import WebhookSender
from server.word_book import WordBook


class RoomCore(NamedTuple):
    """What every other part of a room is built upon."""

    store: RedisRooms
    archive: SqlArchive
    rooms: Rooms
    bus: Bus
    hub: Hub
    heartbeat: Heartbeat
    metrics: Metrics
    worker_id: str
    ticks: TickDesk


def build_room(
    settings: Settings,
    worker_id: str,
    room_redis: redis_asyncio.Redis,
    bus_redis: redis_asyncio.Redis,
    engine: AsyncEngine,
) -> RoomCore:
    """The room's rules over their stores, and the way to this worker's viewers."""
    publish: Literal["PUBLISH", "SPUBLISH"] = (
        "SPUBLISH" if isinstance(room_redis, ClusterRedis) else "PUBLISH"
    )
    store, archive = RedisRooms(room_redis, publish=publish), SqlArchive(engine)
    rules = Rooms(store, archive, new_id=new_id)
    bus = Bus(bus_redis, store, worker_id)
    metrics = Metrics(worker_id)
    hub = Hub(rooms=rules, store=store, bus=bus, choose=choose_chat, now_ms=now_ms, metrics=metrics)
    heartbeat = Heartbeat(hub=hub, rooms=rules, store=store, bus=bus, worker_id=worker_id)
    ticks = TickDesk(
        hub=hub,
        bus=bus,
        store=RedisTicks(room_redis),
        metrics=metrics,
        worker_id=worker_id,
        pace_ms=settings.http_tick_ms,
    )
    return RoomCore(store, archive, rules, bus, hub, heartbeat, metrics, worker_id, ticks)


class Attractions(NamedTuple):
    """What the crowd takes part in, and what shows it in the rooms of this worker."""

    activities: Activities
    live_counts: LiveCounts
    followers: Followers
    lotteries: RoomLotteries

    @property
    def shown_at_opening(self) -> tuple[Callable[[LiveRoom], Awaitable[None]], ...]:
        """What a room learns before anyone is let in."""
        return self.live_counts.show, self.followers.show


def build_attractions(
    settings: Settings,
    room: RoomCore,
    client: redis_asyncio.Redis,
    engine: AsyncEngine,
    *,
    has_bought: HasBought,
) -> Attractions:
    """The activities over their stores, each hooked to the room."""
    activities = _activities(settings, room, client, engine)
    followers = Followers(room.hub, activities.follows)
    lotteries = RoomLotteries(
        hub=room.hub,
        heartbeat=room.heartbeat,
        giveaways=activities.giveaways,
        followers=followers,
        store=room.store,
        attendance=activities.attendance,
        has_bought=has_bought,
        worker_id=room.worker_id,
    )
    return Attractions(activities, _live_counts(room, activities), followers, lotteries)


def _activities(
    settings: Settings, room: RoomCore, client: redis_asyncio.Redis, engine: AsyncEngine
) -> Activities:
    sealer = Sealer(settings.payment_secret.get_secret_value().encode(), "lottery claims")
    return assemble(
        client,
        engine,
        rooms=room.rooms,
        store=room.store,
        archive=room.archive,
        new_id=new_id,
        random_bytes=secrets.token_bytes,
        seal=sealer.seal,
        unseal=sealer.unseal,
    )


def _live_counts(room: RoomCore, activities: Activities) -> LiveCounts:
    asks: dict[str, Ask] = {
        "lotteries": activities.giveaways.live,
        "polls": activities.polls.live,
        "auctions": activities.auctions.live,
        "rain": activities.handouts.rain_left,
        "gifts": activities.handouts.gifts_left,
    }
    return LiveCounts(room.hub, asks, [QuestionBoard(room.hub, activities.questions)])


def build_moderation(settings: Settings, room: RoomCore, client: redis_asyncio.Redis) -> Moderation:
    """Words, review, what waits for staff, and their trail."""
    line = WebhookSender(anywhere=settings.is_loopback)
    return Moderation(
        WordBook(room.archive, settings.data_dir, room.hub.rooms.values),
        RedisHeldComments(client),
        Reviewer(terms_of(settings), line, now_ms=now_ms, counter=room.metrics),
        StaffTrail(room.archive),
        TalkGate(room.hub.precedence),
    )

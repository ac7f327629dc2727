"""The composition root: builds one worker from settings, runs it, and takes it down in order.

The only file that imports the storage packages. Nothing is decided here.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

import aiohttp
import redis.asyncio as redis_asyncio
import structlog
import uvloop
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy.ext.asyncio import AsyncEngine

import server.commands  # noqa: F401 - fills the registry
from flash_sale.doors import SEED_BYTES
from flash_sale.storage.wiring import FlashSale, assemble
from room import sampling
from room.giveaways import Giveaways
from room.room import Rooms
from room.storage.lottery_redis import RedisLotteries
from room.storage.redis import RedisRooms
from room.storage.sql import SqlArchive
from room.word_lists import default_words
from server import database
from server.active_rooms import ActiveRooms
from server.banks import BankLine, LateCalls, real_banks
from server.bus import Bus
from server.clock import Clock
from server.config import Settings
from server.context import Services
from server.couponing import Couponing
from server.doorkeeper import Doorkeeper
from server.duties import run_once_duties
from server.gateway import Gateway
from server.heartbeat import Heartbeat
from server.hub import Hub
from server.lease import Lease
from server.outbox import ChatItem
from server.rate_limit import BucketTable
from server.registry import RateClass
from server.selling import Selling
from server.series import Series
from server.telemetry import Metrics, configure_logging
from server.tokens import Tokens
from server.turns import Turns
from server.webhook_post import WebhookSender
from server.worker import Worker

log = structlog.get_logger(__name__)

REDIS_ANSWER_S = 1.0  # after this the outcome of a call is unknown, and said so
REDIS_CONNECTIONS_MAX = 64
CALLBACK_WITHIN_S = 5.0


def run_worker(settings: Settings, worker_index: int, listener: socket.socket) -> int:
    """Serve on `listener` until SIGTERM or SIGINT, drain, and return the exit status."""
    configure_logging(settings.log_level, settings.log_format, worker_index)
    return uvloop.run(_run(settings, worker_index, listener))


async def _run(settings: Settings, worker_index: int, listener: socket.socket) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        worker = await build_worker(settings, worker_index, stack)
        await worker.serve(listener)
        await stopping.wait()
        await worker.drain()
    return 0


async def build_worker(settings: Settings, index: int, stack: AsyncExitStack) -> Worker:
    """Connect to the stores and put the parts together; `stack` takes them apart again."""
    worker_id = f"w{index}-{secrets.token_hex(6)}"
    assert settings.redis_url is not None, "the supervisor starts a Redis when none is given"
    room_redis = await _redis(settings.redis_url, stack)
    sale_redis = await _redis(settings.redis_url, stack)
    bus_redis = await _redis(settings.redis_url, stack, answer_s=None)
    engine = database.make_engine(settings.database_url)
    stack.push_async_callback(engine.dispose)
    session = await stack.enter_async_context(
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALLBACK_WITHIN_S))
    )
    late_calls = LateCalls()
    stack.push_async_callback(late_calls.close)
    sale = _flash_sale(settings, sale_redis, engine, session, late_calls)
    room = _room(worker_id, room_redis, bus_redis, engine)
    services = _services(settings, sale, room, room_redis, engine)
    gateway = Gateway(services)
    services.hub.close_socket = gateway.close
    duties = run_once_duties(
        services,
        consumer=sale.consumer,
        sweeper=sale.sweeper,
        reconciler=sale.reconciler,
        recovery=sale.recovery,
    )
    clock = Clock(Lease(room_redis, "duties", worker_id), duties)
    return Worker(settings, services, gateway, clock, open_sales=sale.open, close_sales=sale.close)


# -- building blocks ------------------------------------------------------------------------------


async def _redis(
    url: str, stack: AsyncExitStack, answer_s: float | None = REDIS_ANSWER_S
) -> redis_asyncio.Redis:
    """A client that never repeats a call by itself: a repeated mutation could count twice."""
    pool = redis_asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=REDIS_CONNECTIONS_MAX,
        timeout=REDIS_ANSWER_S,
        socket_timeout=answer_s,
        socket_connect_timeout=REDIS_ANSWER_S,
        retry=Retry(NoBackoff(), 0),
    )
    client = redis_asyncio.Redis(connection_pool=pool)
    stack.push_async_callback(pool.aclose)
    return client


def _flash_sale(
    settings: Settings,
    client: redis_asyncio.Redis,
    engine: AsyncEngine,
    session: aiohttp.ClientSession,
    late_calls: LateCalls,
) -> FlashSale:
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
        new_token=secrets.token_urlsafe,
        banks=real_banks(settings, BankLine(session), now_ms),
        sandbox="open" if settings.sandbox_is_open else "closed",
        later=late_calls.later,
    )
    sale.rewards.webhooks.send = WebhookSender(anywhere=settings.is_loopback)
    return sale


class _Room(NamedTuple):
    """The parts of the live room that others are built upon."""

    store: RedisRooms
    archive: SqlArchive
    rooms: Rooms
    bus: Bus
    hub: Hub
    heartbeat: Heartbeat
    metrics: Metrics


def _room(
    worker_id: str,
    room_redis: redis_asyncio.Redis,
    bus_redis: redis_asyncio.Redis,
    engine: AsyncEngine,
) -> _Room:
    store, archive = RedisRooms(room_redis), SqlArchive(engine)
    rules = Rooms(store, archive, new_id=new_id)
    bus = Bus(bus_redis, store, worker_id)
    metrics = Metrics(worker_id)
    hub = Hub(rooms=rules, store=store, bus=bus, choose=choose_chat, now_ms=now_ms, metrics=metrics)
    heartbeat = Heartbeat(hub=hub, rooms=rules, store=store, bus=bus, worker_id=worker_id)
    return _Room(store, archive, rules, bus, hub, heartbeat, metrics)


def _selling(sale: FlashSale, room: _Room) -> Selling:
    """What carries the sale into the room, hooked to both."""
    selling = Selling(
        hub=room.hub,
        rooms=room.rooms,
        desk=sale.desk,
        checkout=sale.checkout,
        waiting_room=sale.waiting_room,
    )
    turns = Turns(hub=room.hub, offers=sale.offers)
    selling.on_crossing = turns.tell_soon
    sale.hooks.on_stock = selling.on_stock
    sale.hooks.on_order = selling.on_order
    sale.hooks.on_offer = turns.on_offer
    return selling


def _services(
    settings: Settings,
    sale: FlashSale,
    room: _Room,
    room_redis: redis_asyncio.Redis,
    engine: AsyncEngine,
) -> Services:
    couponing, selling = Couponing(room.hub, sale.rewards.coupons), _selling(sale, room)
    room.hub.on_opened = [room.heartbeat.pulse, selling.prepare, couponing.show]
    lotteries = RedisLotteries(room_redis)
    return Services(
        settings=settings,
        tokens=Tokens(settings.jwt_secret.get_secret_value(), settings.jwt_algorithm),
        hub=room.hub,
        heartbeat=room.heartbeat,
        bus=room.bus,
        rooms=room.rooms,
        room_store=room.store,
        archive=room.archive,
        giveaways=Giveaways(
            room.rooms,
            room.store,
            lotteries,
            room.archive,
            new_id=new_id,
            random_bytes=secrets.token_bytes,
        ),
        sales=sale.desk,
        reserve=sale.engine,
        checkout=sale.checkout,
        refunding=sale.refunding,
        bank=sale.bank,
        auditor=sale.auditor,
        sale_numbers=sale.numbers,
        selling=selling,
        couponing=couponing,
        rewards=sale.rewards,
        waiting_room=sale.waiting_room,
        doorkeeper=Doorkeeper(hub=room.hub, waiting_room=sale.waiting_room, store=sale.queue),
        offers=sale.offers,
        limits={rate: BucketTable(rate.per_second, rate.burst) for rate in RateClass},
        metrics=room.metrics,
        series=Series(room_redis),
        active_rooms=ActiveRooms(room_redis),
        words=default_words(),
        new_id=new_id,
        new_seed=lambda: secrets.token_hex(SEED_BYTES),
        redis=room_redis,
        checks=_checks(room_redis, engine),
    )


def _checks(
    client: redis_asyncio.Redis, engine: AsyncEngine
) -> dict[str, Callable[[], Awaitable[object]]]:
    async def ping_redis() -> None:
        await client.ping()

    async def ping_sql() -> None:
        await database.ping(engine)

    return {"redis": ping_redis, "sql": ping_sql}


def choose_chat(items: Sequence[ChatItem], allowance: int) -> tuple[list[ChatItem], list[ChatItem]]:
    """Split a tick's chat by the room's sampling rule; notices only fill what comments leave."""
    comments = [item for item in items if item.kind == "comment"]
    others = [item for item in items if item.kind != "comment"]
    ranks = [sampling.rank(i.role, buyer=i.buyer, first_time=i.first) for i in comments]
    choice = sampling.choose(ranks, allowance)
    room_left = max(0, allowance - len(choice.chosen))
    chosen = [comments[index] for index in choice.chosen] + others[:room_left]
    dropped = [comments[index] for index in choice.dropped] + others[room_left:]
    return chosen, dropped


def new_id(prefix: str) -> str:
    """An id nobody can guess: 80 random bits behind the kind's letter."""
    return f"{prefix}_{secrets.token_hex(10)}"


def now_ms() -> int:
    """The wall clock, Unix milliseconds."""
    return time.time_ns() // 1_000_000

"""The composition root: builds one worker from settings, runs it, and takes it down in order.

`room_parts.py` and `sale_parts.py` plug in the stores; here both halves become one `Services`.
Nothing is decided in any of the three.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import aiohttp
import redis.asyncio as redis_asyncio
import structlog
import uvloop
from sqlalchemy.ext.asyncio import AsyncEngine

import server.commands  # noqa: F401 - fills the registry
from server import database
from server.active_rooms import ActiveRooms
from server.banks import LateCalls
from server.clock import Clock
from server.cluster import clients
from server.config import Settings
from server.context import Services
from server.couponing import Couponing
from server.doorkeeper import Doorkeeper
from server.duties import run_once_duties
from server.fanout import LiveRoom
from server.figures import Figures
from server.gateway import Gateway
from server.lease import Lease
from server.rate_limit import BucketTable
from server.registry import RateClass
from server.room_parts import (
    COUNTING_SCRIPTS,
    Attractions,
    RoomCore,
    build_attractions,
    build_moderation,
    build_room,
)
from server.sale_parts import build_sale, build_selling
from server.series import Series
from server.telemetry import configure_logging
from server.time_and_chance import new_id, new_seed, now_ms
from server.tokens import Tokens
from server.worker import Worker

if TYPE_CHECKING:
    from flash_sale.storage.wiring import FlashSale  # its name only: `sale_parts.py` builds it

log = structlog.get_logger(__name__)

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
    open_redis = await clients.connect(
        settings.redis_url, stack, replicas=settings.redis_wait_replicas
    )
    room_redis, sale_redis = open_redis(uncounted=COUNTING_SCRIPTS), open_redis()
    bus_redis = open_redis(answer_s=None)
    engine = database.make_engine(settings.database_url)
    stack.push_async_callback(engine.dispose)
    session = await stack.enter_async_context(
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALLBACK_WITHIN_S))
    )
    late_calls = LateCalls()
    stack.push_async_callback(late_calls.close)
    sale = build_sale(settings, sale_redis, engine, session, late_calls)
    room = build_room(settings, worker_id, room_redis, bus_redis, engine)
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


def _couponing(sale: FlashSale, room: RoomCore) -> Couponing:
    """Shows coupons in the rooms, those too that a paid order brings."""
    couponing = Couponing(room.hub, sale.rewards.coupons)
    sale.rewards.repurchases.on_granted = couponing.on_granted
    return couponing


def _show_at_opening(
    room: RoomCore, attractions: Attractions, *shown: Callable[[LiveRoom], Awaitable[None]]
) -> None:
    room.hub.on_opened = [room.heartbeat.pulse, *attractions.shown_at_opening, *shown]


def _services(
    settings: Settings,
    sale: FlashSale,
    room: RoomCore,
    room_redis: redis_asyncio.Redis,
    engine: AsyncEngine,
) -> Services:
    selling, couponing = build_selling(sale, room), _couponing(sale, room)
    bought = sale.rewards.coupons.has_bought
    attractions = build_attractions(settings, room, room_redis, engine, has_bought=bought)
    moderation = build_moderation(settings, room, room_redis)
    _show_at_opening(room, attractions, selling.prepare, couponing.show, moderation.words.prepare)
    return Services(
        settings=settings,
        tokens=Tokens(settings.jwt_secret.get_secret_value(), settings.jwt_algorithm),
        hub=room.hub,
        heartbeat=room.heartbeat,
        bus=room.bus,
        rooms=room.rooms,
        room_store=room.store,
        archive=room.archive,
        activities=attractions.activities,
        live_counts=attractions.live_counts,
        followers=attractions.followers,
        lotteries=attractions.lotteries,
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
        figures=Figures(now_ms),
        active_rooms=ActiveRooms(room_redis),
        ticks=room.ticks,
        moderation=moderation,
        new_id=new_id,
        new_seed=new_seed,
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

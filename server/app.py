"""The composition root: builds one worker from settings, runs it, and takes it down in order.

The only file that imports the storage packages. Nothing is decided here.
"""

from __future__ import annotations

import asyncio
import gc
import secrets
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

import aiohttp
import redis.asyncio as redis_asyncio
import structlog
import uvloop
from aiohttp import web
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy.ext.asyncio import AsyncEngine

import server.commands  # noqa: F401 - fills the registry
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
from server.api import operation, orders, pages, rooms
from server.api.access import SERVICES
from server.api.responses import errors_as_json, security_headers
from server.bus import Bus
from server.clock import Clock, Duty
from server.config import Settings
from server.context import Services
from server.error_codes import CloseCode
from server.gateway import Gateway
from server.heartbeat import PULSE_EVERY_S, Heartbeat
from server.hub import Hub
from server.lease import Lease
from server.outbox import ChatItem
from server.rate_limit import BucketTable
from server.registry import RateClass
from server.selling import Selling
from server.series import EVERY_S, Series
from server.telemetry import Metrics, configure_logging
from server.tokens import Tokens
from server.worker_entry import report_draining, report_ready

log = structlog.get_logger(__name__)

REDIS_ANSWER_S = 1.0  # after this the outcome of a call is unknown, and said so
REDIS_CONNECTIONS_MAX = 64
CALLBACK_WITHIN_S = 5.0
BACKLOG = 4096  # connections waiting to be accepted when everyone comes at once
SHUTDOWN_S = 3.0  # for requests still in progress after the drain
DRAIN_CLOSES_PER_S = 1_000  # reconnecting viewers the other workers can take


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
        worker = await Worker.build(settings, worker_index, stack)
        await worker.serve(listener)
        await stopping.wait()
        await worker.drain()
    return 0


class Worker:
    """One process: gateway, API and, while it holds the lease, the run-once duties."""

    def __init__(
        self,
        settings: Settings,
        services: Services,
        sale: FlashSale,
        gateway: Gateway,
        clock: Clock,
    ):
        self.settings = settings
        self.services = services
        self.sale = sale
        self.gateway = gateway
        self.clock = clock
        self.app = _web_app(services, gateway)
        self._runner = web.AppRunner(
            self.app,
            access_log=None,
            handle_signals=False,
            keepalive_timeout=settings.handshake_timeout_s,  # also cuts slow handshakes
            shutdown_timeout=SHUTDOWN_S,
        )
        self._site: web.SockSite | None = None
        self._loops: list[asyncio.Task[None]] = []

    @classmethod
    async def build(cls, settings: Settings, index: int, stack: AsyncExitStack) -> Worker:
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
        sale = _flash_sale(settings, sale_redis, engine, session)
        services = _services(settings, worker_id, sale, room_redis, bus_redis, engine)
        gateway = Gateway(services)
        services.hub.close_socket = gateway.close
        clock = Clock(Lease(room_redis, "duties", worker_id), _duties(services, sale))
        return cls(settings, services, sale, gateway, clock)

    async def serve(self, listener: socket.socket) -> None:
        """Accept connections; returns once the worker is ready."""
        await self.sale.open()
        await self.services.bus.start()
        if "duties" in self.settings.roles:
            await self.clock.start()
        self._loops = [
            asyncio.create_task(_every(PULSE_EVERY_S, self.services.heartbeat.beat)),
            asyncio.create_task(_every(1.0, self.services.selling.refresh_stock)),
            asyncio.create_task(_every(1.0, self._count_entries)),
            asyncio.create_task(_every(1.0, self._publish_metrics)),
            asyncio.create_task(_every(1.0, self._note_rooms)),
            asyncio.create_task(_every(EVERY_S, self._sample)),
        ]
        await self._runner.setup()
        self._site = web.SockSite(self._runner, listener, backlog=BACKLOG)
        await self._site.start()
        gc.collect()
        gc.freeze()  # what lives from here to the end need not be walked by every collection
        report_ready()
        log.info("worker_ready")

    async def drain(self) -> None:
        """Stop accepting, ask viewers to reconnect elsewhere, finish what was accepted."""
        log.info("worker_draining", viewers=len(self.gateway.sockets))
        self.services.hub.draining = True
        report_draining()
        if self._site is not None:
            await self._site.stop()
        await self._send_away()
        await self.clock.stop()
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self._runner.cleanup()
        await self.sale.close()
        await self.services.bus.stop()
        log.info("worker_stopped")

    async def _send_away(self) -> None:
        viewers = tuple(self.gateway.sockets)
        batch = max(
            1, DRAIN_CLOSES_PER_S // 20, len(viewers) // max(1, int(self.settings.drain_s * 15))
        )
        for start in range(0, len(viewers), batch):
            for viewer in viewers[start : start + batch]:
                self.gateway.close(viewer, CloseCode.DRAINING)
            await asyncio.sleep(0.05)

    async def _publish_metrics(self) -> None:
        services = self.services
        services.metrics.sockets(len(self.gateway.sockets), len(services.hub.rooms))
        await services.metrics.publish(services.redis, services.hub.now_ms())

    async def _count_entries(self) -> None:
        hub = self.services.hub
        for room in tuple(hub.rooms.values()):
            if any(lottery.state == "open" for lottery in room.replica.state.lotteries.values()):
                counts = await self.services.giveaways.counts(room.replica)
                if room.tell_entries(counts):
                    hub.ticker.wake_for_state(room)

    async def _note_rooms(self) -> None:
        hub = self.services.hub
        await self.services.active_rooms.note(list(hub.rooms), hub.now_ms())

    async def _sample(self) -> None:
        for room in tuple(self.services.hub.rooms.values()):
            if room.viewers:
                sample = {
                    "online": room.state["online"],
                    "comments": room.totals.get("comments", 0),
                    "likes": room.state["likes"],
                }
                await self.services.series.note(room.room_id, self.services.hub.now_ms(), sample)


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
) -> FlashSale:
    async def post(url: str, headers: dict[str, str], body: bytes) -> int:
        async with session.post(url, data=body, headers=headers) as response:
            await response.read()
            return response.status

    callback = f"{settings.public_url}/v1/payments/sandbox/callback"
    return assemble(
        client,
        engine,
        payment_secret=settings.payment_secret.get_secret_value().encode(),
        callback_url=lambda: callback,
        post=post,
        new_token=secrets.token_urlsafe,
    )


def _services(
    settings: Settings,
    worker_id: str,
    sale: FlashSale,
    room_redis: redis_asyncio.Redis,
    bus_redis: redis_asyncio.Redis,
    engine: AsyncEngine,
) -> Services:
    store, archive = RedisRooms(room_redis), SqlArchive(engine)
    room_rules = Rooms(store, archive, new_id=new_id)
    bus = Bus(bus_redis, store, worker_id)
    metrics = Metrics(worker_id)
    hub = Hub(
        rooms=room_rules,
        store=store,
        bus=bus,
        choose=choose_chat,
        now_ms=now_ms,
        metrics=metrics,
    )
    selling = Selling(hub=hub, rooms=room_rules, desk=sale.desk, checkout=sale.checkout)
    heartbeat = Heartbeat(hub=hub, rooms=room_rules, store=store, bus=bus, worker_id=worker_id)
    hub.on_opened = [heartbeat.pulse, selling.prepare]
    sale.hooks.on_stock = selling.on_stock
    sale.hooks.on_order = selling.on_order
    return Services(
        settings=settings,
        tokens=Tokens(settings.jwt_secret.get_secret_value(), settings.jwt_algorithm),
        hub=hub,
        heartbeat=heartbeat,
        bus=bus,
        rooms=room_rules,
        room_store=store,
        archive=archive,
        giveaways=Giveaways(
            room_rules,
            store,
            RedisLotteries(room_redis),
            archive,
            new_id=new_id,
            random_bytes=secrets.token_bytes,
        ),
        sales=sale.desk,
        reserve=sale.engine,
        checkout=sale.checkout,
        bank=sale.bank,
        auditor=sale.auditor,
        sale_numbers=sale.numbers,
        selling=selling,
        limits={rate: BucketTable(rate.per_second, rate.burst) for rate in RateClass},
        metrics=metrics,
        series=Series(room_redis),
        active_rooms=ActiveRooms(room_redis),
        words=default_words(),
        new_id=new_id,
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


def _duties(services: Services, sale: FlashSale) -> Sequence[Duty]:
    hub = services.hub

    async def draw_lotteries() -> int:
        return await services.giveaways.resume(hub.now_ms(), hub.replica)

    async def archive_rooms() -> int:
        moved = 0
        for room_id in await services.active_rooms.recent(hub.now_ms()):
            moved += await services.rooms.archive_room(room_id, hub.now_ms())
        return moved

    async def sweep() -> int:
        return await sale.sweeper.step(hub.now_ms())

    async def reconcile() -> int:
        return await sale.reconciler.step(hub.now_ms())

    return (
        Duty("journal", sale.consumer.step, 0.05, drain=True),
        Duty("holds", sweep, 0.2, drain=True),
        Duty("phases", services.selling.announce_due, 0.1),
        Duty("lotteries", draw_lotteries, 0.2),
        Duty("archive", archive_rooms, 1.0),
        Duty("payments", reconcile, 1.0),
        Duty("recovery", sale.recovery.step, 1.0),
    )


def _web_app(services: Services, gateway: Gateway) -> web.Application:
    app = web.Application(
        middlewares=[security_headers, errors_as_json],
        client_max_size=services.settings.body_bytes_max,
    )
    app[SERVICES] = services
    app.router.add_get("/v1/rooms/{room_id}/ws", gateway.handle)
    for table in (rooms.routes, orders.routes, operation.routes, pages.routes):
        app.add_routes(table)
    return app


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


async def _every(seconds: float, step: Callable[[], Awaitable[object]]) -> None:
    """Repeat a step for as long as the worker runs; a failed round is logged and followed."""
    while True:
        try:
            await step()
        except Exception as error:
            log.warning("loop_failed", step=step.__qualname__, error=repr(error))
        await asyncio.sleep(seconds)

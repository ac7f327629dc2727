"""One worker's life: start, the rounds it keeps, and an orderly end.

What it is made of is put together in `app.py`; what it does at intervals belongs to the parts.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from server.api import pages
from server.api.access import SERVICES, know_the_room
from server.api.responses import errors_as_json, security_headers
from server.api.tables import PUBLIC
from server.clock import Clock
from server.collector import Collector
from server.config import Settings
from server.context import Services
from server.error_codes import CloseCode
from server.gateway import Gateway
from server.heartbeat import PULSE_EVERY_S
from server.series import EVERY_S
from server.tasks import end_all
from server.worker_entry import report_draining, report_ready

log = structlog.get_logger(__name__)

BACKLOG = 4096  # connections waiting to be accepted when everyone comes at once
SHUTDOWN_S = 3.0  # for requests still in progress after the drain
DRAIN_CLOSES_PER_S = 1_000  # reconnecting viewers the other workers can take
Step = Callable[[], Awaitable[object]]


class Worker:
    """One process: gateway, API and, while it holds the lease, the run-once duties."""

    def __init__(
        self,
        settings: Settings,
        services: Services,
        gateway: Gateway,
        clock: Clock,
        *,
        open_sales: Step,
        close_sales: Step,
    ):
        self.settings = settings
        self.services = services
        self.gateway = gateway
        self.clock = clock
        self.app = web_app(services, gateway)
        self._open_sales = open_sales
        self._close_sales = close_sales
        self._runner = web.AppRunner(
            self.app,
            access_log=None,
            handle_signals=False,
            keepalive_timeout=settings.handshake_timeout_s,  # also cuts slow handshakes
            shutdown_timeout=SHUTDOWN_S,
        )
        self._collector = Collector()
        self._site: web.SockSite | None = None
        self._loops: list[asyncio.Task[None]] = []

    async def serve(self, listener: socket.socket) -> None:
        """Accept connections; returns once the worker is ready."""
        await self._open_sales()
        await self.services.bus.start()
        if "duties" in self.settings.roles:
            await self.clock.start()
        self._loops = [
            asyncio.create_task(_every(PULSE_EVERY_S, self.services.heartbeat.beat)),
            asyncio.create_task(_every(1.0, self.services.selling.refresh_stock)),
            asyncio.create_task(_every(1.0, self.services.doorkeeper.beat)),
            asyncio.create_task(_every(1.0, self.services.live_counts.beat)),
            asyncio.create_task(_every(0.5, self.services.couponing.show_all)),
            asyncio.create_task(_every(1.0, self.services.followers.show_all)),
            asyncio.create_task(_every(0.5, self.services.moderation.words.refresh)),
            asyncio.create_task(self.services.moderation.trail.run(), name="staff-trail"),
            asyncio.create_task(_every(0.5, self.services.lotteries.call_roll)),
            asyncio.create_task(_every(1.0, self._publish_metrics)),
            asyncio.create_task(_every(1.0, self._note_rooms)),
            asyncio.create_task(_every(EVERY_S, self._sample)),
        ]
        await self._runner.setup()
        self._site = web.SockSite(self._runner, listener, backlog=BACKLOG)
        await self._site.start()
        self._collector.start()
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
        await self.services.ticks.close()
        await self.clock.stop()
        await end_all(self._loops)
        self._collector.stop()
        await self._runner.cleanup()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_S):
                await self.services.heartbeat.farewell()
        await self.services.moderation.trail.close()
        await self.services.moderation.reviewer.close()
        await self._close_sales()
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
        services.metrics.paused(self._collector.take_longest_s())
        services.metrics.sockets(len(self.gateway.sockets), len(services.hub.rooms))
        await services.metrics.publish(services.redis, services.hub.now_ms())

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


def web_app(services: Services, gateway: Gateway) -> web.Application:
    """Every route of the server."""
    app = web.Application(
        middlewares=[security_headers, errors_as_json, know_the_room],
        client_max_size=services.settings.body_bytes_max,
    )
    app[SERVICES] = services
    app.router.add_get("/v1/rooms/{room_id}/ws", gateway.handle)
    for table in (*PUBLIC, pages.routes):
        app.add_routes(table)
    return app


async def _every(seconds: float, step: Step) -> None:
    """Repeat a step for as long as the worker runs; a failed round is logged and followed.

    It begins every `seconds`, however long it takes, but rests at least half of that.
    """
    loop = asyncio.get_running_loop()
    while True:
        began_s = loop.time()
        try:
            await step()
        except Exception as error:
            log.warning("loop_failed", step=step.__qualname__, error=repr(error))
        await asyncio.sleep(rest_s(seconds, loop.time() - began_s))


def rest_s(every_s: float, took_s: float) -> float:
    """How long to rest after a step, so that the next begins in time and Redis is not crowded."""
    return max(every_s / 2, every_s - took_s)

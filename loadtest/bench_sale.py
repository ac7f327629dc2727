"""How many `sale.buy` a second a server answers over WebSocket, each durable before its answer.

Closed loop: every buyer keeps a few requests in flight, each under a key of its own. Ends with the
audit: the units gone must be the reservations acknowledged.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from loadtest.api import LiveroomApi
from loadtest.checks import Failure, summary
from loadtest.client import Address, Lost, Refused, Viewer
from loadtest.messages import MessageCache
from loadtest.own_server import OwnServer
from loadtest.report import Histogram, print_table
from loadtest.sale_checks import audit_failures, final_stock_failures
from loadtest.stage import Stage

ROOM = "bench-sale"
STOCK = 1_000_000  # never sold out: what is measured is selling
PER_USER_UNLIMITED = 0
BUYERS = (32, 256, 1000)  # one person may buy only so often: a high rate needs many people
QUICK_BUYERS = (8,)
IN_FLIGHT_PER_BUYER = 2
NO_CONNECTION_LIMIT = {
    "LIVEROOM_COMMANDS_PER_CONNECTION_PER_S": "0",
}


async def bench_sale(
    *, seconds: float, buyers: Sequence[int] = BUYERS, workers: int = 1
) -> list[dict[str, Any]]:
    """One row for each number of buyers, on one server, each with a sale of its own."""
    async with (
        OwnServer(workers=workers, environment=NO_CONNECTION_LIMIT) as server,
        LiveroomApi(server.url, jwt_secret=server.jwt_secret) as api,
    ):
        host = await api.person("bench-host", role="host")
        stage = Stage(api, ROOM, token=host.token)
        await stage.open()
        return [await _measure(server, stage, count, seconds=seconds) for count in buyers]


async def _measure(
    server: OwnServer, stage: Stage, count: int, *, seconds: float
) -> dict[str, Any]:
    sale_id, sku_id = await stage.make_sale(stock=STOCK, per_user=PER_USER_UNLIMITED)
    messages = MessageCache()
    shoppers = [await _shopper(stage.api, n, messages) for n in range(count)]
    await stage.start_sale(sale_id, countdown_s=0)
    workers, redis = server.worker_pids(), server.redis_pid()
    before = server.cpu_s(workers), server.cpu_s([redis] if redis else [])
    counter = _Counter(sale_id, sku_id)
    began = time.monotonic()
    until = began + seconds
    flights = [
        counter.buy_until(viewer, f"{number}-{flight}", until)
        for number, viewer in enumerate(shoppers)
        for flight in range(IN_FLIGHT_PER_BUYER)
    ]
    await asyncio.gather(*flights)
    took_s = time.monotonic() - began
    worker_cpu = server.cpu_s(workers) - before[0]
    redis_cpu = server.cpu_s([redis] if redis else []) - before[1]
    audit = await stage.api.audit(ROOM, stage.token)
    failures: list[Failure] = audit_failures(audit)
    failures += final_stock_failures(audit, sale_id=sale_id, taken={sku_id: counter.held})
    await stage.viewer.command("sale.stop", sale_id=sale_id)
    for viewer in shoppers:
        viewer.leave()
    return {
        "buyers": count,
        "in_flight": count * IN_FLIGHT_PER_BUYER,
        "held": counter.held,
        "refused": counter.refused,
        "per_s": round(counter.held / took_s, 1),
        "latency_ms": counter.answered.summary_ms(),
        "worker_cpu_share": round(worker_cpu / took_s, 2),
        "redis_cpu_share": round(redis_cpu / took_s, 2),
        "broken": summary(failures),
    }


async def _shopper(api: LiveroomApi, number: int, messages: MessageCache) -> Viewer:
    person = await api.person(f"shopper-{number}")
    viewer = Viewer(
        Address.of(api.url, ROOM), name=person.name, token=person.token, messages=messages
    )
    await viewer.connect()
    return viewer


class _Counter:
    """Buys and counts for all flights of one measurement."""

    def __init__(self, sale_id: str, sku_id: str) -> None:
        self.sale_id = sale_id
        self.lines = [{"sku_id": sku_id, "qty": 1}]
        self.held = 0
        self.refused: dict[str, int] = {}
        self.answered = Histogram()

    async def buy_until(self, viewer: Viewer, flight: str, until: float) -> None:
        number = 0
        while time.monotonic() < until:
            number += 1
            began = time.perf_counter_ns()
            try:
                await viewer.send(
                    "sale.buy", sale_id=self.sale_id, lines=self.lines, key=f"{flight}-{number}"
                )
            except (Refused, Lost) as error:
                self.refused[str(error.code)] = self.refused.get(str(error.code), 0) + 1
                await asyncio.sleep(0.01)
                continue
            self.held += 1
            self.answered.record((time.perf_counter_ns() - began) // 1000)


def show_sale(rows: Sequence[dict[str, Any]], console: Console) -> None:
    columns = ("buyers", "in flight", "held/s", "p50 ms", "p99 ms", "worker CPU", "Redis CPU",
               "refused", "broken")  # fmt: skip
    table = [
        [
            f"{row['buyers']}",
            row["in_flight"],
            row["per_s"],
            row["latency_ms"]["p50"],
            row["latency_ms"]["p99"],
            row["worker_cpu_share"],
            row["redis_cpu_share"],
            row["refused"] or 0,
            row["broken"] or "no",
        ]
        for row in rows
    ]
    print_table("sale.buy over WebSocket, durable", columns, table, console=console)

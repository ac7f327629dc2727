"""Lines and waitlists while workers and Redis are killed with signal 9."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import aiohttp
import pytest

from tests.integration.conftest import Servers
from tests.integration.house import JWT_SECRET, PAYMENT_SECRET
from tests.integration.processes import Shop
from tests.waiting import until_async

LINE = [{"sku_id": "k1", "qty": 1}]


@pytest.fixture(scope="module", autouse=True)
def _secrets() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LIVEROOM_JWT_SECRET", JWT_SECRET)
        environment.setenv("LIVEROOM_PAYMENT_SECRET", PAYMENT_SECRET)
        yield


@pytest.fixture
async def shop(served: Servers) -> AsyncIterator[Shop]:
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        server = served.running("lines", "--workers", "2")
        await until_async(lambda: len(server.workers) == 2)
        yield await Shop(server, session, "line-room").open()


async def kill_all(shop: Shop) -> None:
    """Both workers, then Redis, as the kernel would; returns when all are back."""
    old = [*shop.server.workers, *shop.server.redis]
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    await until_async(lambda: len(set(shop.server.workers) - set(old)) == 2)
    await until_async(lambda: shop.server.status("/readyz") == 200)


async def test_places_and_turns_outlive_workers_and_redis(shop: Shop) -> None:
    """Everybody killed in the middle of a line: the order stays, nobody is let in twice or lost."""
    sku = {"sku_id": "k1", "product_id": "p", "stock": 3, "sale_cents": 100, "per_user": 1}
    door = {"rate_per_s": 2, "opens_before_s": 60}
    sale_id = "line-sale"
    spec = {"sale_id": sale_id, "skus": [sku], "start": "now", "duration_s": 600}
    await shop.insist("sale.create", **spec, waiting_room=door)
    people = [f"u{n}" for n in range(8)]
    for user in people:
        await shop.insist("queue.join", user, "viewer", sale_id=sale_id)
    await kill_all(shop)
    admissions: dict[str, str] = {}
    deadline_s = time.monotonic() + 30
    while len(admissions) < len(people):
        assert time.monotonic() < deadline_s, admissions
        ahead = []
        for user in people:
            told = await shop.insist("queue.status", user, "viewer", sale_id=sale_id)
            if told["admitted"]:
                assert admissions.setdefault(user, told["admission"]) == told["admission"]
            else:
                ahead.append((user, told["ahead"]))
        still = [user for user, _ in ahead]
        assert still == people[len(people) - len(still) :], "first come, first let in"
        await asyncio.sleep(0.1)
    orders = []
    for user in people[:3]:
        bought = await shop.insist(
            "sale.buy", user, "viewer", sale_id=sale_id, lines=LINE, key="k",
            admission=admissions[user],
        )  # fmt: skip
        assert bought["status"] == "held"
        orders.append(bought["order_id"])
    await the_list_too(shop, sale_id, people, orders[0])


async def the_list_too(shop: Shop, sale_id: str, people: list[str], order_id: str) -> None:
    """Two wait; everybody is killed; one lets go: the first has an order, the other still waits."""
    for user in people[3:5]:
        await shop.insist("waitlist.join", user, "viewer", sale_id=sale_id, sku_id="k1")
    await kill_all(shop)

    async def let_go() -> bool:
        status, _ = await shop.post(f"/v1/orders/{order_id}/cancel", {}, people[0], "viewer")
        return status == 200

    await until_async_ask(let_go)

    async def has_it() -> bool:
        _, mine = await shop.get("/v1/orders", people[3], "viewer")
        return [one["status"] for one in mine.get("orders", ())] == ["placed"]

    await until_async_ask(has_it)
    waiting = await shop.insist("waitlist.status", people[4], "viewer", sale_id=sale_id)
    assert waiting["waiting"] == [{"sku_id": "k1", "qty": 1, "ahead": 0}]
    status, audit = await shop.get(f"/v1/rooms/{shop.room_id}/audit")
    assert (status, audit["balanced"]) == (200, True)


async def until_async_ask(ask: Callable[[], Awaitable[bool]], patience_s: float = 20) -> None:
    deadline_s = time.monotonic() + patience_s
    while not await ask():
        assert time.monotonic() < deadline_s
        await asyncio.sleep(0.1)

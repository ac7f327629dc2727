"""Two servers over one Redis cluster and one PostgreSQL, behind nginx with the shipped site."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from loadtest.own_nginx import OwnNginx
from tests.integration.house import JWT_SECRET, PAYMENT_SECRET, eventually
from tests.integration.processes import Shop, story
from tests.integration.visitor import Visitor
from tests.postgres_cluster import PostgresCluster
from tests.redis_cluster import RedisCluster
from tests.running_server import RunningServer
from tests.waiting import until_async

_numbers = itertools.count(1)
COME_AGAIN = ("unavailable", "unknown_outcome")
HALF = 8  # buyers before a node is killed, and after


@dataclass(frozen=True)
class Site:
    """What runs, and how it is reached."""

    cluster: RedisCluster
    servers: tuple[RunningServer, RunningServer]
    front: OwnNginx


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: PostgresCluster,
    postgres_template: str,
    redis_cluster: RedisCluster,
) -> Iterator[Site]:
    """All of it, once for this module. The first primary has a replica, the others have none."""
    redis_cluster.empty()
    folder = tmp_path_factory.mktemp("site")
    postgres.sql(f"CREATE DATABASE two_servers TEMPLATE {postgres_template}")
    servers: list[RunningServer] = []
    front: OwnNginx | None = None
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LIVEROOM_JWT_SECRET", JWT_SECRET)
        environment.setenv("LIVEROOM_PAYMENT_SECRET", PAYMENT_SECRET)
        environment.setenv("LIVEROOM_TRUSTED_PROXIES", "127.0.0.1")
        flags = ("--database-url", postgres.url("two_servers"), "--log-level", "warning")
        flags += ("--drain-s", "1")
        try:
            servers = [
                RunningServer(folder / name, "--redis-url", redis_cluster.url, *flags)
                for name in ("one", "two")
            ]
            with ThreadPoolExecutor(2) as threads:
                list(threads.map(RunningServer.__enter__, servers))
            front = OwnNginx([int(one.url.rpartition(":")[2]) for one in servers])
            asyncio.run(front.__aenter__())
            yield Site(redis_cluster, (servers[0], servers[1]), front)
        finally:
            if front is not None:
                asyncio.run(front.__aexit__(None, None, None))
            for server in servers:
                server.__exit__()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    # No kept-alive connections: nginx deals each request out anew.
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(connector=connector) as opened:
        yield opened


@dataclass(frozen=True)
class Stand:
    """One room, its sale on the same node, through the front and at each server."""

    shop: Shop
    at: tuple[Shop, Shop]
    sale_id: str

    async def begin_sale(self, stock: int) -> None:
        sku = {"sku_id": "k1", "product_id": "p", "stock": stock, "sale_cents": 100, "per_user": 1}
        spec = {"sale_id": self.sale_id, "skus": [sku], "start": "now", "duration_s": 3600}

        async def begun() -> bool:
            _, body = await self.shop.command("sale.create", **spec)
            # After an answer that was lost, it exists: the first attempt went through.
            assert body.get("err", {}).get("code") in (None, "conflict", *COME_AGAIN), body
            return "ok" in body or body["err"]["code"] == "conflict"

        await eventually(begun)

    async def buy(self, sub: str, patience_s: float = 20) -> str:
        """The order, or why there is none."""
        buying = {"sale_id": self.sale_id, "lines": [{"sku_id": "k1", "qty": 1}], "key": f"k-{sub}"}
        told: list[str] = []

        async def decided() -> bool:
            try:
                _, body = await self.shop.command("sale.buy", sub, "viewer", **buying)
            except aiohttp.ClientError:
                return False
            if "ok" in body:
                told.append(body["ok"]["order_id"])
            elif body["err"]["code"] == "sold_out":
                told.append("sold_out")
            else:
                assert body["err"]["code"] in COME_AGAIN, body
            return bool(told)

        await eventually(decided, patience_s)
        return told[0]

    async def audited(self) -> dict[str, Any]:
        """What both servers say of the sale: the same, and balanced."""
        pages = [await at.get(f"/v1/rooms/{at.room_id}/audit") for at in self.at]
        assert pages[0][1]["sales"] == pages[1][1]["sales"]
        assert all(status == 200 and body["balanced"] for status, body in pages), pages
        sku: dict[str, Any] = pages[0][1]["sales"][0]["skus"][0]
        return sku

    async def witnesses(self) -> tuple[Visitor, Visitor]:
        """A viewer at each server."""
        one, two = self.at
        return await one.enter("one"), await two.enter("two")


async def stand_at(site: Site, session: aiohttp.ClientSession, place: int) -> Stand:
    """A new room and a sale, both on one primary of the cluster."""
    number = next(_numbers)
    room_id = site.cluster.named(f"room{number}x", place)
    sale_id = site.cluster.named(f"sale{number}x", place)
    one, two = (Shop(server, session, room_id) for server in site.servers)
    return Stand(await Shop(site.front, session, room_id).open(), (one, two), sale_id)


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_room_is_one_room_at_both_servers(
    site: Site, session: aiohttp.ClientSession, place: int
) -> None:
    """Whatever node it lives on: comments, critical events and counts reach everyone."""
    stand = await stand_at(site, session, place)
    witnesses = await stand.witnesses()
    guest = await stand.shop.enter("guest")
    for number in range(4):
        await stand.at[number % 2].insist("announce", text=f"notice {number}")
        await stand.at[number % 2].insist(
            "comment.send", f"u{number}", "viewer", text=f"hello {number}"
        )
    await guest.do("like.add", n=3)
    for viewer in (*witnesses, guest):
        await viewer.until(lambda v=viewer: v.seq == 4, "four announcements")
        await viewer.until(lambda v=viewer: len(v.texts) == 4, "four comments")
        assert [event["text"] for event in viewer.of("announcement")] == [
            f"notice {n}" for n in range(4)
        ]
        assert sorted(viewer.texts) == [f"hello {n}" for n in range(4)]
        await viewer.until(lambda v=viewer: v.state["likes"] == 3, "likes of all servers")
        await viewer.until(lambda v=viewer: v.state["online"] == 3, "people of all servers")


async def test_a_sale_sells_out_exactly_over_both_servers(
    site: Site, session: aiohttp.ClientSession
) -> None:
    stand = await stand_at(site, session, 2)
    witnesses = await stand.witnesses()
    await stand.begin_sale(stock=20)
    answers = await asyncio.gather(*(stand.buy(f"u{n}") for n in range(40)))
    orders = [answer for answer in answers if answer != "sold_out"]
    assert len(orders) == len(set(orders)) == 20
    sku = await stand.audited()
    assert (sku["available"], sku["held"] + sku["sold"]) == (0, 20)
    for viewer in witnesses:
        await viewer.until(lambda v=viewer: v.state["stock"]["k1"]["left"] == 0, "sold out")


async def test_a_node_killed_in_mid_sale_costs_nothing(
    site: Site, session: aiohttp.ClientSession
) -> None:
    """kill -9 and a restart on its data; rooms on other nodes do not notice."""
    stand = await stand_at(site, session, 1)
    elsewhere = await stand_at(site, session, 2)
    witnesses = await stand.witnesses()
    await stand.begin_sale(stock=HALF * 2)
    before = await asyncio.gather(*(stand.buy(f"u{n}") for n in range(HALF)))
    await stand.shop.insist("announce", text="before")
    site.cluster.primaries[1].kill()
    later = [asyncio.create_task(stand.buy(f"u{n}")) for n in range(HALF * 3)]
    for number in range(4):
        assert (await elsewhere.at[number % 2].command("announce", text=f"{number}"))[0] == 200
    assert not any(task.done() for task in later), "a dead node has answered"
    site.cluster.primaries[1].revive()
    after = await asyncio.gather(*later)
    await check_sold_out(stand, before, after)
    await stand.shop.insist("announce", text="after")
    await check_story(witnesses)


async def test_a_replica_takes_over_in_mid_sale(site: Site, session: aiohttp.ClientSession) -> None:
    """kill -9 of a primary that stays away: its replica goes on, with all that it had."""
    stand = await stand_at(site, session, 0)
    witnesses = await stand.witnesses()
    await stand.begin_sale(stock=HALF * 2)
    before = await asyncio.gather(*(stand.buy(f"u{n}") for n in range(HALF)))
    await stand.shop.insist("announce", text="before")
    await until_async(site.cluster.replica_has_all)
    site.cluster.primaries[0].kill()
    after = await asyncio.gather(*(stand.buy(f"u{n}") for n in range(HALF * 3)))
    assert site.cluster.replica is not None
    assert site.cluster.replica.client.role()[0] == b"master"
    await check_sold_out(stand, before, after)
    await stand.shop.insist("announce", text="after")
    await check_story(witnesses)
    site.cluster.give_back()
    await stand.shop.insist("announce", text="given back")
    for viewer in witnesses:
        await viewer.event("announcement", 3)


async def check_sold_out(stand: Stand, before: list[str], after: list[str]) -> None:
    """Who had an order has the same one; the rest went to so many others, and no more."""
    assert after[:HALF] == before
    orders = [answer for answer in after if answer != "sold_out"]
    assert len(orders) == len(set(orders)) == HALF * 2
    sku = await stand.audited()
    assert (sku["available"], sku["held"] + sku["sold"]) == (0, HALF * 2)


async def check_story(witnesses: tuple[Visitor, Visitor]) -> None:
    """Both were told the same, without a gap, and nobody was sent away."""
    for viewer in witnesses:
        await viewer.until(
            lambda v=viewer: [e["text"] for e in v.of("announcement")] == ["before", "after"]
        )
        assert viewer.close_code is None
        assert [event["seq"] for event in story(viewer)] == list(range(1, viewer.seq + 1))
    one, two = ([(e["seq"], e["t"]) for e in story(viewer)] for viewer in witnesses)
    assert one == two

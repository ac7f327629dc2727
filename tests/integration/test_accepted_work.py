"""What has been accepted is finished and answered, whatever happens to the socket or the worker."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from room.errors import Unavailable
from server.error_codes import CloseCode
from tests.integration.house import House, Place
from tests.integration.visitor import Visitor
from tests.waiting import until_async

PAUSE_MS = 600  # long enough to act in, shorter than the second after which an outcome is unknown


async def sale_of(place: Place) -> str:
    sale_id = f"sale-{place.room_id}"
    sku = {"sku_id": "k1", "product_id": "p1", "stock": 5, "sale_cents": 500}
    await place.do("sale.create", sale_id=sale_id, skus=[sku], start="now")
    return sale_id


async def buying(place: Place, redis: Redis, visitor: Visitor, sale_id: str) -> int:
    """A purchase that is in progress: the script has been sent and Redis keeps it waiting."""
    await redis.client_pause(PAUSE_MS, all=True)
    lines = [{"sku_id": "k1", "qty": 1}]
    command_id = await visitor.say("sale.buy", sale_id=sale_id, lines=lines, key="k")
    (viewer,) = place.live.by_user["lin"]
    await until_async(lambda: viewer.answering)
    return command_id


@pytest.mark.parametrize("code", [CloseCode.DRAINING, CloseCode.KICKED, CloseCode.RESYNC])
async def test_a_purchase_in_progress_is_answered_before_the_close(
    redis: Redis, place: Place, code: CloseCode
) -> None:
    """The reply first, then the code."""
    sale_id, lin = await sale_of(place), await place.enter("lin")
    command_id = await buying(place, redis, lin, sale_id)
    (viewer,) = place.live.by_user["lin"]
    place.worker.gateway.close(viewer, code)
    assert await lin.closed() == code
    assert lin.replies[command_id]["ok"]["status"] == "held"


async def test_a_draining_worker_finishes_first(redis: Redis, house: House) -> None:
    """Over the socket and over HTTP: both purchases are answered, then the worker is gone."""
    place = await house.room(await house.worker())
    sale_id, lin = await sale_of(place), await place.enter("lin")
    port = place.worker.settings.port
    await place.get("/healthz")
    command_id = await buying(place, redis, lin, sale_id)
    request: asyncio.Task[tuple[int, Any]] = asyncio.create_task(
        place.command(
            "sale.buy",
            sub="kim",
            role="viewer",
            sale_id=sale_id,
            lines=[{"sku_id": "k1", "qty": 1}],
            key="k",
        )
    )
    commands = place.worker.services.reserve
    await until_async(lambda: len(commands._lanes[sale_id].waiting) == 1)
    await house.stop(place.worker)
    status, body = await request
    assert (status, body["ok"]["status"]) == (200, "held")
    assert await lin.closed() == 4001
    assert lin.replies[command_id]["ok"]["status"] == "held"
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_buyer_who_loses_the_line_has_still_bought(redis: Redis, place: Place) -> None:
    """The reservation is made once; the same key brings its answer."""
    sale_id, lin = await sale_of(place), await place.enter("lin")
    await buying(place, redis, lin, sale_id)
    lin.cut()
    again = await place.enter("lin")
    lines = [{"sku_id": "k1", "qty": 1}]
    held = await again.do("sale.buy", sale_id=sale_id, lines=lines, key="k")
    assert held["status"] == "held"
    sku = (await place.audit())["sales"][0]["skus"][0]
    assert (sku["held"], sku["available"]) == (1, 4)


async def test_half_an_opened_room_is_not_a_room(house: House) -> None:
    """A store fails while a worker opens a room: 503, and the next one finds it complete."""
    here = await house.room(await house.worker())
    await here.do("announce", text="complete")
    there = here.at(await house.worker())
    hub = there.worker.services.hub
    prepare = hub.on_opened[-1]

    async def fail(room: object) -> None:
        raise Unavailable("just now")

    hub.on_opened[-1] = fail
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await there.knock()
    assert refusal.value.status == 503
    assert there.room_id not in hub.rooms
    hub.on_opened[-1] = prepare
    lin = await there.enter("lin")
    assert lin.state["room"]["announcement"]["text"] == "complete"
    await here.do("announce", text="and heard")
    await lin.event("announcement")

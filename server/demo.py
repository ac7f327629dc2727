"""Fills a room for `liveroom dev`, over the public HTTP API like any other host.

    python -m server.demo --url http://127.0.0.1:8000 --room demo --viewers 60

The host's token comes in LIVEROOM_HOST_TOKEN. Afterwards this process becomes the simulated
audience (`loadtest.audience`), which goes on with the show.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import Any

import aiohttp

TITLE = "今晚好物 · Tonight's picks"
STREAM = "/static/sample/live.m3u8"
SALE = "opening-sale"
TIMEOUT_S = 10.0
SALE_DURATION_S = 180  # then the simulated host goes on with sales of its own
SALE_COUNTDOWN_S = 15

# id, title, English title, price and list price in cents, units in the opening sale and its price
PRODUCTS = (
    ("headphones", "降噪头戴耳机", "Noise-cancelling headphones", 69900, 89900, 20, 39900),
    ("sneakers", "轻量跑步鞋", "Light running shoes", 45900, 59900, 30, 29900),
    ("backpack", "通勤双肩包", "Commuter backpack", 26900, 34900, 0, 0),
    ("lipstick", "丝绒口红", "Velvet lipstick", 15900, 19900, 40, 9900),
)


class Host:
    """One host's hands on one room."""

    def __init__(self, session: aiohttp.ClientSession, url: str, room: str) -> None:
        self._session, self._url, self._room = session, url, room

    async def open_room(self) -> bool:
        """True when the room is new."""
        body = {"room_id": self._room, "title": TITLE, "stream_url": STREAM}
        async with self._session.post(f"{self._url}/v1/rooms", json=body) as response:
            if response.status not in (201, 409):
                raise RuntimeError(f"{response.status}: {await response.text()}")
            return response.status == 201

    async def command(self, op: str, **params: object) -> dict[str, Any]:
        """Run one command; raises RuntimeError with the server's words when it is refused."""
        url = f"{self._url}/v1/rooms/{self._room}/commands"
        async with self._session.post(url, json={"id": 1, "op": op, **params}) as response:
            answer: dict[str, Any] = await response.json()
            if response.status != 200:
                raise RuntimeError(f"{op}: {answer}")
            return answer


async def seed(url: str, room: str, token: str, *, stocked: bool) -> None:
    """Make the room and, when it is new and to be `stocked`, products, cards, an opening sale."""
    headers = {"Authorization": f"Bearer {token}"}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        host = Host(session, url, room)
        if await host.open_room() and stocked:
            await _stock(host)


async def _stock(host: Host) -> None:
    for product_id, title, title_en, price, list_price, _units, _sale_price in PRODUCTS:
        await host.command(
            "product.put",
            product_id=product_id,
            title=title,
            title_en=title_en,
            image=f"/static/sample/products/{product_id}.svg",
            price_cents=price,
            list_cents=list_price,
        )
    skus = [
        {
            "sku_id": f"{product_id}-std",
            "product_id": product_id,
            "stock": units,
            "list_cents": list_price,
            "sale_cents": sale_price,
            "per_user": 2,
        }
        for product_id, _title, _title_en, _price, list_price, units, sale_price in PRODUCTS
        if units
    ]
    await host.command(
        "sale.create", sale_id=SALE, skus=skus, start="manual", duration_s=SALE_DURATION_S
    )
    for product_id, *_others, units, _sale_price in PRODUCTS:
        more = {"sale_id": SALE, "sku_id": f"{product_id}-std"} if units else {}
        await host.command("card.show", product_id=product_id, **more)
    await host.command("sale.start", sale_id=SALE, countdown_s=SALE_COUNTDOWN_S)


def main() -> None:
    """Seed, then become the audience when viewers are asked for."""
    parser = argparse.ArgumentParser(prog="python -m server.demo")
    parser.add_argument("--url", required=True)
    parser.add_argument("--room", default="demo")
    parser.add_argument("--viewers", type=int, default=0)
    parser.add_argument("--bare", action="store_true", help="only make the room")
    given = parser.parse_args()
    token = os.environ["LIVEROOM_HOST_TOKEN"]
    asyncio.run(seed(given.url, given.room, token, stocked=not given.bare))
    if given.viewers:
        audience = ["-m", "loadtest.audience", "--url", given.url, "--room", given.room]
        os.execv(  # noqa: S606 - our own interpreter, fixed arguments
            sys.executable, [sys.executable, *audience, "--viewers", str(given.viewers)]
        )


if __name__ == "__main__":
    main()

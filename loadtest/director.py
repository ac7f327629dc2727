"""A simulated host: runs a pleasant programme in a loop while no human host does anything.

It learns from the room's events who acts. Whatever it did not do itself was a person, and then
it stays out of the way for `YIELD_S`. What the audience does is not its business.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from loadtest.client import Refused, Viewer
from loadtest.corpus import ANNOUNCEMENTS, HOST_LINES, PRIZES, PRODUCTS, Product
from loadtest.interludes import INTERLUDES, Interludes
from loadtest.persona import NETWORK_ERRORS, lottery_phrase
from loadtest.scene import RUNNING, Scene

YIELD_S = 75.0  # how long a human's act keeps the director quiet
CARDS_SHOWN_MAX = 5  # the oldest card goes when one more is shown
COUNTDOWN_S = 10
SALE_DURATION_S = 70
HOLD_S, PAY_S = 120, 100
ACTS_REMEMBERED_MAX = 400  # an hour of the programme; events follow acts within seconds
STEP_S = 0.5
AGAIN_S = 5.0  # until a point that did not fit is looked at again
SALE_ALONE_S = 60.0  # no second sale this soon after another one's start
SALE_CARD_ALONE_S = 12.0  # no other card this soon after a sale's start
COMMENTS_PINNED_MAX = 1


@dataclass(slots=True)
class Item:
    """One recurring point: due `due_s` after the start, then every `every_s`."""

    act: Callable[[], Awaitable[bool]]  # False: not now, ask again soon
    due_s: float
    every_s: float


class Director:
    """Acts through the host's own connection."""

    def __init__(self, viewer: Viewer, scene: Scene, *, stock: int, rng: random.Random) -> None:
        self.viewer, self.scene, self.rng = viewer, scene, rng
        self.stock = stock  # units of a small sale
        self._mine: deque[tuple[str, str]] = deque(maxlen=ACTS_REMEMBERED_MAX)
        self._quiet_until = float("-inf")
        self._next_product = 0
        self._background: set[str] = set()
        self._pinned: list[str] = []
        self._interludes = Interludes(self._command, self.remember, scene, rng)
        self._programme = (
            Item(self._show_card, 1.0, 22.0),
            Item(self._run_sale, 8.0, 90.0),
            Item(self._open_lottery, 31.0, 120.0),
            Item(self._announce, 46.0, 95.0),
            Item(self._pin, 58.0, 70.0),
            Item(self._speak, 15.0, 40.0),
            *(Item(act, due_s, every_s) for act, due_s, every_s in self._interludes.programme()),
        )

    def notice(self, event: dict[str, Any]) -> None:
        """Told of every event; a human's act makes us step aside."""
        act = _act_of(event)
        if act is None or act in self._mine:
            return
        self._quiet_until = time.monotonic() + YIELD_S

    def remember(self, kind: str, name: str) -> None:
        """We are about to do this ourselves."""
        self._mine.append((kind, name))

    @property
    def yields(self) -> bool:
        """Whether a human host acted a short while ago."""
        return time.monotonic() < self._quiet_until

    async def run(self) -> None:
        """The programme, until cancelled. A refused or lost step is left out, not repeated."""
        await self._tolerantly(self._lay_out)
        began = time.monotonic()
        for item in self._programme:
            item.due_s += began
        while True:
            for item in self._programme:
                await self._perform(item)
            await asyncio.sleep(STEP_S)

    async def _perform(self, item: Item) -> None:
        now = time.monotonic()
        if now < item.due_s or self.yields or not self.viewer.connected:
            return
        done = await self._tolerantly(item.act)
        item.due_s = now + (item.every_s * self.rng.uniform(0.92, 1.08) if done else AGAIN_S)

    async def _tolerantly(self, act: Callable[[], Awaitable[bool]]) -> bool:
        try:
            return await act()
        except (Refused, *NETWORK_ERRORS) as error:
            print(f"director: {act.__name__.strip('_')} left out: {error}", flush=True)
            return True

    async def _command(self, op: str, **params: object) -> dict[str, Any]:
        return await self.viewer.command(op, **params)

    async def _lay_out(self) -> bool:
        """Tell the server of all products; what was on sale before us is not ours to wait for."""
        self._background = set(self.scene.sales)
        for product in PRODUCTS:
            await self._put(product)
        return True

    async def _put(self, product: Product) -> None:
        await self._command(
            "product.put",
            product_id=product.product_id,
            title=product.title,
            title_en=product.title_en,
            image=product.image,
            price_cents=product.price_cents,
            list_cents=product.list_cents,
        )

    def _next(self) -> Product:
        product = PRODUCTS[self._next_product % len(PRODUCTS)]
        self._next_product += 1
        return product

    def _sale_is_fresh(self, seconds: float) -> bool:
        """Whether a sale counts down or began less than `seconds` ago."""
        since_ms = time.time() * 1000 - seconds * 1000
        return any(
            sale["phase"] == "countdown"
            or (sale["phase"] == "live" and (sale.get("start_ms") or 0) > since_ms)
            for sale in self.scene.sales.values()
        )

    def _sale_blocks(self) -> bool:
        """Whether a sale runs beside which ours would be one too many."""
        others = [
            sale_id
            for sale_id, sale in self.scene.sales.items()
            if sale["phase"] in RUNNING and sale_id not in self._background
        ]
        return bool(others) or self._sale_is_fresh(SALE_ALONE_S)

    def _on_sale(self) -> set[str]:
        """Products in a running sale."""
        running = [sale for sale in self.scene.sales.values() if sale["phase"] in RUNNING]
        return {sku["product_id"] for sale in running for sku in sale["skus"]}

    async def _show_card(self) -> bool:
        if self._sale_is_fresh(SALE_CARD_ALONE_S) and self.scene.cards:
            return False  # the sale's own card has the stage
        await self._show(self._next())
        return True

    async def _show(self, product: Product, **more: object) -> None:
        shown = list(self.scene.cards)
        for old in shown[: max(0, len(shown) + 1 - CARDS_SHOWN_MAX)]:
            if old != product.product_id:
                self.remember("card.hidden", old)
                await self._command("card.hide", product_id=old)
        self.remember("card.shown", product.product_id)
        await self._command("card.show", product_id=product.product_id, mode="explaining", **more)

    async def _run_sale(self) -> bool:
        taken = self._on_sale()
        if self._sale_blocks() or len(taken) >= len(PRODUCTS):
            return False
        product = self._next()
        if product.product_id in taken:
            return False  # the next one's turn, a moment later
        sale_id = f"show-{secrets.token_hex(5)}"
        sku_id = f"{sale_id}-{product.product_id}"
        self.remember("sale", sale_id)
        sku = {
            "sku_id": sku_id,
            "product_id": product.product_id,
            "stock": self.stock,
            "list_cents": product.list_cents,
            "sale_cents": product.sale_cents,
            "per_user": 1,
        }
        await self._command(
            "sale.create",
            sale_id=sale_id,
            skus=[sku],
            start="manual",
            duration_s=SALE_DURATION_S,
            hold_s=HOLD_S,
            pay_s=PAY_S,
        )
        await self._command("sale.preheat", sale_id=sale_id)
        await self._show(product, sale_id=sale_id, sku_id=sku_id)
        await asyncio.sleep(2.0)
        await self._command("sale.start", sale_id=sale_id, countdown_s=COUNTDOWN_S)
        return True

    async def _open_lottery(self) -> bool:
        if self.scene.open_lottery is not None:
            return False
        phrase = lottery_phrase(self.rng)
        prize = self.rng.choice(PRIZES)
        self.remember("lottery.opened", prize)
        await self._command(
            "lottery.open",
            winners=self.rng.randint(1, 3),
            prize=prize,
            conditions={"phrase": phrase} if phrase else {},
            close_ms=self.rng.choice((30_000, 35_000, 45_000)),
        )
        return True

    async def _announce(self) -> bool:
        text = self.rng.choice(ANNOUNCEMENTS)
        self.remember("announcement", text)
        await self._command("announce", text=text)
        return True

    async def _pin(self) -> bool:
        talk = [each for each in self.scene.comments if len(each["text"]) > 6]
        if not talk:
            return False
        chosen = self.rng.choice(talk)["id"]
        while len(self._pinned) >= COMMENTS_PINNED_MAX:
            old = self._pinned.pop(0)
            self.remember("comment.unpinned", old)
            await self._command("comment.unpin", comment_id=old)
        self.remember("comment.pinned", chosen)
        await self._command("comment.pin", comment_id=chosen)
        self._pinned.append(chosen)
        return True

    async def _speak(self) -> bool:
        await self._command("comment.send", text=self.rng.choice(HOST_LINES))
        return True


def _act_of(event: dict[str, Any]) -> tuple[str, str] | None:
    """What a host did, as we would remember doing it; None when no host's act shows in it."""
    kind, d = event["t"], event["d"]
    if kind == "card.shown":
        return kind, d["card"]["product_id"]
    if kind == "card.hidden":
        return kind, d["product_id"]
    if kind == "sale.phase":
        return "sale", d["sale"]["sale_id"]
    if kind == "lottery.opened":
        return kind, d["lottery"]["prize"]
    if kind == "announcement":
        return kind, d["text"]
    if kind in INTERLUDES:
        return INTERLUDES[kind](d)
    if kind == "comment.pinned":
        return kind, d["comment"]["id"]
    if kind == "comment.unpinned":
        return kind, d["comment_id"]
    return None

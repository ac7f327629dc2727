"""One simulated person of the audience: comes, talks, taps, joins, buys, pays, and leaves again.

What happens in the room reaches a person as sparks (scene.py); how many people there are and when
they come is decided in audience.py.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable
from typing import Any

import aiohttp

from loadtest import pastimes
from loadtest.api import ApiError, LiveroomApi, Person
from loadtest.client import Address, Lost, Refused, Viewer
from loadtest.corpus import LINES, PHRASES, Mood, half_of, is_chinese, title_of
from loadtest.frames import FrameError
from loadtest.messages import Message, MessageCache
from loadtest.scene import Scene, Spark

COMMENT_GAP_S = 5.0  # one person's pause between two comments
REACTIONS_MAX = 8  # planned acts of one person; more would make a crowd of machines
BUYS_PER_SALE_MAX = 1
HESITATION_S = (1.5, 20.0, 8.0)  # before buying: slow enough for a visitor to be faster
NETWORK_ERRORS = (OSError, TimeoutError, Lost, FrameError, aiohttp.ClientError)
REFUSALS = (Refused, ApiError)

# How many of those present speak when something happens.
TALKATIVE = {
    Mood.CARD: 0.16, Mood.COUNTDOWN: 0.22, Mood.LIVE: 0.18, Mood.SOLD_OUT: 0.18,
    Mood.RETURNED: 0.1, Mood.LOTTERY: 0.2, Mood.DRAWN: 0.2, Mood.ANNOUNCED: 0.06,
    Mood.RAIN: 0.25, Mood.POLL: 0.08, Mood.GIFT: 0.1,
}  # fmt: skip
# Where people come from, and how often.
ENTRIES: tuple[dict[str, str], ...] = (
    {},
    {"src": "share", "inviter": "dev-viewer"},
    {"src": "feed", "channel": "moments"},
    {"src": "search"},
)
ENTRY_WEIGHTS = (5, 2, 2, 1)
WINDOW_S = {Mood.CARD: 9.0, Mood.COUNTDOWN: 8.0, Mood.DRAWN: 8.0}  # reactions spread over this
WINDOW_DEFAULT_S = 6.0


class Persona:
    """A person with habits of their own, drawn from `rng`."""

    def __init__(
        self,
        *,
        address: Address,
        api: LiveroomApi,
        user_id: str,
        name: str,
        scene: Scene,
        messages: MessageCache,
        rng: random.Random,
    ) -> None:
        self.address, self.api, self.scene, self.rng = address, api, scene, rng
        self.user_id, self.name = user_id, name
        self.person: Person | None = None
        self.messages = messages
        self.viewer: Viewer | None = None
        self.chattiness = rng.uniform(0.5, 1.8)
        self.chinese = is_chinese(name)
        self.generosity = rng.uniform(0.3, 2.0)  # likes
        self.pays = rng.random() < 0.8
        self.bought: dict[str, int] = {}
        self._planned: set[asyncio.Task[None]] = set()
        self._spoke_at = 0.0

    @property
    def present(self) -> bool:
        return self.viewer is not None and self.viewer.connected

    async def visit(self, seconds: float) -> None:
        """Join, be there for about `seconds` or until the connection is lost, leave."""
        if self.person is None:
            self.person = await self.api.person(self.user_id, name=self.name)
        gone = asyncio.Event()
        self.viewer = Viewer(
            self.address,
            name=self.name,
            token=self.person.token,
            entry=self.rng.choices(ENTRIES, ENTRY_WEIGHTS)[0],
            messages=self.messages,
            on_message=self._hear,
            on_lost=lambda viewer, code: gone.set(),
        )
        try:
            await self.viewer.connect()
            async with asyncio.timeout(seconds):
                await self._be_there(gone)
        except TimeoutError:
            pass
        finally:
            self.viewer.leave()
            for task in self._planned:
                task.cancel()

    async def _be_there(self, gone: asyncio.Event) -> None:
        if self.rng.random() < 0.4:
            self._plan(self.rng.uniform(1, 6), lambda: self._say(Mood.HELLO))
        while not gone.is_set():
            try:
                async with asyncio.timeout(self.rng.expovariate(1 / 9.0) + 1.0):
                    await gone.wait()
            except TimeoutError:
                await self._idle()

    async def _idle(self) -> None:
        """Something people do when nothing in particular happens."""
        roll = self.rng.random()
        try:
            if roll < 0.30 * self.chattiness:
                await self._say(Mood.CHAT)
            elif roll < 0.34 * self.chattiness:
                await self._reply()
            elif roll < 0.82:
                await self._like()
            elif roll < 0.95:
                await self._look()
            elif self.viewer is not None:
                await pastimes.pass_time(self.viewer, self.scene, self.rng)
        except (*REFUSALS, *NETWORK_ERRORS):
            return

    def react(self, spark: Spark) -> None:
        """Perhaps plan something because of `spark`."""
        if not self.present:
            return
        mood = spark.mood
        window_s = WINDOW_S.get(mood, WINDOW_DEFAULT_S)
        if mood is Mood.LIVE:
            self._plan(self.rng.triangular(*HESITATION_S), lambda: self._buy(spark.detail))
        elif mood is Mood.RETURNED and self.rng.random() < 0.08:
            sale = self.scene.sales.get(spark.detail["sale_id"])
            if sale is not None:
                self._plan(self.rng.uniform(1, 6), lambda: self._buy(sale))
        elif mood is Mood.LOTTERY and self.rng.random() < 0.75:
            self._plan(self.rng.triangular(1, 20, 4), lambda: self._join(spark.detail))
        elif mood in pastimes.TAKING_PART:
            after_s, act = pastimes.plan(mood, spark.detail, self.rng)
            self._plan(after_s, lambda: self._take_part(act))
        if self.rng.random() < TALKATIVE.get(mood, 0) * self.chattiness:
            delay = self.rng.triangular(0.6, window_s, 1.5)
            self._plan(delay, lambda: self._say(mood, spark.detail))
        elif self.rng.random() < 0.25:
            self._plan(self.rng.uniform(0.3, window_s), self._like)

    def _plan(self, delay_s: float, act: Callable[[], Any]) -> None:
        if len(self._planned) >= REACTIONS_MAX:
            return
        task = asyncio.get_running_loop().create_task(self._later(delay_s, act))
        self._planned.add(task)
        task.add_done_callback(self._planned.discard)

    async def _later(self, delay_s: float, act: Callable[[], Any]) -> None:
        await asyncio.sleep(delay_s)
        try:
            await act()
        except (*REFUSALS, *NETWORK_ERRORS):
            return  # muted, sold out, gone: people shrug

    def _hear(self, viewer: Viewer, message: Message) -> None:
        for event in message.events:
            if event["t"] == "won":
                self._plan(self.rng.uniform(0.8, 3), lambda: self._say(Mood.WON))

    async def _say(self, mood: Mood, detail: dict[str, Any] | None = None) -> None:
        now = asyncio.get_running_loop().time()
        if self.viewer is None or now - self._spoke_at < COMMENT_GAP_S:
            return
        self._spoke_at = now
        await self.viewer.command("comment.send", text=self._worded(mood, detail or {}))

    def _worded(self, mood: Mood, detail: dict[str, Any]) -> str:
        """A line in the person's own language that nobody said a moment ago."""
        own = [line for line in LINES[mood] if is_chinese(line) == self.chinese] or LINES[mood]
        said = {comment["text"] for comment in self.scene.comments}
        line = self.rng.choice([line for line in own if line not in said] or own)
        winners = detail.get("winners") or [{"name": "🎉"}]
        return line.format(
            product=title_of(detail, chinese=self.chinese),
            prize=half_of(str(detail.get("prize", "🎁")), chinese=self.chinese),
            name=self.rng.choice(winners).get("name", "🎉"),
        )

    async def _reply(self) -> None:
        others = [each for each in self.scene.comments if each["user"]["id"] != self.user_id]
        if not others or self.viewer is None:
            return
        text = self._worded(Mood.REPLY, {})
        chosen = self.rng.choice(others[-6:])["id"]
        await self.viewer.command("comment.send", text=text, reply_to=chosen)

    async def _like(self) -> None:
        """A burst of taps, gathered as a page does."""
        for _ in range(self.rng.randint(1, 3)):
            if self.viewer is None:
                return
            taps = max(1, min(50, int(self.rng.expovariate(1 / (6 * self.generosity)))))
            await self.viewer.command("like.add", n=taps)
            await asyncio.sleep(self.rng.uniform(0.3, 1.2))

    async def _look(self) -> None:
        card = self.scene.explained()
        if card is None or self.viewer is None:
            return
        await self.viewer.command("card.seen", card_ids=[card["product_id"]])
        if self.rng.random() < 0.6:
            await self.viewer.command("card.click", product_id=card["product_id"])

    async def _join(self, lottery: dict[str, Any]) -> None:
        if self.viewer is None:
            return
        phrase = (lottery.get("conditions") or {}).get("phrase")
        params = {"phrase": phrase} if phrase else {}
        if phrase and self.rng.random() < 0.5:
            await self.viewer.command("comment.send", text=phrase)
        await self.viewer.command("lottery.join", lottery_id=lottery["lottery_id"], **params)

    async def _take_part(self, act: pastimes.Act) -> None:
        if self.viewer is not None:
            await act(self.viewer)

    async def _buy(self, sale: dict[str, Any]) -> None:
        sale_id = sale["sale_id"]
        if self.viewer is None or self.bought.get(sale_id, 0) >= BUYS_PER_SALE_MAX:
            return
        lines = [{"sku_id": self.rng.choice(sale["skus"])["sku_id"], "qty": 1}]
        key = secrets.token_urlsafe(12)
        try:
            held = await self.viewer.command("sale.buy", sale_id=sale_id, lines=lines, key=key)
        except Refused as refusal:
            if refusal.code == "sold_out" and self.rng.random() < 0.35:
                self._plan(self.rng.uniform(0.5, 4), lambda: self._say(Mood.MISSED))
            return
        self.bought[sale_id] = self.bought.get(sale_id, 0) + 1
        if self.rng.random() < 0.3:
            self._plan(self.rng.uniform(0.5, 3), lambda: self._say(Mood.BOUGHT))
        if self.pays:
            order_id = held["order_id"]
            self._plan(self.rng.uniform(2, 12), lambda: self._pay(order_id))

    async def _pay(self, order_id: str) -> None:
        if self.person is None:
            return
        if self.rng.random() < 0.06:
            await self.api.pay(order_id, self.person.token, press={"outcome": "failed"})
            await asyncio.sleep(self.rng.uniform(2, 5))
        await self.api.pay(order_id, self.person.token)
        if self.rng.random() < 0.2:
            await self._say(Mood.PAID)


def lottery_phrase(rng: random.Random) -> str | None:
    """Every third lottery asks for a phrase."""
    return rng.choice(PHRASES) if rng.random() < 0.33 else None

"""Locust users: viewers, buyers and a host, in a room with a sale and a draw.

    locust -f loadtest/locustfile.py --host http://127.0.0.1:8000                   # web interface
    locust -f loadtest/locustfile.py --host … --headless -u 100 -r 20 -t 30s --shape spike
    locust -f loadtest/locustfile.py --host … --master --expect-workers 2           # and, twice:
    locust -f loadtest/locustfile.py --worker

Exit status 1 when a promise was broken, judged over all processes (see locust_run.py, which also
starts all of this by one command). Needs the host's and people's tokens: a server in development
mode, or its secret in LIVEROOM_JWT_SECRET.
"""

from __future__ import annotations

import itertools
import random
import secrets
import sys
from pathlib import Path
from typing import Any

# Locust puts this file's folder on the path, not the project's.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from locust import between, task

from loadtest import locust_judge, websocket_user
from loadtest.corpus import LINES, Mood
from loadtest.locust_judge import PRODUCT_ID, SKU_SUFFIX, token_for
from loadtest.messages import Message
from loadtest.sale_checks import Purchase
from loadtest.shapes import LoadShape

__all__ = ["Buyer", "Host", "LoadShape", "Viewer"]

BUYS = 2  # the first, and once more under the same key: the answer must be the same
UNSURE = frozenset({"", "not_started", "rate_limited", "unknown_outcome", "unavailable"})
_numbers = itertools.count(1)
_process = secrets.token_hex(3)  # people of two processes may not be the same person


class Seated(websocket_user.WebSocketUser):
    """Anyone with a token in the room."""

    abstract = True
    role = "viewer"

    def on_start(self) -> None:
        self.user_id = f"load-{_process}-{next(_numbers)}"
        self.given = locust_judge.run_of(self.environment)
        self.room = self.given["room"]
        self.token = token_for(self.host, self.user_id, self.role)
        super().on_start()

    def on_stop(self) -> None:
        super().on_stop()
        locust_judge.seen().comments += self.shown
        locust_judge.seen().take(self.history, doubled=self.doubled)


class Viewer(Seated):
    """Watches, talks now and then, taps, looks at cards, enters the draw."""

    weight = 6
    wait_time = between(1, 4)
    entered = False

    @task(4)
    def like(self) -> None:
        self.command("like.add", n=random.randint(1, 20))

    @task(2)
    def comment(self) -> None:
        self.command("comment.send", text=random.choice(LINES[Mood.CHAT]))

    @task(1)
    def click(self) -> None:
        self.command("card.click", product_id=PRODUCT_ID)

    @task(2)
    def enter(self) -> None:
        if self.entered:
            return
        self.entered = True
        seen = locust_judge.seen()
        seen.open_entries += 1  # stays when we are stopped before the answer
        answer = self.command("lottery.join", lottery_id=self.given["lottery_id"])
        if answer is not None:
            seen.entrants.append(self.user_id)
        if answer is not None or self.refusal:
            seen.open_entries -= 1

    @task(1)
    def snapshot(self) -> None:
        self.client.get(f"/v1/rooms/{self.room}", name="GET /v1/rooms/{id}")


class Buyer(Seated):
    """Waits for the sale, buys one, asks again under the same key, looks at the orders."""

    weight = 3
    wait_time = between(0.5, 2)

    def on_start(self) -> None:
        self.on_sale = self.done = self.asking = False
        super().on_start()

    def joined(self, hello: dict[str, Any]) -> None:
        sales = hello["state"].get("sales", {})
        for sale in sales.values() if isinstance(sales, dict) else sales:
            self._look_at(sale)

    def hear(self, message: Message) -> None:
        super().hear(message)
        for event in message.events:
            if event["t"] == "sale.phase":
                self._look_at(event["d"]["sale"])

    def _look_at(self, sale: dict[str, Any]) -> None:
        if sale["sale_id"] == self.given["sale_id"]:
            self.on_sale = sale["phase"] in ("live", "sold_out")

    @task(3)
    def buy(self) -> None:
        if self.done or not self.on_sale:
            return
        for _ in range(BUYS):
            if not self._buy_once():
                return
        self.done = True

    def _buy_once(self) -> bool:
        """Whether the sale gave a final answer; it is kept for the judgement."""
        sale_id, seen = self.given["sale_id"], locust_judge.seen()
        sku_id = sale_id + SKU_SUFFIX
        lines = [{"sku_id": sku_id, "qty": 1}]
        if not self.asking:
            self.asking = True  # stays so when we are stopped before the answer
            seen.open_buys += 1
        answer = self.command("sale.buy", sale_id=sale_id, lines=lines, key=self.user_id)
        if answer is None and self.refusal in UNSURE:
            return False
        self.asking = False
        seen.open_buys -= 1
        held = str(answer["reservation_id"]) if answer else ""
        code = "" if answer else self.refusal
        seen.purchases.append(Purchase(self.user_id, self.user_id, sku_id, 1, held, code=code))
        return True

    @task(1)
    def orders(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        self.client.get("/v1/orders", headers=headers)


class Host(Seated):
    """One host: shows the card, announces. The sale and the draw are the run's own."""

    fixed_count = 1
    role = "host"
    wait_time = between(0.5, 1.5)

    @task
    def announce(self) -> None:
        self.command("announce", text=f"announcement {random.randint(1, 10_000)}")

    @task
    def show(self) -> None:
        self.command("card.show", product_id=PRODUCT_ID, mode="explaining")

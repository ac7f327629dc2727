"""Locust users: viewers, buyers and a host, and the invariants when the test stops.

    locust -f loadtest/locustfile.py --headless -u 100 -r 20 -t 30s --host http://127.0.0.1:8000
    LOAD_SHAPE=spike LOAD_SECONDS=30 locust -f loadtest/locustfile.py --headless -u 200 --host …

Exit status 1 when an invariant was broken. Needs a server in development mode. Settings by
environment: LOAD_ROOM, LOAD_STOCK, LOAD_SHAPE, LOAD_SECONDS. With locust workers LOAD_ROOM must be
set, each worker judges what its own users saw and the master judges the audit.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import secrets
import sys
import urllib.request
from pathlib import Path
from typing import Any

# Locust puts this file's folder on the path, not the project's.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from locust import between, events, task
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtest import websocket_user
from loadtest.checks import Failure, critical_failures, examples, reply_failures, summary
from loadtest.corpus import LINES, Mood
from loadtest.messages import Message
from loadtest.sale_checks import Purchase, audit_failures, purchase_failures

ROOM = os.environ.get("LOAD_ROOM") or f"locust-{secrets.token_hex(4)}"
STOCK = int(os.environ.get("LOAD_STOCK", "20"))
SALE_ID, SKU_ID = f"{ROOM}-sale", f"{ROOM}-sku"
NO_LIMITS = {"slow_mode_s": 0, "comments_per_user_per_s": 0, "chat_per_viewer_per_s": 0}
HOST_ID = "locust-host"
PURCHASES: list[Purchase] = []
_numbers = itertools.count(1)

if os.environ.get("LOAD_SHAPE"):
    from loadtest.shapes import shape_named

    Shape = shape_named(os.environ["LOAD_SHAPE"])


def ask(host: str, method: str, path: str, *, token: str = "", body: Any = None) -> Any:  # noqa: ANN401
    """One HTTP request outside the statistics."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 (the address is the tester's)
        host.rstrip("/") + path, data=data, method=method, headers=headers
    )
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        return json.load(response)


def token_for(host: str, user_id: str, role: str = "viewer") -> str:
    body = {"sub": user_id, "name": user_id, "role": role, "room": "*"}
    return str(ask(host, "POST", "/v1/dev/token", body=body)["token"])


class Seated(websocket_user.WebSocketUser):
    """Anyone with a token in the room."""

    abstract = True
    room = ROOM
    role = "viewer"

    def on_start(self) -> None:
        # Numbered over all processes: a person may not be two.
        number = next(_numbers)
        self.user_id = HOST_ID if self.role == "host" else f"l-{os.getpid()}-{number}"
        self.token = token_for(self.host, self.user_id, self.role)
        super().on_start()


class Viewer(Seated):
    """Watches, talks now and then, taps, looks at cards."""

    weight = 6
    wait_time = between(1, 4)

    @task(4)
    def like(self) -> None:
        self.command("like.add", n=random.randint(1, 20))

    @task(2)
    def comment(self) -> None:
        self.command("comment.send", text=random.choice(LINES[Mood.CHAT]))

    @task(1)
    def click(self) -> None:
        self.command("card.click", product_id="locust-item")

    @task(1)
    def snapshot(self) -> None:
        self.client.get(f"/v1/rooms/{self.room}", name="GET /v1/rooms/{id}")


class Buyer(Seated):
    """Waits for the sale, buys one, asks again under the same key, looks at the orders."""

    weight = 3
    wait_time = between(0.5, 2)

    def on_start(self) -> None:
        self.on_sale = False
        self.done = False
        super().on_start()

    def hear(self, message: Message) -> None:
        super().hear(message)
        for event in message.events:
            if event["t"] == "sale.phase" and event["d"]["sale"]["phase"] == "live":
                self.on_sale = True

    @task(3)
    def buy(self) -> None:
        if self.done:
            return
        lines = [{"sku_id": SKU_ID, "qty": 1}]
        for _ in range(2):
            answer = self.command("sale.buy", sale_id=SALE_ID, lines=lines, key=self.user_id)
            if answer is None:
                return
            self.done = True
            PURCHASES.append(
                Purchase(self.user_id, self.user_id, SKU_ID, 1, answer["reservation_id"])
            )

    @task(1)
    def orders(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        self.client.get("/v1/orders", headers=headers)


class Host(Seated):
    """One host: starts the sale, shows the card, announces."""

    fixed_count = 1
    role = "host"
    wait_time = between(0.5, 1.5)

    def on_start(self) -> None:
        super().on_start()
        self.command("sale.start", sale_id=SALE_ID, countdown_s=2)

    @task
    def announce(self) -> None:
        self.command("announce", text=f"announcement {random.randint(1, 10_000)}")

    @task
    def show(self) -> None:
        self.command("card.show", product_id="locust-item", mode="explaining")


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def prepare(environment: Environment, **_: object) -> None:
    """The room and its sale, once for all processes."""
    if isinstance(environment.runner, WorkerRunner):
        return
    host = environment.host or ""
    token = token_for(host, HOST_ID, "host")
    ask(host, "POST", "/v1/rooms", token=token, body={"room_id": ROOM, "title": "Locust"})
    sku = {"sku_id": SKU_ID, "product_id": "locust-item", "stock": STOCK,
           "list_cents": 9900, "sale_cents": 1900, "per_user": 1}  # fmt: skip
    commands: list[dict[str, Any]] = [
        {"op": "room.set", **NO_LIMITS},
        {"op": "product.put", "product_id": "locust-item", "title": "Item", "price_cents": 9900},
        {"op": "sale.create", "sale_id": SALE_ID, "skus": [sku], "start": "manual",
         "duration_s": 600, "hold_s": 600, "pay_s": 600},
        {"op": "sale.preheat", "sale_id": SALE_ID},
    ]  # fmt: skip
    for number, command in enumerate(commands, 1):
        path = f"/v1/rooms/{ROOM}/commands"
        ask(host, "POST", path, token=token, body={"id": number, **command})


@events.test_stop.add_listener  # type: ignore[untyped-decorator]
def judge(environment: Environment, **_: object) -> None:
    """The invariants over everything this process saw; the exit status tells."""
    histories = websocket_user.HISTORIES
    failures: list[Failure] = critical_failures(histories)
    for history in histories:
        history.given_up.update(history.asked)  # users are stopped in the middle of a question
    failures += reply_failures(histories)
    if not isinstance(environment.runner, MasterRunner):
        failures += purchase_failures(PURCHASES, stock={SKU_ID: STOCK}, per_user=1, demand={})
    if not isinstance(environment.runner, WorkerRunner):
        host = environment.host or ""
        path = f"/v1/rooms/{ROOM}/audit"
        failures += audit_failures(ask(host, "GET", path, token=token_for(host, HOST_ID, "host")))
    seen = f"{len(histories)} histories, {len(PURCHASES)} answers to buyers"
    print(f"invariants over {seen}: broken {summary(failures)}")
    for failure in examples(failures):
        print("  " + " · ".join(failure))
    if failures:
        environment.process_exit_code = 1

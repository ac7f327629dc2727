"""A room as a test makes it: over the public HTTP API, like any host's own software.

Nothing here opens a browser or reads the server's memory.
"""

from __future__ import annotations

import itertools
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from flash_sale.payments import SIGNATURE_HEADER, sign
from tests.waiting import until

ANSWER_S = 15.0
BANK_SECRET = "what the bank signs with, in the browser tests"
TEA = "高山乌龙茶"

_numbers = itertools.count(1)


class Refused(Exception):
    """The server's refusal, with its code."""

    def __init__(self, status: int, err: dict[str, Any]) -> None:
        super().__init__(f"{status} {err}")
        self.status, self.code = status, err.get("code", "")


@dataclass(frozen=True)
class Pass:
    """Somebody with a token."""

    token: str
    user_id: str
    name: str


class House:
    """The server under test."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, method: str, path: str, body: object = None, token: str = "") -> Any:
        """The answer of one request; raises Refused."""
        request = urllib.request.Request(self.url + path, method=method)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as refusal:
            raise Refused(refusal.code, json.loads(refusal.read())["err"]) from None

    def late_money(self, payment_id: str) -> None:
        """The bank took the money after the shop had closed the payment, and says so now."""
        payment = self.ask("GET", f"/v1/payments/{payment_id}")
        news = {name: payment[name] for name in ("payment_id", "order_id", "amount_cents")}
        at_s = int(time.time())
        body = json.dumps(
            {
                **news,
                "currency": payment["currency"],
                "event_id": f"late-{payment_id}",
                "status": "succeeded",
                "ts": at_s * 1000,
            }
        ).encode()
        request = urllib.request.Request(
            f"{self.url}/v1/payments/sandbox/callback",
            data=body,
            headers={
                "Content-Type": "application/json",
                SIGNATURE_HEADER: sign(BANK_SECRET.encode(), body, at_s),
            },
        )
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
            assert answer.status == 200

    def finds(self, path: str, token: str) -> bool:
        """Whether there is such a thing."""
        try:
            self.ask("GET", path, token=token)
        except Refused as refusal:
            if refusal.code == "not_found":
                return False
            raise
        return True

    def admit(self, name: str, role: str = "viewer") -> Pass:
        """A new person with a token for every room."""
        answer = self.ask("POST", "/v1/dev/token", {"name": name, "role": role})
        return Pass(answer["token"], answer["user"]["id"], answer["user"]["name"])

    def room(self, title: str = "浏览器里的直播间", *, host_name: str = "阿宁") -> Room:
        """A new room with a host of its own."""
        host = self.admit(host_name, "host")
        room_id = f"room-{next(_numbers)}"
        body = {"room_id": room_id, "title": title}
        self.ask("POST", "/v1/rooms", body, host.token)
        return Room(self, room_id, title, host)

    def sockets(self) -> dict[str, int]:
        """Open sockets by worker, at most a second old."""
        with urllib.request.urlopen(self.url + "/metrics", timeout=ANSWER_S) as answer:
            lines = answer.read().decode().splitlines()
        found = [line for line in lines if line.startswith("liveroom_sockets{")]
        return {line.split('"')[1]: int(float(line.split()[-1])) for line in found}


@dataclass(frozen=True)
class Room:
    """One room and what its host does in it without a page."""

    house: House
    room_id: str
    title: str
    host: Pass

    def run(self, op: str, *, by: Pass | None = None, **params: object) -> dict[str, Any]:
        """Run one command, as the host unless `by` says who; its `ok`."""
        path = f"/v1/rooms/{self.room_id}/commands"
        body = {"id": 1, "op": op, **params}
        answer: dict[str, Any] = self.house.ask("POST", path, body, (by or self.host).token)
        return answer.get("ok", {})

    def insist(self, op: str, *, by: Pass | None = None, **params: object) -> dict[str, Any]:
        """The same of an act with a key or an id of its own: asked again while nobody can tell."""
        answers: list[dict[str, Any]] = []

        def answered() -> bool:
            try:
                answers.append(self.run(op, by=by, **params))
            except Refused as refusal:
                if refusal.code != "unknown_outcome":
                    raise
            return bool(answers)

        until(answered, ANSWER_S)
        return answers[0]

    def read(self, what: str) -> dict[str, Any]:
        """One of the room's reports: audit, metrics, orders."""
        path = f"/v1/rooms/{self.room_id}/{what}"
        answer: dict[str, Any] = self.house.ask("GET", path, token=self.host.token)
        return answer

    def put_product(self, product_id: str = "tea", title: str = TEA, **more: object) -> str:
        """A product in the catalogue at ¥59.00, not yet on the shelf."""
        image = "/static/sample/products/tea.svg"
        shape = {"price_cents": 5900, "list_cents": 8900, "image": image, **more}
        self.run("product.put", product_id=product_id, title=title, **shape)
        return product_id

    def prepare_sale(
        self, *, stock: int = 10, product_id: str = "tea", title: str = TEA, **more: object
    ) -> str:
        """A sale of one SKU at ¥29.00 with its card on the shelf, still a draft; the sale's id."""
        self.put_product(product_id, title)
        sku = {
            "sku_id": f"{product_id}-sku",
            "product_id": product_id,
            "stock": stock,
            "list_cents": 8900,
            "sale_cents": 2900,
            "per_user": 1,
        }
        terms = {"duration_s": 600, "hold_s": 120, **more}
        sale_id: str = self.run("sale.create", skus=[sku], start="manual", **terms)["sale_id"]
        self.run("card.show", product_id=product_id, sale_id=sale_id, sku_id=sku["sku_id"])
        return sale_id

    def sell(self, *, stock: int = 10, countdown_s: int = 0, **more: object) -> str:
        """The same, started."""
        sale_id = self.prepare_sale(stock=stock, **more)
        self.start_sale(sale_id, countdown_s)
        return sale_id

    def start_sale(self, sale_id: str, countdown_s: int = 0) -> None:
        """Start a draft; asked again while the server cannot tell, which it says of a slow disk."""

        def started() -> bool:
            try:
                self.run("sale.start", sale_id=sale_id, countdown_s=countdown_s)
            except Refused as refusal:
                if refusal.code not in ("unknown_outcome", "conflict"):
                    raise
                return refusal.code == "conflict"  # the time before did it
            return True

        until(started, ANSWER_S)

    def buy(self, sale_id: str, buyer: Pass, sku_id: str = "tea-sku", **more: object) -> str:
        """Hold one unit; the order's id."""
        terms = {"lines": [{"sku_id": sku_id, "qty": 1}], "key": f"key-{buyer.user_id}", **more}
        held = self.insist("sale.buy", by=buyer, sale_id=sale_id, **terms)
        order_id: str = held["order_id"]
        return order_id

    def begin_payment(self, order_id: str, buyer: Pass) -> str:
        """The payment's id, once the order is written: some milliseconds after the hold."""
        path, body = f"/v1/orders/{order_id}", {"provider": "sandbox"}
        until(lambda: self.house.finds(path, buyer.token))
        payment: str = self.house.ask("POST", f"{path}/pay", body, buyer.token)["payment_id"]
        return payment

    def say(self, text: str, by: Pass | None = None) -> str:
        """A comment; its id."""
        comment_id: str = self.run("comment.send", by=by, text=text)["comment_id"]
        return comment_id

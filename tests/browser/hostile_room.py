"""A room in which every text field holds what is meant to do harm, each with a mark of its own.

Everything is written over the public API, as whoever wants to do harm would. The list of fields is
the server's own (`tests/text_fields.py`): one that is nowhere written to fails the test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.browser.house import Pass, Refused, Room
from tests.text_fields import text_fields
from tests.waiting import until

VECTORS = [
    "<script>window.__xss=1</script>",
    "<img src=x onerror=window.__xss=1>",
    "<svg/onload=window.__xss=1>",
    "\"><iframe srcdoc='<script>parent.__xss=1</script>'>",
    "javascript:window.__xss=1",
    "${window.__xss=1}{{window.__xss=1}}",
    "'-(window.__xss=1)-'",
]
HIDDEN = "\u202egnp\u2066\u2069\u0000\u0007\u001b[31m\u200b\ufeff\u2028" + "Z" + "\u0336\u0335" * 20
FORBIDDEN = set("\u202e\u2066\u2069\u0000\u0007\u001b\u200b\ufeff\u2028")
LENGTHS = (300, 200, 120, 100, 80, 60, 50, 40, 32, 20)  # tried until the server takes one
NOT_SHOWN = {
    "AskRefund key": "a key",
    "HelloParams resume.epoch": "compared only",
    "HelloParams token": "a token",
    "NewWebhook events": "names of events",
    "NewWebhook url": "for programs; no page lists it",
    "Settle note": "kept with a failed refund; in the trail, where a stock reason stands",
    "auction.bid key": "a key",
    "cart.checkout admissions": "tokens",
    "comment.send mentions": "resolved to ids",
    "gift.claim phrase": "compared only",
    "lottery.join phrase": "compared only",
    "queue.join proof.challenge": "compared only",
    "queue.join proof.nonce": "compared only",
    "run_sheet.put items.act.op": "one of the registry's",
    "run_sheet.put items.act.params": "said when it runs, by the rules of that act",
    "sale.buy admission": "a token",
    "sale.start preflight": "a token",
    "share.made channel": "counted by its name; no page lists it",
    "words.set mask": "written apart, or every other text would be masked",
    "words.set reject": "the same",
    "words.set review": "the same",
}
ADDRESSES = {
    "NewRoom stream_url",
    "product.put image",
    "room.set stream_url",
    "sale.create skus.image",
}  # refused, see `refuse_addresses`
FIELDS = sorted(text_fields() - NOT_SHOWN.keys() - ADDRESSES)
Text = Callable[[str], Any]


def mark(field: str) -> str:
    """What tells one field's text from all others on a page."""
    return f"f{FIELDS.index(field):02d}~"


def hostile(field: str, length: int) -> str:
    """The field's mark, then script, hidden characters and no end of letters."""
    vector = VECTORS[FIELDS.index(field) % len(VECTORS)]
    return f"{mark(field)}{vector}{HIDDEN}{'W' * 300}"[:length]


class HostileRoom:
    """Fills the room; `written` are the fields that hold something now."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.written: set[str] = set()
        self.sale_id = ""

    def put(
        self, op: str, *fields: str, by: Pass | None = None, shape: Callable[[Text], dict[str, Any]]
    ) -> dict[str, Any]:
        """Run `op` with as much text as it takes; `shape` builds its parameters."""
        for length in LENGTHS:
            names = {field: f"{op} {field}" for field in fields}
            params = shape(lambda field, n=length, of=names: hostile(of[field], n))
            try:
                answer = self.room.run(op, by=by, **params)
            except Refused as refusal:
                if refusal.code not in ("too_long", "bad_request"):
                    raise
                continue
            self.written |= set(names.values())
            return answer
        raise AssertionError(f"{op} takes no text at all")

    def fill(self) -> Pass:
        """Everything at once; the winner, who has something in every sheet."""
        house = self.room.house
        self.put("room.set", "title", shape=lambda text: {"title": text("title")})
        self.put("announce", "text", shape=lambda text: {"text": text("text")})
        self._other_room()
        winner = house.admit(hostile("DevToken name", 32))
        self.written.add("DevToken name")
        self._sell()
        self._give_back(winner, note="x", answer=hostile("Refuse answer", 200))
        self._give_back(house.admit("who waits"), note=hostile("AskRefund note", 200))
        self.written |= {"Refuse answer", "AskRefund note"}
        self._win(winner)
        self._play()
        self.put("comment.send", "text", by=winner, shape=lambda text: {"text": text("text")})
        self._ask(winner)
        self.put("run_sheet.put", "items.title", shape=_sheet)
        return winner

    def _other_room(self) -> None:
        """Its title stands among the rooms of the landing page."""
        title = hostile("NewRoom title", 120)
        self.room.house.ask("POST", "/v1/rooms", {"title": title}, self.room.host.token)
        self.written.add("NewRoom title")

    def _sell(self) -> None:
        room = self.room
        shape = {"product_id": "tea", "price_cents": 5900, "list_cents": 8900}
        self.put(
            "product.put",
            "title",
            "title_en",
            shape=lambda text: {**shape, "title": text("title"), "title_en": text("title_en")},
        )
        sku = {"sku_id": "tea-sku", "product_id": "tea", "stock": 9, "sale_cents": 2900}
        sku |= {"list_cents": 8900, "per_user": 2}
        sale_id = self.put(
            "sale.create",
            "skus.title",
            shape=lambda text: {"start": "now", "skus": [{**sku, "title": text("skus.title")}]},
        )["sale_id"]
        room.run("card.show", product_id="tea", sale_id=sale_id, sku_id="tea-sku")
        moved = {"sale_id": sale_id, "sku_id": "tea-sku", "qty": 1}
        for op, more in (
            ("stock.restock", {"key": "k1"}),
            ("stock.write_off", {"key": "k2"}),
            ("stock.transfer", {"key": "k3", "from": "live", "to": "shop"}),
        ):
            self.put(
                op, "reason", shape=lambda text, m=more: {**moved, **m, "reason": text("reason")}
            )
        self.sale_id = sale_id
        terms = {"off_cents": 100, "quota": 5, "task": ""}
        self.put("coupon.drop", "title", shape=lambda text: {**terms, "title": text("title")})

    def _give_back(self, buyer: Pass, *, note: str, answer: str = "") -> None:
        """Bought, paid, asked back; refused with `answer`, or waiting for one."""
        ask = self.room.house.ask
        order_id = self.room.buy(self.sale_id, buyer)
        payment = self.room.begin_payment(order_id, buyer)
        ask("POST", f"/v1/payments/{payment}/sandbox", {"outcome": "succeeded"})
        order = f"/v1/orders/{order_id}"
        until(lambda: bool(ask("GET", order, token=buyer.token)["status"] == "paid"))
        wish = {"reason": "other", "note": note, "key": "back"}
        asked = ask("POST", f"{order}/refund", wish, buyer.token)["request"]
        if answer:
            refuse = f"/v1/refund-requests/{asked['request_id']}/refuse"
            ask("POST", refuse, {"answer": answer}, self.room.host.token)

    def _win(self, winner: Pass) -> None:
        room = self.room
        lottery = self.put(
            "lottery.open",
            "prize",
            "form",
            shape=lambda text: {
                "winners": 1,
                "manual": True,
                "claim_s": 3600,
                "prize": text("prize"),
                "form": [text("form")],
            },
        )
        lottery_id = lottery["lottery_id"]
        room.run("lottery.join", by=winner, lottery_id=lottery_id)
        room.run("lottery.draw", lottery_id=lottery_id)
        known = room.house.ask("GET", f"/v1/rooms/{room.room_id}", token=room.host.token)
        form = known["state"]["lotteries"][lottery_id]["form"][0]
        self.put(
            "lottery.claim",
            "form",
            by=winner,
            shape=lambda text: {"lottery_id": lottery_id, "form": {form: text("form")}},
        )
        self.put(
            "lottery.disqualify",
            "reason",
            shape=lambda text: {
                "lottery_id": lottery_id,
                "user_id": winner.user_id,
                "reason": text("reason"),
            },
        )

    def _play(self) -> None:
        self.put(
            "lottery.open",
            "conditions",
            shape=lambda text: {
                "winners": 1,
                "manual": True,
                "prize": "p",
                "conditions": {"phrase": text("conditions")},
            },
        )
        self.put(
            "gift.open",
            "title",
            "conditions",
            shape=lambda text: {
                "quota": 3,
                "title": text("title"),
                "conditions": {"phrase": text("conditions")},
            },
        )
        self.put(
            "poll.open",
            "question",
            "options",
            shape=lambda text: {"question": text("question"), "options": [text("options"), "b"]},
        )
        self.room.run(
            "auction.open", product_id="tea", start_cents=100, step_cents=100, seconds=600
        )

    def _ask(self, asker: Pass) -> None:
        first = self.put(
            "question.ask", "text", by=asker, shape=lambda text: {"text": text("text")}
        )
        self.put(
            "question.answer",
            "text",
            shape=lambda text: {"question_id": first["question_id"], "text": text("text")},
        )
        other = self.room.house.admit("other")  # who asks twice at once is too fast
        self.put("question.ask", "text", by=other, shape=lambda text: {"text": text("text")})


def _sheet(text: Text) -> dict[str, Any]:
    act = {"op": "announce", "params": {"text": VECTORS[0] + HIDDEN}}
    return {"items": [{"item_id": "i1", "title": text("items.title"), "minute": 1, "act": act}]}


def refuse_addresses(room: Room) -> None:
    """No field for an address takes what a browser would run, or text at all."""
    sku = {"sku_id": "x", "product_id": "x", "stock": 1, "sale_cents": 1, "list_cents": 1}
    product = {"product_id": "x", "title": "x", "price_cents": 1}
    for vector in (*VECTORS, "data:text/html,<script>parent.__xss=1</script>"):
        for write in (
            lambda url: room.run("room.set", stream_url=url),
            lambda url: room.run("product.put", **product, image=url),
            lambda url: room.run("sale.create", skus=[{**sku, "image": url}], start="manual"),
            lambda url: room.house.ask(
                "POST", "/v1/rooms", {"title": "x", "stream_url": url}, room.host.token
            ),
        ):
            try:
                write(vector)
            except Refused as refusal:
                if refusal.code != "bad_request":
                    raise
            else:
                raise AssertionError(f"{vector} was taken for an address")

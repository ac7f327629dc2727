"""Money: a real callback over HTTP, and every way of lying about one."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from tests.integration.house import PAYMENT_SECRET, House, Place, eventually
from tests.integration.visitor import Visitor
from tests.waiting import until_async

Two = tuple[Place, Place]
CALLBACK = "/v1/payments/sandbox/callback"


def signature(body: bytes, *, secret: str = PAYMENT_SECRET, at_s: int | None = None) -> str:
    """As the protocol describes it, without any code of the server."""
    stamp = int(time.time()) if at_s is None else at_s
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


class Purchase:
    """One held order of "ann", and a payment of it."""

    def __init__(self, place: Place, sale_id: str, held: dict[str, Any], payment_id: str) -> None:
        self.place = place
        self.sale_id = sale_id
        self.order_id: str = held["order_id"]
        self.payment_id = payment_id
        self.amount_cents: int = held["amount_cents"]

    def callback(self, **changes: Any) -> bytes:
        body = {
            "event_id": "evt-1",
            "payment_id": self.payment_id,
            "order_id": self.order_id,
            "status": "succeeded",
            "amount_cents": self.amount_cents,
            "currency": "CNY",
            "ts": int(time.time() * 1000),
        }
        return json.dumps({**body, **changes}).encode()

    async def tell(
        self, body: bytes, signed: str | None = "", place: Place | None = None
    ) -> tuple[int, Any]:
        """Post a callback; "" means: signed properly."""
        text = signature(body) if signed == "" else signed
        headers = {"X-Liveroom-Signature": text} if text is not None else {}
        at = place or self.place
        async with at.house.session.post(at.url + CALLBACK, data=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def status(self) -> str:
        status, body = await self.place.get(f"/v1/orders/{self.order_id}", sub="ann")
        assert status == 200
        return str(body["status"])

    async def units(self) -> tuple[int, int, int]:
        audit = await self.place.audit()
        assert audit["balanced"], audit
        (sale,) = [sale for sale in audit["sales"] if sale["sale_id"] == self.sale_id]
        sku = sale["skus"][0]
        return sku["available"], sku["held"], sku["sold"]

    async def until_paid(self) -> None:
        async def paid() -> bool:
            return await self.status() == "paid"

        await eventually(paid)


async def purchase(place: Place, **sale: Any) -> Purchase:
    sale_id = f"sale-{place.room_id}"
    sku = {"sku_id": "k1", "product_id": "p1", "stock": 3, "sale_cents": 1_999, "per_user": 0}
    await place.do("sale.create", sale_id=sale_id, skus=[sku], start="now", **sale)
    lines = [{"sku_id": "k1", "qty": 1}]
    status, body = await place.command(
        "sale.buy", sub="ann", role="viewer", sale_id=sale_id, lines=lines, key="k1"
    )
    assert status == 200, body
    held = body["ok"]
    status, body = await place.post(
        f"/v1/orders/{held['order_id']}/pay", {"provider": "sandbox"}, sub="ann"
    )
    assert status == 200, body
    assert body["cashier_url"] == f"/cashier/{body['payment_id']}"
    return Purchase(place, sale_id, held, body["payment_id"])


@pytest.fixture
async def bought(two_places: Two) -> Purchase:
    return await purchase(two_places[0])


async def press(bought: Purchase, outcome: str, place: Place | None = None) -> int:
    path = f"/v1/payments/{bought.payment_id}/sandbox"
    status, _ = await (place or bought.place).post(path, {"outcome": outcome}, sub=None)
    return status


async def test_from_the_cashier_to_the_paid_order(
    database_url: str, redis: Redis, tmp_path: Path, redis_url: str
) -> None:
    """The button, the bank's signed callback over HTTP, the order paid, everyone told; each SQL."""
    async with aiohttp.ClientSession() as session:
        house = House(redis_url, database_url, tmp_path / "data", session)
        try:
            here = await house.room(await house.worker())
            there = here.at(await house.worker())
            ann, watcher = await there.enter("ann"), await here.enter()
            bought = await purchase(here)
            status, shown = await there.get(f"/v1/payments/{bought.payment_id}")
            assert (status, shown["status"], shown["amount_cents"]) == (200, "pending", 1_999)
            assert await press(bought, "succeeded") == 202
            await bought.until_paid()
            await ann.until(lambda: "paid" in order_statuses(ann))
            assert await bought.units() == (2, 0, 1)
            status, shown = await here.get(f"/v1/payments/{bought.payment_id}")
            assert shown["status"] == "succeeded"
            _, orders = await there.get("/v1/orders", sub="ann")
            (order,) = orders["orders"]
            assert (order["order_id"], order["status"]) == (bought.order_id, "paid")
            assert order["paid_ms"] >= order["created_ms"]
            assert watcher.of("order.changed") == []

            async def counted() -> bool:
                _, numbers = await here.get(f"/v1/rooms/{here.room_id}/metrics")
                return (numbers["paid_orders"], numbers["gmv_cents"]) == (1, 1_999)

            await eventually(counted)
        finally:
            await house.close()


def order_statuses(visitor: Visitor) -> list[str]:
    return [event["order"]["status"] for event in visitor.of("order.changed")]


async def test_a_failed_payment_can_be_tried_again(bought: Purchase) -> None:
    """The hold stays; the next payment has an id of its own."""
    assert await press(bought, "failed") == 202
    assert await bought.units() == (2, 1, 0)
    status, body = await bought.place.post(f"/v1/orders/{bought.order_id}/pay", {}, sub="ann")
    assert status == 200
    assert body["payment_id"] != bought.payment_id
    bought.payment_id = body["payment_id"]
    assert await press(bought, "succeeded") == 202
    await bought.until_paid()


async def test_a_callback_twenty_times_sells_once(bought: Purchase, two_places: Two) -> None:
    """At two workers at once, in any order with the bank's other words."""
    body = bought.callback()
    other = bought.callback(event_id="evt-2", status="failed")
    answers = await asyncio.gather(
        *(bought.tell(body, place=two_places[n % 2]) for n in range(20)),
        bought.tell(other, place=two_places[1]),
    )
    assert {status for status, _ in answers} == {200}, answers
    await bought.until_paid()
    assert await bought.units() == (2, 0, 1)
    assert (await bought.tell(body))[1]["status"] == "paid"


@pytest.mark.parametrize(
    ("signed", "code"),
    [
        (None, "bad_signature"),
        ("nonsense", "bad_signature"),
        ("t=1,v1=", "bad_signature"),
        ("wrong secret", "bad_signature"),
        ("other body", "bad_signature"),
        ("upper case", "bad_signature"),
        ("no time", "bad_signature"),
        ("shifted time", "bad_signature"),
        ("too old", "stale_signature"),
        ("from the future", "stale_signature"),
    ],
)
async def test_a_forged_or_stale_callback_sells_nothing(
    bought: Purchase, signed: str | None, code: str
) -> None:
    """401, whatever is wrong with the signature."""
    body, now_s = bought.callback(), int(time.time())
    forged = {
        "wrong secret": signature(body, secret="another secret"),
        "other body": signature(body + b" "),
        "upper case": signature(body).upper(),
        "no time": signature(body).partition(",")[2],
        "shifted time": signature(body, at_s=now_s).replace(f"t={now_s}", f"t={now_s + 1}"),
        "too old": signature(body, at_s=now_s - 310),
        "from the future": signature(body, at_s=now_s + 310),
    }
    status, answer = await bought.tell(body, forged.get(signed or "", signed))
    assert (status, answer["err"]["code"]) == (401, code)
    assert await bought.units() == (2, 1, 0)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"amount_cents": 1}, 409, "amount_mismatch"),
        ({"amount_cents": 2_000}, 409, "amount_mismatch"),
        ({"currency": "USD"}, 409, "amount_mismatch"),
        ({"payment_id": "p_unknown"}, 404, "not_found"),
        ({"order_id": "o_unknown"}, 404, "not_found"),
        ({"amount_cents": 1999.0}, 400, "bad_request"),
        ({"amount_cents": "1999"}, 400, "bad_request"),
        ({"amount_cents": True}, 400, "bad_request"),
        ({"status": "paid"}, 400, "bad_request"),
        ({"status": None}, 400, "bad_request"),
        ({"event_id": ""}, 400, "bad_request"),
    ],
    ids=str,
)
async def test_a_signed_callback_with_wrong_facts_sells_nothing(
    bought: Purchase, changes: dict[str, Any], status: int, code: str
) -> None:
    """The signature says who speaks, not that it is true."""
    got, answer = await bought.tell(bought.callback(**changes))
    assert (got, answer["err"]["code"]) == (status, code)
    assert await bought.units() == (2, 1, 0)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"x" * 9_000])
async def test_a_signed_callback_that_is_no_callback(bought: Purchase, body: bytes) -> None:
    """400, nothing sold."""
    got, answer = await bought.tell(body)
    assert (got, answer["err"]["code"]) == (400, "bad_request")
    assert await bought.units() == (2, 1, 0)


async def test_an_unknown_provider(bought: Purchase) -> None:
    """404 for a bank nobody knows."""
    status, body = await bought.place.post("/v1/payments/paypal/callback", b"{}", sub=None)
    assert (status, body["err"]["code"]) == (404, "not_found")


async def test_somebody_elses_order_does_not_exist(bought: Purchase) -> None:
    """The same answer as for an id that was never given, for every act."""
    for method, tail in (("GET", ""), ("POST", "/pay"), ("POST", "/cancel")):
        answers = []
        for order_id in (bought.order_id, "o1-nobodys", bought.order_id[:-1] + "x"):
            path = f"/v1/orders/{order_id}{tail}"
            ask = (
                bought.place.get(path, sub="bob")
                if method == "GET"
                else bought.place.post(path, {}, sub="bob")
            )
            answers.append(await ask)
        assert answers[0][0] == 404
        assert answers.count(answers[0]) == 3, answers
    _, body = await bought.place.get("/v1/orders", sub="bob")
    assert body == {"orders": []}
    for path in ("/v1/orders", f"/v1/orders/{bought.order_id}"):
        assert (await bought.place.get(path))[0] == 401


async def test_cancelling_returns_the_stock_at_once(bought: Purchase, two_places: Two) -> None:
    """Told at both workers; a repeat says the same; money after that is given back."""
    ann, viewer = await two_places[1].enter("ann"), await two_places[1].enter()
    status, body = await bought.place.post(f"/v1/orders/{bought.order_id}/cancel", {}, sub="ann")
    assert (status, body["status"]) == (200, "cancelled")
    await ann.until(lambda: "cancelled" in order_statuses(ann))
    await viewer.until(lambda: viewer.state["stock"]["k1"]["left"] == 3)
    assert await bought.units() == (3, 0, 0)
    status, body = await two_places[1].post(f"/v1/orders/{bought.order_id}/cancel", {}, sub="ann")
    assert (status, body["status"]) == (200, "cancelled")
    assert await press(bought, "succeeded") == 409
    assert await bought.units() == (3, 0, 0)


async def test_a_paid_order_is_not_cancelled(bought: Purchase) -> None:
    """`order_closed`, and a second payment is refused as well."""
    await press(bought, "succeeded")
    await bought.until_paid()
    for act in ("cancel", "pay"):
        status, body = await bought.place.post(f"/v1/orders/{bought.order_id}/{act}", {}, sub="ann")
        assert (status, body["err"]["code"]) == (409, "order_closed")
    assert await bought.units() == (2, 0, 1)


async def test_the_deadline_and_the_money_agree(two_places: Two) -> None:
    """Paid in the last moment or returned: never both, whatever arrives first."""
    here, there = two_places
    bought = await purchase(here, hold_s=1)
    ends: set[tuple[int, int, int]] = {(2, 0, 1), (3, 0, 0)}

    clock = here.worker.services.hub.now_ms
    deadline_ms = clock() + 900
    await until_async(lambda: clock() >= deadline_ms)
    await press(bought, "succeeded", there)

    async def over() -> bool:
        return await bought.units() in ends

    await eventually(over)
    paid = await bought.units() == (2, 0, 1)

    async def told() -> bool:
        return await bought.status() == ("paid" if paid else "expired")

    await eventually(told)
    assert await bought.units() in ends


@pytest.mark.parametrize("body", [{"provider": "stripe?"}, {"provider": 1}, [], "sandbox", b"{"])
async def test_paying_by_nonsense(bought: Purchase, body: Any) -> None:
    """400 in the one error shape."""
    status, answer = await bought.place.post(f"/v1/orders/{bought.order_id}/pay", body, sub="ann")
    assert (status, answer["err"]["code"]) == (400, "bad_request")


async def test_no_secret_is_ever_logged(
    bought: Purchase, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither a token nor the signature of a callback, good or bad."""
    body = bought.callback()
    signed = signature(body)
    await bought.tell(body, signed.replace("v1=", "v1=0")[: len(signed)])
    await bought.tell(body, signed)
    visitor = await bought.place.knock()
    token = bought.place.token("lin")
    await visitor.say("hello", token=token + "x")
    await visitor.closed()
    written = "".join(capfd.readouterr())
    for secret in (signed.partition("v1=")[2], token, PAYMENT_SECRET):
        assert secret not in written

"""Paying and refunding over real HTTP, with a bank that is told to misbehave."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flash_sale import gateways
from tests.flash_sale.gateways import AlipayGateway, StripeGateway, WechatGateway
from tests.integration.house import House, Place, eventually

LINES = [{"sku_id": "k1", "qty": 2}]
MISBEHAVIOUR: list[tuple[str, dict[str, Any]]] = [
    ("late", {"late_ms": 150}),
    ("duplicated", {"duplicate": 5}),
    ("out of order", {"reorder": True}),
    ("late, often and out of order", {"late_ms": 50, "duplicate": 3, "reorder": True}),
    ("lost", {"lose": True}),  # found when the bank is asked, five seconds later
]
NOTHING: list[tuple[str, dict[str, Any]]] = [
    *((f"forged: {kind}", {"forge": kind}) for kind in ("unsigned", "secret", "body")),
    ("too old", {"forge": "stale"}),
    ("from the future", {"forge": "future", "duplicate": 2}),
    ("a cent less", {"amount_cents": 999}),
]


@pytest.fixture
async def dev(house: House) -> Place:
    """A room at a worker in dev mode."""
    return await house.room(await house.worker(dev=True))


async def open_sale(place: Place) -> str:
    sale_id = f"sale-{place.room_id}"
    sku = {"sku_id": "k1", "product_id": "p", "stock": 10, "sale_cents": 500, "per_user": 0}
    await place.do("sale.create", sale_id=sale_id, skus=[sku], start="now")
    return sale_id


async def hold(place: Place, sub: str = "ann") -> str:
    """An order of two pieces, 10.00 in all."""
    sale_id = await open_sale(place)
    status, body = await place.command(
        "sale.buy", sub=sub, role="viewer", sale_id=sale_id, lines=LINES, key=f"key-{sub}"
    )
    assert status == 200, body
    return str(body["ok"]["order_id"])


async def bill(place: Place, order_id: str, provider: str = "sandbox", sub: str = "ann") -> str:
    status, body = await place.post(f"/v1/orders/{order_id}/pay", {"provider": provider}, sub=sub)
    assert status == 200, body
    return str(body["payment_id"])


async def status_of(place: Place, order_id: str, sub: str = "ann") -> str:
    _, body = await place.get(f"/v1/orders/{order_id}", sub=sub)
    return str(body["status"])


async def is_paid(place: Place, order_id: str) -> None:
    async def holds() -> bool:
        return await status_of(place, order_id) == "paid"

    await eventually(holds)


async def press(place: Place, payment_id: str, **tricks: Any) -> tuple[int, Any]:
    body = {"outcome": "succeeded", **tricks}
    return await place.post(f"/v1/payments/{payment_id}/sandbox", body, sub=None)


async def paid(place: Place, sub: str = "ann") -> str:
    order_id = await hold(place, sub)
    status, body = await press(place, await bill(place, order_id, sub=sub))
    assert (status, body) == (202, {"accepted": True})
    return order_id


async def audit(place: Place) -> dict[str, Any]:
    _, body = await place.get(f"/v1/rooms/{place.room_id}/audit", sub="host", role="host")
    assert body["balanced"], body
    return dict(body["sales"][0]["skus"][0])


@pytest.mark.parametrize("tricks", [t for _, t in MISBEHAVIOUR], ids=[n for n, _ in MISBEHAVIOUR])
async def test_money_arrives_although_its_callback_is(dev: Place, tricks: dict[str, Any]) -> None:
    order_id = await hold(dev)
    ann = await dev.enter("ann")
    assert (await press(dev, await bill(dev, order_id), **tricks))[0] == 202
    await is_paid(dev, order_id)
    changed = await ann.event("order.changed")
    assert changed["order"]["status"] == "paid"
    assert (await audit(dev))["sold"] == 2
    assert len(ann.of("order.changed")) == 1


@pytest.mark.parametrize("tricks", [t for _, t in NOTHING], ids=[n for n, _ in NOTHING])
async def test_nothing_is_sold_by_a_callback_that_is(dev: Place, tricks: dict[str, Any]) -> None:
    order_id = await hold(dev)
    payment_id = await bill(dev, order_id)
    assert (await press(dev, payment_id, **tricks))[0] == 202
    assert await status_of(dev, order_id) == "placed"
    row = await audit(dev)
    assert (row["held"], row["sold"]) == (2, 0)


async def test_the_bank_behaves_outside_of_dev_mode(place: Place) -> None:
    order_id = await hold(place)
    payment_id = await bill(place, order_id)
    status, body = await press(place, payment_id, lose=True)
    assert (status, body["err"]["code"]) == (403, "forbidden")
    assert (await press(place, payment_id))[0] == 202
    await is_paid(place, order_id)


async def test_staff_refund_and_the_buyer_hears_of_it(place: Place) -> None:
    order_id = await paid(place)
    await is_paid(place, order_id)
    ann = await place.enter("ann")
    path = f"/v1/orders/{order_id}/refund"
    part = {
        "reason": "damaged",
        "lines": [{"sku_id": "k1", "qty": 1}],
        "restock": True,
        "key": "r1",
    }
    assert (await place.post(path, part, sub="ann"))[0] == 403
    assert (await place.post(path, part, sub=None))[0] == 401
    for _ in range(2):
        status, body = await place.post(path, part, role="host")
        assert status == 200, body
        assert body["refund"]["amount_cents"] == 500
        assert (body["refund"]["status"], body["refund"]["stock"]) == ("succeeded", "returned")
        assert body["order"]["status"] == "partially_refunded"
    assert (await ann.event("order.changed"))["order"]["status"] == "partially_refunded"
    row = await audit(place)
    assert (row["available"], row["restocked"], row["sold"]) == (9, 1, 2)
    refusals = [
        ({**part, "amount_cents": 1}, 409, "key_reused"),
        ({"reason": "other", "amount_cents": 501, "key": "r2"}, 409, "conflict"),
        ({"reason": "other", "amount_cents": 0, "key": "r2"}, 400, "bad_request"),
        ({"reason": "because", "key": "r2"}, 400, "bad_request"),
        ({"reason": "other"}, 400, "bad_request"),
    ]
    for asked, status, code in refusals:
        got, body = await place.post(path, asked, role="operator")
        assert (got, body["err"]["code"]) == (status, code), asked
    status, body = await place.post(path, {"reason": "goodwill", "key": "r3"}, role="assistant")
    assert (status, body["order"]["status"]) == (200, "refunded")
    _, body = await place.get(f"{path}s", sub="ann")
    assert [refund["amount_cents"] for refund in body["refunds"]] == [500, 500]
    assert (await place.get(f"{path}s", sub="eve"))[0] == 404


async def test_staff_of_another_room_see_no_such_order(place: Place) -> None:
    order_id = await paid(place)
    token = place.token("host2", "host", room="elsewhere")
    url = f"{place.url}/v1/orders/{order_id}/refund"
    async with place.house.session.post(
        url, json={"reason": "other", "key": "k"}, headers={"Authorization": f"Bearer {token}"}
    ) as answer:
        assert answer.status == 404


async def test_providers_get_the_answers_they_want_and_play_money_is_closed(house: House) -> None:
    """Alipay needs no call to open a payment, so its whole way is walked here."""
    bank = {
        "alipay_app_id": gateways.APP_ID,
        "alipay_seller_id": gateways.SELLER_ID,
        "alipay_private_key": gateways.private_pem("app"),
        "alipay_public_key": gateways.public_pem("alipay"),
        "stripe_secret_key": "sk_test_1",
        "stripe_webhook_secret": gateways.WEBHOOK_SECRET,
        "wechat_mchid": gateways.MCHID,
        "wechat_appid": gateways.APPID,
        "wechat_serial": "SERIAL1",
        "wechat_private_key": gateways.private_pem("merchant"),
        "wechat_api_v3_key": gateways.API_V3_KEY,
        "wechat_public_key": gateways.public_pem("wechat"),
        "wechat_public_key_id": gateways.KEY_ID,
    }
    place = await house.room(await house.worker(**bank))
    order_id = await hold(place)
    status, body = await place.post(f"/v1/orders/{order_id}/pay", {}, sub="ann")
    assert (status, body["err"]["code"]) == (404, "not_found")
    payment_id = await bill(place, order_id, "alipay")
    now_ms = place.worker.services.hub.now_ms()
    letters = {
        "alipay": AlipayGateway().letter(payment_id, order_id, now_ms, total_amount="10.00"),
        "wechat": WechatGateway().letter("p", "o", now_ms, kind="REFUND.SUCCESS"),
        "stripe": StripeGateway().letter("p", "o", now_ms, kind="charge.refunded"),
    }
    answers = {}
    for provider, (headers, text) in letters.items():
        url = f"{place.url}/v1/payments/{provider}/callback"
        async with house.session.post(url, data=text, headers=headers) as answer:
            answers[provider] = (answer.status, answer.content_type, await answer.text())
    assert answers["alipay"] == (200, "text/plain", "success")
    assert answers["wechat"] == (200, "application/json", '{"code":"SUCCESS"}')
    assert answers["stripe"][0] == 200
    assert await status_of(place, order_id) == "paid"
    url = f"{place.url}/v1/payments/wechat/callback"
    async with house.session.post(url, data=b"{}", headers={}) as answer:
        assert answer.status == 401

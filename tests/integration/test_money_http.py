"""Paying and refunding over real HTTP, with a bank that is told to misbehave."""

from __future__ import annotations

from typing import Any

import pytest

from flash_sale.payments import Payment
from flash_sale.providers.sandbox import SandboxProvider
from flash_sale.refunds import Refund, RefundStatus
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
    assert (await place.post(path, part, sub="eve"))[0] == 404
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


async def test_staff_give_the_coupon_back_with_the_money(place: Place) -> None:
    """Asked for by a buyer it is refused; decided by staff, the coupon is the buyer's again."""
    sale_id = await open_sale(place)
    terms = {"title": "1 off", "quota": 5, "off_cents": 100, "threshold_cents": 500}
    coupon_id = (await place.do("coupon.drop", **terms))["coupon_id"]
    status, body = await place.command(
        "coupon.claim", sub="ann", role="viewer", coupon_id=coupon_id
    )
    assert status == 200, body
    wish = {"sale_id": sale_id, "lines": LINES, "key": "k1", "coupon_id": coupon_id}
    status, body = await place.command("sale.buy", sub="ann", role="viewer", **wish)
    assert (status, body["ok"]["amount_cents"]) == (200, 900)
    order_id = str(body["ok"]["order_id"])
    await press(place, await bill(place, order_id))
    await is_paid(place, order_id)

    async def state() -> str:
        _, owned = await place.get("/v1/me/coupons", sub="ann")
        return str(owned["coupons"][0]["state"])

    assert await state() == "used"
    path, ask = f"/v1/orders/{order_id}/refund", {"reason": "damaged", "key": "r1"}
    assert (await place.post(path, {**ask, "return_coupons": True}, sub="ann"))[0] == 403
    status, body = await place.post(path, ask, sub="ann")
    assert status == 202, body
    path = f"/v1/refund-requests/{body['request']['request_id']}/approve"
    for _ in range(2):
        status, body = await place.post(path, {"return_coupons": True}, role="host")
        assert (status, body["refund"]["coupons"]) == (200, "returned"), body
        assert await state() == "claimed"
    assert (await place.post(path, {}, role="host"))[0] == 409


async def test_a_buyer_asks_and_staff_on_another_worker_answer(
    two_places: tuple[Place, Place],
) -> None:
    here, there = two_places
    order_id = await paid(here)
    await is_paid(here, order_id)
    host, ann = await there.enter("host", role="host"), await there.enter("ann")
    path = f"/v1/orders/{order_id}/refund"
    wish = {"reason": "damaged", "note": " torn ", "lines": [{"sku_id": "k1", "qty": 1}]}
    status, body = await here.post(path, {**wish, "key": "w1"}, sub="ann")
    assert (status, body["order"]["status"]) == (202, "paid")
    asked = body["request"]
    assert (asked["status"], asked["amount_cents"], asked["note"]) == ("open", 500, "torn")
    assert (await here.post(path, {**wish, "key": "w1"}, sub="ann"))[1]["request"] == asked
    assert (await here.post(path, {**wish, "key": "w2"}, sub="ann"))[0] == 409
    assert (await host.event("refund.requested"))["request"]["request_id"] == asked["request_id"]
    listing = f"/v1/rooms/{here.room_id}/refunds/requested"
    assert (await there.get(listing, sub="ann"))[0] == 403
    _, body = await there.get(listing, sub="host", role="host")
    assert [one["request_id"] for one in body["requests"]] == [asked["request_id"]]
    door = f"/v1/refund-requests/{asked['request_id']}"
    for act in ("approve", "refuse"):
        assert (await there.post(f"{door}/{act}", {"answer": "no"}, sub="ann"))[0] == 403
    assert (await there.post(f"{door}/withdraw", {}, sub="eve"))[0] == 404
    for _ in range(2):
        status, body = await there.post(f"{door}/approve", {"restock": True}, role="host")
        assert (status, body["request"]["status"]) == (200, "approved"), body
        assert (body["refund"]["amount_cents"], body["refund"]["stock"]) == (500, "returned")
    assert (await ann.event("refund.decided"))["request"]["status"] == "approved"
    assert (await there.post(f"{door}/refuse", {"answer": "no"}, role="host"))[0] == 409
    _, body = await here.post(path, {"reason": "changed_mind", "key": "w3"}, sub="ann")
    door = f"/v1/refund-requests/{body['request']['request_id']}"
    status, body = await there.post(f"{door}/refuse", {"answer": "已拆封"}, role="host")
    assert (status, body["request"]["answer"]) == (200, "已拆封")
    _, body = await here.get(f"{path}s", sub="ann")
    assert [one["status"] for one in body["requests"]] == ["approved", "refused"]
    assert [one["amount_cents"] for one in body["refunds"]] == [500]
    log = f"/v1/rooms/{here.room_id}/staff-acts"
    _, body = await here.get(log, sub="host", role="host")
    assert {"refund.approve", "refund.refuse"} <= {act["op"] for act in body["acts"]}


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


async def test_a_refused_refund_waits_for_a_person(
    two_places: tuple[Place, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Staff on every worker are alerted; the list empties once somebody has seen to it."""
    here, there = two_places

    async def refuse(self: SandboxProvider, refund: Refund, payment: Payment) -> RefundStatus:
        return RefundStatus.FAILED

    monkeypatch.setattr(SandboxProvider, "refund", refuse)
    order_id = await paid(here)
    await is_paid(here, order_id)
    host, ann = await there.enter("host", role="host"), await there.enter("ann")
    asked = {"reason": "damaged", "key": "r1"}
    _, body = await here.post(f"/v1/orders/{order_id}/refund", asked, role="host")
    refund_id = body["refund"]["refund_id"]
    assert body["refund"]["status"] == "failed"
    assert (await host.event("refund.failed"))["refund"]["refund_id"] == refund_id
    assert ann.of("refund.failed") == []
    listing = f"/v1/rooms/{here.room_id}/refunds/failed"
    assert (await here.get(listing, sub="ann", role="viewer"))[0] == 403
    _, body = await there.get(listing, sub="host", role="host")
    assert [refund["refund_id"] for refund in body["refunds"]] == [refund_id]
    settle, note = f"/v1/refunds/{refund_id}/settle", {"note": "by bank transfer"}
    assert (await there.post(settle, note, sub="ann"))[0] == 403
    assert (await there.post(settle, {"note": ""}, role="host"))[0] == 400
    for place in (here, there):
        status, body = await place.post(settle, note, role="host")
        assert (status, body["refund"]["status"]) == (200, "settled")
    assert (await here.get(listing, sub="host", role="host"))[1] == {"refunds": []}
    assert await status_of(here, order_id) == "refunded"

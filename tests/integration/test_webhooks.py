"""Webhooks, exports, commissions and carts over HTTP; and no way into one's own network."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from flash_sale.payments import SIGNATURE_HEADER, verify
from server.webhook_post import NotPublic, WebhookSender, is_public
from tests.integration.house import Place
from tests.integration.test_coupons import a_sale, buy, pay
from tests.waiting import eventually


class Erp:
    """Another system, which keeps what it is sent."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, bytes]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        headers = request.headers
        event, signature = headers["X-Liveroom-Event"], headers[SIGNATURE_HEADER]
        self.got.append((event, signature, await request.read()))
        if request.path == "/away":
            raise web.HTTPFound("/in")
        return web.Response()


@pytest.fixture
async def erp() -> AsyncIterator[Erp]:
    erp = Erp()
    app = web.Application()
    app.router.add_post("/in", erp.take)
    app.router.add_post("/away", erp.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    erp.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield erp
    await runner.cleanup()


async def test_another_system_hears_of_a_paid_order(place: Place, erp: Erp) -> None:
    body = {"url": f"{erp.url}/in", "events": ["order.paid"], "room_id": place.room_id}
    status, hook = await place.post("/v1/webhooks", body, sub="op", role="operator")
    assert status == 201, hook
    sale_id = await a_sale(place)
    await pay(place, (await buy(place, sale_id, "ann"))["order_id"], "ann")

    async def heard() -> bool:
        return [event for event, _, _ in erp.got] == ["order.paid"]

    await eventually(heard)
    _, signature, sent = erp.got[0]
    now_ms = place.worker.services.hub.now_ms()
    verify(hook["secret"].encode(), signature, sent, now_ms)
    path = f"/v1/webhooks/{hook['webhook_id']}"

    async def logged() -> bool:
        _, log = await place.get(f"{path}/deliveries", sub="op", role="operator")
        return [row["state"] for row in log["deliveries"]] == ["delivered"]

    await eventually(logged)
    _, listed = await place.get("/v1/webhooks", sub="op", role="operator")
    assert "secret" not in listed["webhooks"][0]
    url, headers = place.url + path, place.bearer("op", "operator")
    async with place.house.session.delete(url, headers=headers) as answer:
        assert answer.status == 200
    async with place.house.session.delete(url, headers=headers) as answer:
        assert answer.status == 404


async def test_webhooks_are_for_operators(place: Place) -> None:
    for role, status in (("viewer", 403), ("host", 403), ("operator", 200), ("admin", 200)):
        assert (await place.get("/v1/webhooks", sub="x", role=role))[0] == status
    assert (await place.get("/v1/webhooks"))[0] == 401


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.1.1",
        "172.16.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "::1",
        "::ffff:127.0.0.1",
        "fe80::1",
        "fc00::1",
        "224.0.0.1",
        "100.64.0.1",
        "2002:7f00:1::",
        "64:ff9b::a00:1",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "①27.0.0.1", "127。0。0。1", "0x7f.1"],
)
async def test_a_public_server_calls_no_private_address(erp: Erp, host: str) -> None:
    """By number and by name, checked where the connection is made."""
    sender = WebhookSender(anywhere=False)
    port = erp.url.rpartition(":")[2]
    with pytest.raises((NotPublic, OSError)) as caught:
        await sender(f"http://{host}:{port}/in", {}, b"{}")
    assert "public" in str(caught.value)
    await sender.close()
    assert erp.got == []


async def test_a_redirect_is_not_followed(erp: Erp) -> None:
    sender = WebhookSender(anywhere=True)
    headers = {"X-Liveroom-Event": "x", SIGNATURE_HEADER: "y"}
    assert await sender(f"{erp.url}/away", headers, b"{}") == 302
    await sender.close()
    assert len(erp.got) == 1


async def test_exports_and_commissions_are_for_staff(place: Place) -> None:
    await place.command("commission.set", role="operator", rate_bp=1_000)
    sale_id = await a_sale(place)
    await pay(place, (await buy(place, sale_id, "ann"))["order_id"], "ann")
    base = f"/v1/rooms/{place.room_id}"
    assert (await place.get(f"{base}/commissions", sub="ann"))[0] == 403
    status, found = await place.get(f"{base}/commissions", sub="host", role="host")
    assert status == 200
    assert found["hosts"] == [{"host_id": "host", "earned_cents": 290}]
    for kind in ("orders", "payments", "refunds", "commissions"):
        url = f"{place.url}{base}/export/{kind}.csv"
        async with place.house.session.get(url, headers=place.bearer("host", "host")) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Disposition"].endswith(f'-{kind}.csv"')
            assert (await answer.text()).count("\n") == (1 if kind == "refunds" else 2)
        async with place.house.session.get(url, headers=place.bearer("ann", "viewer")) as answer:
            assert answer.status == 403
    assert (await place.get(f"{base}/export/users.csv", sub="host", role="host"))[0] == 404


async def test_a_cart_becomes_orders_that_split_and_merge(place: Place) -> None:
    sale_id = await a_sale(place)

    async def ann(op: str, **params: object) -> dict[str, object]:
        status, body = await place.command(op, sub="ann", role="viewer", **params)
        assert status == 200, body
        return dict(body["ok"])

    await ann("cart.add", sale_id=sale_id, sku_id="tea", qty=1)
    assert await ann("cart.add", sale_id=sale_id, sku_id="tea", qty=2) == {"qty": 3}
    await ann("cart.set", sale_id=sale_id, sku_id="tea", qty=2)
    path = f"/v1/me/cart?room_id={place.room_id}"
    _, cart = await place.get(path, sub="ann")
    assert cart["sales"][0]["amount_cents"] == 5800
    sales = (await ann("cart.checkout", key="k"))["sales"]
    order_id = sales[0]["ok"]["order_id"]  # type: ignore[index]
    assert (await place.get(path, sub="ann"))[1] == {"sales": []}
    part = [{"sku_id": "tea", "qty": 1}]
    body = {"order_id": order_id, "parts": [part, part], "key": "s"}
    status, split = await place.post("/v1/orders/split", body, sub="ann")
    assert (status, [order["amount_cents"] for order in split["orders"]]) == (200, [2900, 2900])
    ids = [order["order_id"] for order in split["orders"]]
    status, merged = await place.post("/v1/orders/merge", {"order_ids": ids, "key": "m"}, sub="ann")
    assert (status, merged["amount_cents"]) == (200, 5800)
    assert (await place.audit())["balanced"]

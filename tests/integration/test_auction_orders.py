"""A won auction is an order: one, whatever crashes on the way, at the hammer's price, for one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flash_sale.errors import Refused
from server.auction_orders import AuctionOrders, sale_id_of
from tests.integration.house import Place, eventually
from tests.integration.test_auctions import opened
from tests.integration.test_money_http import bill, press, status_of

Two = tuple[Place, Place]


async def won(place: Place, cents: int = 2_500) -> str:
    """An auction that Lin has won."""
    auction_id = await opened(place)
    lin = await place.enter("lin")
    await lin.ask("auction.bid", auction_id=auction_id, amount_cents=cents)
    await place.do("auction.close", auction_id=auction_id)
    return auction_id


async def orders_of(place: Place, sub: str = "lin") -> list[dict[str, Any]]:
    _, body = await place.get("/v1/orders", sub=sub)
    return list(body["orders"])


async def has_order(place: Place) -> bool:
    _, body = await place.get("/v1/me/wins", sub="lin")
    return all(win["order"] for win in body["auctions"]) and bool(body["auctions"])


async def test_the_winner_is_told_pays_and_nobody_else_can_have_it(two_places: Two) -> None:
    here, there = two_places
    lin, eve = await there.enter("lin"), await here.enter("eve")
    auction_id = await won(here)
    order = (await lin.event("order.changed"))["order"]
    assert (order["amount_cents"], order["channel"]) == (2_500, "auction")
    sale_id = sale_id_of(auction_id)
    for channel in ("live", "auction"):
        buy = {"sale_id": sale_id, "lines": [{"sku_id": sale_id, "qty": 1}], "channel": channel}
        reply = await eve.ask("sale.buy", key=f"k-{channel}", **buy)
        assert "err" in reply
    pot = [{"sku_id": "pot", "product_id": "pot", "stock": 1, "sale_cents": 1}]
    status, body = await here.command("sale.create", sale_id="auction-x", skus=pot)
    assert (status, body["err"]["code"]) == (400, "bad_request")
    assert sale_id not in lin.state["sales"]
    payment_id = await bill(here, order["order_id"], sub="lin")
    await press(here, payment_id)

    async def is_paid() -> bool:
        return await status_of(here, order["order_id"], sub="lin") == "paid"

    await eventually(is_paid)
    _, body = await there.get("/v1/me/wins", sub="lin")
    assert body["auctions"][0]["order"]["status"] == "paid"


@pytest.mark.parametrize("dies_at", ["create", "start", "reserve", "stop"])
async def test_whatever_dies_on_the_way_there_is_one_order(
    place: Place, monkeypatch: pytest.MonkeyPatch, dies_at: str
) -> None:
    """Each step is done, and then its worker dies before the next; twice, then two at once."""
    services = place.worker.services
    orders: AuctionOrders = services.selling.auction_orders
    owner: Any = orders._engine if dies_at == "reserve" else orders._desk
    alive = getattr(owner, dies_at)
    deaths = 0

    async def die_after(*args: Any, **named: Any) -> Any:
        nonlocal deaths
        answer = await alive(*args, **named)
        if deaths < 2:
            deaths += 1
            raise Refused("unavailable", "killed")
        return answer

    monkeypatch.setattr(owner, dies_at, die_after)
    await won(place)
    await eventually(lambda: has_order(place))
    orders._done.clear()
    await asyncio.gather(orders.step(), orders.step())
    [order] = await orders_of(place)
    assert order["amount_cents"] == 2_500
    assert deaths >= 1


async def three_have_bid(place: Place) -> str:
    """Eve 15.00, Kim 20.00, Lin 25.00: Lin has won, and does not pay."""
    auction_id = await opened(place)
    for sub, cents in (("eve", 1_500), ("kim", 2_000), ("lin", 2_500)):
        status, body = await place.command(
            "auction.bid", sub=sub, role="viewer", auction_id=auction_id, amount_cents=cents
        )
        assert status == 200, body
    await place.do("auction.close", auction_id=auction_id)
    await eventually(lambda: has_order(place))
    return auction_id


async def cancel(place: Place, sub: str) -> dict[str, Any]:
    order = (await orders_of(place, sub))[0]
    status, body = await place.post(f"/v1/orders/{order['order_id']}/cancel", {}, sub=sub)
    assert status == 200, body
    return order


async def offer(place: Place, auction_id: str, role: str = "host") -> tuple[int, Any]:
    return await place.command("auction.offer_next", sub="host", role=role, auction_id=auction_id)


async def test_an_unpaid_piece_is_offered_to_the_next_bidder(two_places: Two) -> None:
    """Staff are told, the next is offered it at their own bid, and late money goes back."""
    here, there = two_places
    host, kim = await there.host(), await there.enter("kim")
    auction_id = await three_have_bid(here)
    assert (await offer(here, auction_id))[0] == 409, "the winner can still pay"
    lins = (await orders_of(here))[0]
    payment_id = await bill(here, lins["order_id"], sub="lin")
    services = here.worker.services
    sale = await services.sales.get(lins["sale_id"])
    assert sale is not None
    gone_ms = lins["expires_ms"] + 3_600_000
    released = await services.sales._stock.release(
        sale.sale_id, [lins["order_id"][1:]], "expired", gone_ms
    )
    assert released.outcomes == ("released",)
    services.selling.on_order({**lins, "status": "expired"})
    assert (await host.event("auction.unpaid"))["auction_id"] == auction_id

    async def is_expired() -> bool:
        return await status_of(here, lins["order_id"], sub="lin") == "expired"

    await eventually(is_expired)
    assert (await offer(here, auction_id, role="assistant"))[0] == 403
    pressed = await asyncio.gather(*(offer(place, auction_id) for place in (here, there, here)))
    assert {status for status, _ in pressed} <= {200, 409, 503}
    body = next(body for status, body in pressed if status == 200)
    assert (body["ok"]["user_id"], body["ok"]["amount_cents"]) == ("kim", 2_000)
    await eventually(lambda: has_orders(here, "kim"))
    assert len(await orders_of(here, "kim")) == 1
    assert (await kim.event("auction.offered"))["order_id"] == body["ok"]["order_id"]
    assert (await offer(here, auction_id))[0] == 409, "it is Kim's to pay now"
    await press(here, payment_id)

    async def is_refunded() -> bool:
        return await status_of(here, lins["order_id"], sub="lin") == "refunded"

    await eventually(is_refunded)
    await press(here, await bill(there, body["ok"]["order_id"], sub="kim"))

    async def is_paid() -> bool:
        return await status_of(there, body["ok"]["order_id"], sub="kim") == "paid"

    await eventually(is_paid)
    assert (await offer(here, auction_id))[0] == 409
    audit = await here.audit()
    assert audit["balanced"], audit


@pytest.mark.parametrize("dies_at", ["write_off", "create", "start", "reserve", "stop"])
async def test_an_offer_that_broke_off_goes_on_with_the_same_person(
    place: Place, monkeypatch: pytest.MonkeyPatch, dies_at: str
) -> None:
    """And who is banned, or had it before, is passed over; when nobody is left, it says so."""
    auction_id = await three_have_bid(place)
    await cancel(place, "lin")
    orders: AuctionOrders = place.worker.services.selling.auction_orders
    owner: Any = orders._engine if dies_at == "reserve" else orders._desk
    alive = getattr(owner, dies_at)

    async def die_after(*args: Any, **named: Any) -> Any:
        await alive(*args, **named)
        monkeypatch.undo()
        raise Refused("unavailable", "killed")

    monkeypatch.setattr(owner, dies_at, die_after)
    assert (await offer(place, auction_id))[0] == 503
    if dies_at in ("reserve", "stop"):
        await eventually(lambda: has_orders(place, "kim"))
        await cancel(place, "kim")
    else:
        status, body = await offer(place, auction_id)
        assert (status, body["ok"]["user_id"]) == (200, "kim"), body
        await eventually(lambda: has_orders(place, "kim"))
        await cancel(place, "kim")
    assert len(await orders_of(place, "kim")) == 1
    await place.do("user.ban", user_id="eve")
    status, body = await offer(place, auction_id)
    assert (status, body["err"]["code"]) == (404, "not_found")


async def has_orders(place: Place, sub: str) -> bool:
    return bool(await orders_of(place, sub))

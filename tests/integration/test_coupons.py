"""Coupons over the public protocol: dropped, claimed, used, seen by everybody."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.integration.house import Place
from tests.waiting import eventually


async def a_sale(place: Place, *, stock: int = 10, cents: int = 2900) -> str:
    """A live sale of SKU `tea`."""
    await place.do("product.put", product_id="p1", title="Tea", price_cents=5900)
    sku = {"sku_id": "tea", "product_id": "p1", "stock": stock, "sale_cents": cents, "per_user": 0}
    made = await place.do("sale.create", skus=[sku], start="now", hold_s=120)
    return str(made["sale_id"])


async def buy(place: Place, sale_id: str, sub: str, **more: Any) -> dict[str, Any]:
    """The `ok` of a buy of one."""
    params = {"sale_id": sale_id, "lines": [{"sku_id": "tea", "qty": 1}], "key": "k1", **more}
    status, body = await place.command("sale.buy", sub=sub, role="viewer", **params)
    assert status == 200, body
    ok: dict[str, Any] = body["ok"]
    return ok


async def pay(place: Place, order_id: str, sub: str) -> None:
    """At the sandbox cashier."""
    status, begun = await place.post(f"/v1/orders/{order_id}/pay", {}, sub=sub)
    assert status == 200, begun
    path = f"/v1/payments/{begun['payment_id']}/sandbox"
    await place.post(path, {"outcome": "succeeded"}, sub=sub)

    async def paid() -> bool:
        _, order = await place.get(f"/v1/orders/{order_id}", sub=sub)
        return bool(order["status"] == "paid")

    await eventually(paid)


async def test_from_the_drop_to_the_points(two_places: tuple[Place, Place]) -> None:
    """One worker drops, viewers of both see it and how many are left; the buyer pays less."""
    here, there = two_places
    sale_id = await a_sale(here)
    ann, guest = await there.enter("ann"), await here.enter()
    made = await here.do(
        "coupon.drop", title="满20减5", off_cents=500, threshold_cents=2000, quota=3
    )
    coupon_id = made["coupon_id"]
    told = await guest.event("coupon.dropped")
    assert (told["coupon"]["coupon_id"], told["coupon"]["off_cents"]) == (coupon_id, 500)
    await ann.event("coupon.dropped")
    claimed = await ann.do("coupon.claim", coupon_id=coupon_id)
    assert claimed["remaining"] == 2
    assert (await ann.do("coupon.claim", coupon_id=coupon_id)) == claimed
    assert await ann.refused("coupon.claim", coupon_id=coupon_id, key="more") == "limit_reached"
    await guest.until(lambda: guest.state["coupons"].get(coupon_id, {}).get("remaining") == 2)
    held = await buy(there, sale_id, "ann", coupon_id=coupon_id)
    assert (held["amount_cents"], held["discounts"][0]["off_cents"]) == (2400, 500)
    await pay(here, held["order_id"], "ann")
    _, mine = await here.get("/v1/me/coupons", sub="ann")
    assert [coupon["state"] for coupon in mine["coupons"]] == ["used"]
    _, points = await here.get("/v1/me/points", sub="ann")
    assert points["points"] == 24
    late = await here.enter("late")
    assert late.state["coupons"][coupon_id]["remaining"] == 2


async def test_points_are_spent_at_checkout_and_come_back(place: Place) -> None:
    sale_id = await a_sale(place)
    first = await buy(place, sale_id, "ann")
    await pay(place, first["order_id"], "ann")
    held = await buy(place, sale_id, "ann", key="k2", points=20)
    assert held["amount_cents"] == 2880
    assert (await place.get("/v1/me/points", sub="ann"))[1]["points"] == 9
    status, body = await place.command(
        "sale.buy",
        sub="ann",
        role="viewer",
        sale_id=sale_id,
        lines=[{"sku_id": "tea", "qty": 1}],
        key="k3",
        points=10,
    )
    assert (status, body["err"]["code"]) == (409, "points_short")
    await place.post(f"/v1/orders/{held['order_id']}/cancel", {}, sub="ann")

    async def back() -> bool:
        return bool((await place.get("/v1/me/points", sub="ann"))[1]["points"] == 29)

    await eventually(back)


async def test_a_paid_order_brings_a_coupon_that_only_its_buyer_hears_of(
    two_places: tuple[Place, Place],
) -> None:
    here, there = two_places
    sale_id = await a_sale(here)
    made = await here.do("coupon.drop", title="回购减5", off_cents=500, quota=3, repurchase=True)
    ann, bob = await there.enter("ann"), await here.enter("bob")
    held = await buy(here, sale_id, "ann")
    await pay(here, held["order_id"], "ann")
    told = (await ann.event("coupon.granted"))["coupon"]
    assert (told["coupon_id"], told["order_id"]) == (made["coupon_id"], held["order_id"])
    _, mine = await here.get("/v1/me/coupons", sub="ann")
    assert [(one["state"], one["expires_ms"]) for one in mine["coupons"]] == [
        ("claimed", told["expires_ms"])
    ]
    again = await buy(there, sale_id, "ann", key="k2", coupon_id=made["coupon_id"])
    assert again["amount_cents"] == 2400
    assert bob.of("coupon.granted") == []


async def test_tasks_are_judged_by_the_server(place: Place) -> None:
    """A comment before the drop does not count, one after it does; watching takes its time."""
    ann = await place.enter("ann")
    await ann.do("comment.send", text="early")
    talk = await place.do("coupon.drop", title="说句话", percent=10, quota=5, task="comment")
    watch = await place.do(
        "coupon.drop", title="看一会", percent=10, quota=5, task="watch_s", watch_s=3600
    )
    await ann.event("coupon.dropped", 2)
    assert await ann.refused("coupon.claim", coupon_id=talk["coupon_id"]) == "not_qualified"
    assert await ann.refused("coupon.claim", coupon_id=watch["coupon_id"]) == "not_qualified"
    await ann.do("comment.send", text="now")
    assert (await ann.do("coupon.claim", coupon_id=talk["coupon_id"]))["number"] == 1


async def test_a_quota_claimed_by_everybody_at_once_is_exact(
    two_places: tuple[Place, Place],
) -> None:
    made = await two_places[0].do("coupon.drop", title="5 off", off_cents=500, quota=20)
    claims = await asyncio.gather(
        *(
            two_places[n % 2].command(
                "coupon.claim", sub=f"u{n}", role="viewer", coupon_id=made["coupon_id"]
            )
            for n in range(100)
        )
    )
    codes = [body.get("err", {}).get("code", "ok") for _, body in claims]
    assert (codes.count("ok"), codes.count("none_left")) == (20, 80)


async def test_a_coupon_of_another_room_is_not_found(place: Place) -> None:
    other = await place.house.room(place.worker)
    made = await other.do("coupon.drop", title="5 off", off_cents=500, quota=20)
    status, _ = await place.command(
        "coupon.claim", sub="ann", role="viewer", coupon_id=made["coupon_id"]
    )
    assert status == 404


async def test_platform_coupons_are_the_operators(place: Place) -> None:
    terms = {"title": "5 off", "off_cents": 500, "quota": 20, "scope": "platform"}
    assert (await place.command("coupon.drop", **terms))[0] == 403
    assert (await place.command("coupon.drop", role="operator", **terms))[0] == 200


async def test_wins_can_be_looked_up(place: Place) -> None:
    made = await place.do("lottery.open", winners=1, prize="茶", manual=True)
    await place.command("lottery.join", sub="ann", role="viewer", lottery_id=made["lottery_id"])
    await place.do("lottery.draw", lottery_id=made["lottery_id"])

    async def listed() -> bool:
        _, mine = await place.get("/v1/me/wins", sub="ann")
        return [(win["prize"], win["rank"]) for win in mine["wins"]] == [("茶", 1)]

    await eventually(listed)

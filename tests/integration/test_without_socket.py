"""People in a room over plain HTTP alone: counted, welcomed, and the same as on a socket."""

from __future__ import annotations

from typing import Any

import pytest
from redis.asyncio import Redis

from server.commands.presence import PRESENT_MS
from server.registry import RateClass
from tests.integration.house import Place
from tests.integration.test_money_http import bill, press
from tests.waiting import eventually


async def beat(place: Place, sub: str | None = None, device: str = "", **params: Any) -> Any:
    url = f"{place.url}/v1/rooms/{place.room_id}/commands"
    headers = {**place.bearer(sub, "viewer"), **({"Device-Id": device} if device else {})}
    body = {"op": "presence.beat", **params}
    async with place.house.session.post(url, json=body, headers=headers) as answer:
        return await answer.json()


async def online(place: Place, count: int) -> None:
    async def shown() -> bool:
        return bool(place.live.state["online"] == count)

    await eventually(shown)


async def test_whoever_says_so_is_online(two_places: tuple[Place, Place], redis: Redis) -> None:
    """Once, at whichever worker and however often they say it; and no more when they stop."""
    here, there = two_places
    viewer = await here.enter("on-a-socket")
    await beat(here, "ann")
    await beat(there, "ann")
    await beat(there, "bob")
    for place in two_places:
        await online(place, 3)
    await viewer.until(lambda: viewer.state["online"] == 3)
    key = f"room:{{{here.room_id}}}:without_socket"
    await redis.zadd(key, {"bob": 1})  # as if bob's time was over
    for place in two_places:
        await online(place, 2)
    assert await redis.pttl(key) <= PRESENT_MS


async def test_a_guest_is_the_same_over_both_lines(place: Place) -> None:
    """By the device, without telling it; without one by the address."""
    visitor = await place.knock()
    welcome = await visitor.hello(None, None, device="phone-1")
    answer = await beat(place, device="phone-1")
    assert answer["ok"]["user"]["id"] == welcome["user"]["id"]
    assert answer["ok"]["user"]["following"] is False
    others = [(await beat(place))["ok"]["user"]["id"] for _ in range(2)]
    assert len({welcome["user"]["id"], *others}) == 2


async def test_a_guest_without_a_name_is_bound_by_the_limits(place: Place) -> None:
    """Per person without a `Device-Id`; whoever says a new one each time, by the address."""
    url = f"{place.url}/v1/rooms/{place.room_id}/commands"
    taps = place.worker.services.limits[RateClass.TAP]

    async def tap(device: str = "") -> str:
        headers = {"Device-Id": device} if device else {}
        body = {"op": "like.add", "n": 1}
        async with place.house.session.post(url, json=body, headers=headers) as answer:
            reply = await answer.json()
            return "ok" if "ok" in reply else str(reply["err"]["code"])

    assert await tap() == "ok"
    keys = [key for key in taps._buckets if key.startswith(("g_", "@"))]
    assert len(keys) == 2, "one guest, one address"
    for key in keys:
        taps._buckets[key].rate_per_s = 1e-9  # used up, and for as long as this test lasts
        taps.take(key, place.worker.services.hub.now_ms(), taps._buckets[key]._level)
    assert await tap() == "rate_limited"
    assert await tap("another-phone") == "rate_limited"
    assert await tap("a-third-phone") == "rate_limited"


@pytest.mark.parametrize("device", ["", "phone-1"])
async def test_a_guest_buys_nothing(place: Place, device: str) -> None:
    """Limits per person need a person: a buy takes a login, whatever device it is said to be of."""
    url = f"{place.url}/v1/rooms/{place.room_id}/commands"
    headers = {"Device-Id": device} if device else {}
    lines = [{"sku_id": "a", "qty": 1}]
    body = {"op": "sale.buy", "sale_id": "s1", "lines": lines, "key": "k1"}
    async with place.house.session.post(url, json=body, headers=headers) as answer:
        assert answer.status == 401
        assert (await answer.json())["err"]["code"] == "login_required"


async def test_an_arrival_counts_once_and_watching_counts(place: Place, redis: Redis) -> None:
    """The first beat is an entry from its source; the time between two beats was watched."""
    for _ in range(3):
        await beat(place, "ann", entry={"src": "wechat"})
    await beat(place, "back", entry=None)  # comes from a lost socket: no new entry
    assert place.live.counters["entries"] == 1
    store, key = place.worker.services.room_store, f"room:{{{place.room_id}}}:without_socket"
    until_ms = await redis.zscore(key, "ann")
    await redis.zadd(key, {"ann": until_ms - 10_000})  # as if the last beat was ten seconds ago
    await redis.delete(f"room:{{{place.room_id}}}:watched_until")
    await beat(place, "ann")
    assert 10_000 <= await store.watched_ms(place.room_id, "ann") < 20_000


async def test_the_banned_and_the_ended_are_not_counted(place: Place) -> None:
    """The codes are those of a hello."""
    await place.do("user.ban", user_id="ann")
    assert (await beat(place, "ann"))["err"]["code"] == "banned"
    await place.do("room.end")
    assert (await beat(place, "bob"))["err"]["code"] == "room_ended"


async def own(place: Place, sub: str = "ann") -> Any:
    status, body = await place.get(f"/v1/rooms/{place.room_id}/me", sub=sub)
    assert status == 200, body
    return body


async def test_what_is_ones_own_is_read_without_a_socket(two_places: tuple[Place, Place]) -> None:
    """Orders, coupons, what was asked back, what one waits for, following, the mute; at any worker,
    and nothing of it by anybody else."""
    here, there = two_places
    sku = {"sku_id": "k1", "product_id": "p", "stock": 1, "sale_cents": 500, "per_user": 0}
    await here.do("sale.create", sale_id="s1", skus=[sku], start="now")
    terms = {"title": "1 off", "quota": 5, "off_cents": 100, "repurchase": True}
    coupon_id = (await here.do("coupon.drop", **terms))["coupon_id"]
    lines = [{"sku_id": "k1", "qty": 1}]
    order_id = await hold(there, "s1", lines)
    status, body = await here.command(
        "waitlist.join", sub="bob", role="viewer", sale_id="s1", sku_id="k1"
    )
    assert status == 200, body
    assert (await own(there, "bob"))["waiting"] == [
        {"sale_id": "s1", "sku_id": "k1", "qty": 1, "ahead": 0}
    ]
    await press(here, await bill(here, order_id))

    async def has_coupon() -> bool:
        owned = (await own(there))["coupons"]
        return [(one["coupon_id"], one["order_id"]) for one in owned] == [(coupon_id, order_id)]

    await eventually(has_coupon)
    path = f"/v1/orders/{order_id}/refund"
    status, body = await here.post(path, {"reason": "damaged", "key": "k"}, sub="ann")
    request_id = body["request"]["request_id"]
    await here.post(f"/v1/refund-requests/{request_id}/refuse", {"answer": "no"}, role="host")
    await here.command("host.follow", sub="ann", role="viewer")
    await there.do("user.mute", user_id="ann", seconds=600)
    mine = await own(there)
    assert [(one["order_id"], one["status"]) for one in mine["orders"]] == [(order_id, "paid")]
    assert [one["status"] for one in mine["refund_requests"]] == ["refused"]
    assert mine["muted_until_ms"] > mine["server_ms"]
    assert mine["following"] is True
    assert (mine["wins"], mine["auctions"], mine["waiting"]) == ([], [], [])
    bobs = await own(here, "bob")
    assert (bobs["orders"], bobs["coupons"], bobs["refund_requests"]) == ([], [], [])
    status, body = await here.get(f"/v1/rooms/{here.room_id}/me", sub=None)
    assert (status, body["err"]["code"]) == (401, "login_required")


async def hold(place: Place, sale_id: str, lines: list[dict[str, Any]]) -> str:
    buy = {"sale_id": sale_id, "lines": lines, "key": "k1"}
    status, body = await place.command("sale.buy", sub="ann", role="viewer", **buy)
    assert status == 200, body
    return str(body["ok"]["order_id"])

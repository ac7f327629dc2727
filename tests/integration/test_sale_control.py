"""The host's hands on a running sale: look before starting, pause, move stock, hear alarms."""

from __future__ import annotations

from typing import Any

from flash_sale.pace import StockPace
from tests.integration.house import Place

Two = tuple[Place, Place]


async def create(place: Place, *, stock: int = 10, sku: Any = None, **spec: Any) -> str:
    sale_id = f"control-{place.room_id}"
    ware = {"sku_id": "k1", "product_id": "p1", "stock": stock, "sale_cents": 500, "per_user": 0}
    await place.do("sale.create", sale_id=sale_id, skus=[{**ware, **(sku or {})}], **spec)
    return sale_id


async def buy(place: Place, sale_id: str, sub: str, qty: int = 1, **more: Any) -> str:
    lines = [{"sku_id": "k1", "qty": qty}]
    spec = {"sale_id": sale_id, "lines": lines, "key": f"k-{sub}", **more}
    _, body = await place.command("sale.buy", sub=sub, role="viewer", **spec)
    return str(body["err"]["code"] if "err" in body else body["ok"]["status"])


async def refused(place: Place, op: str, **params: Any) -> str:
    _, body = await place.command(op, **params)
    return str(body["err"]["code"])


async def test_a_start_in_two_steps(two_places: Two) -> None:
    """The second takes only what the first saw, and only while it is fresh and unchanged."""
    here, there = two_places
    sale_id = await create(here, start="manual")
    look = await here.do("sale.preflight", sale_id=sale_id)
    assert {check["name"] for check in look["checks"]} >= {"stage", "stock", "price", "books"}
    assert all(check["ok"] for check in look["checks"])
    for token in ("nonsense", look["token"][:-1] + "x", f"1.{'0' * 32}", "²." + "0" * 32):
        assert await refused(there, "sale.start", sale_id=sale_id, preflight=token) == "conflict"
    await here.do("stock.restock", sale_id=sale_id, sku_id="k1", qty=1)
    stale = {"sale_id": sale_id, "preflight": look["token"]}
    assert await refused(here, "sale.start", **stale) == "conflict"
    again = await there.do("sale.preflight", sale_id=sale_id)
    await here.do("sale.start", sale_id=sale_id, preflight=again["token"])
    assert (await here.do("sale.preflight", sale_id=sale_id))["token"] is None


async def test_a_preflight_finds_what_is_missing(two_places: Two) -> None:
    here, _ = two_places
    sku = {"channels": {"shop": 10}, "list_cents": 400}
    sale_id = await create(here, start="manual", sku=sku)
    look = await here.do("sale.preflight", sale_id=sale_id)
    assert look["token"] is None
    bad = {check["name"] for check in look["checks"] if not check["ok"]}
    assert bad == {"stock", "price"}


async def test_the_kill_switch_works_everywhere_at_once(two_places: Two) -> None:
    """Buys are refused, viewers see it, and after it all goes on."""
    here, there = two_places
    viewer = await there.enter()
    sale_id = await create(here, start="now")
    assert await buy(there, sale_id, "ann") == "held"
    assert await here.do("sale.pause", sale_id=sale_id) == {"paused": True}
    assert await buy(there, sale_id, "bob") == "paused"
    await viewer.until(lambda: viewer.state["sales"][sale_id]["paused"] is True)
    await there.do("sale.resume", sale_id=sale_id)
    assert await buy(here, sale_id, "bob") == "held"
    await viewer.until(lambda: viewer.state["sales"][sale_id]["paused"] is False)
    paused = [e["sale"]["paused"] for e in viewer.of("sale.phase") if e["sale"]["phase"] == "live"]
    assert paused == [False, True, False]


async def test_stock_moves_between_channels(two_places: Two) -> None:
    """The room sees its own channel's level only; the audit every channel."""
    here, there = two_places
    viewer = await there.enter()
    sale_id = await create(here, start="now", sku={"channels": {"shop": 4}})
    await viewer.until(lambda: viewer.state["stock"].get("k1", {}).get("left") == 6)
    assert await buy(here, sale_id, "ann", qty=3, channel="shop") == "held"
    move = {"sale_id": sale_id, "sku_id": "k1", "from": "live", "to": "distributor", "key": "m1"}
    told = await there.do("stock.transfer", qty=2, **move)
    assert (told["from"]["left"], told["to"]["left"]) == (4, 2)
    assert await there.do("stock.transfer", qty=2, **move) == told
    assert await refused(here, "stock.transfer", qty=9, **{**move, "key": "m2"}) == "conflict"
    await viewer.until(lambda: viewer.state["stock"]["k1"]["left"] == 4)
    [sku] = (await here.audit())["sales"][0]["skus"]
    assert sku["balanced"]
    left = {name: cell["available"] for name, cell in sku["channels"].items()}
    assert left == {"distributor": 2, "live": 4, "shop": 1}
    assert viewer.state["sales"][sale_id]["skus"][0]["stock"] == 6


async def test_who_may_not_take_part_is_told_so(two_places: Two) -> None:
    here, _ = two_places
    sale_id = await create(here, start="now", eligibility={"roles": ["member"]})
    assert await buy(here, sale_id, "ann") == "not_eligible"


async def test_followers_of_the_host_only(two_places: Two) -> None:
    """Whoever follows may buy at once, on either worker."""
    here, there = two_places
    sale_id = await create(here, start="now", eligibility={"follower": True})
    assert await buy(here, sale_id, "ann") == "not_eligible"
    await there.do("host.follow", sub="ann", role="viewer")
    assert await buy(here, sale_id, "ann") == "held"
    assert (await there.audit())["sales"][0]["skus"][0]["held"] == 1
    line = {"waiting_room": {"rate_per_s": 1}}
    sku = {"sku_id": "k1", "product_id": "p1", "stock": 9, "sale_cents": 500}
    ours = {"sale_id": "x1", "start": "now", "eligibility": {"follower": True}}
    await here.do("sale.create", skus=[sku], **ours, **line)
    lin, bob = await there.enter("lin"), await here.enter("bob")
    await lin.do("host.follow")
    assert (await lin.do("queue.join", sale_id="x1"))["waiting"]
    refusal = await bob.ask("queue.join", sale_id="x1")
    assert refusal["err"]["code"] == "not_eligible"


async def test_staff_hear_what_will_not_last_and_viewers_do_not(two_places: Two) -> None:
    """On both workers, once each, from the pushes alone; the rate is in the numbers too."""
    here, there = two_places
    sale_id = await create(here, start="now", stock=100)
    staff = [await here.enter("host", role="host"), await there.enter("helper", role="assistant")]
    viewer = await there.enter("ann")
    for place, member in zip(
        two_places, staff, strict=True
    ):  # the pushes of the last seconds, as if it had been selling
        room = place.worker.services.hub.rooms[place.room_id]
        now_ms = place.worker.services.hub.now_ms()
        await member.until(lambda room=room: "k1" in room.state["stock"])
        room.pace = StockPace()
        room.pace.note("k1", 100, now_ms - 20_000)
    assert await buy(here, sale_id, "ben", qty=60) == "held"
    for member in staff:
        await member.until(lambda seen=member: seen.of("stock.alert"), "the alarm")
        [alert] = member.of("stock.alert")
        assert (alert["sale_id"], alert["sku_id"], alert["left"]) == (sale_id, "k1", 40)
        assert 0 < alert["minutes_left"] < 2
    assert not viewer.of("stock.alert")
    _, numbers = await there.get(f"/v1/rooms/{there.room_id}/metrics")
    [pace] = numbers["stock_pace"]
    assert pace["sku_id"] == "k1"
    assert pace["per_minute"] > 100


async def test_what_staff_write_off_or_move_is_no_rush(two_places: Two) -> None:
    """No alarm and no rate on either worker, whoever did it; viewers see the level alone."""
    here, there = two_places
    sale_id = await create(here, start="now", stock=100)
    viewer = await there.enter("ann")
    rooms = [place.worker.services.hub.rooms[place.room_id] for place in two_places]
    await viewer.until(lambda: all("k1" in room.state["stock"] for room in rooms))
    for room in rooms:
        room.pace = StockPace()
        room.pace.note("k1", 100, here.worker.services.hub.now_ms() - 20_000)
    act = {"sale_id": sale_id, "sku_id": "k1", "reason": "wet"}
    await here.do("stock.write_off", qty=50, **act)
    await there.do("stock.transfer", qty=40, **act, **{"from": "live", "to": "shop"})
    await viewer.until(lambda: all(room.state["stock"]["k1"]["left"] == 10 for room in rooms))
    assert set(rooms[0].state["stock"]["k1"]) == {"left", "v"}
    for place in two_places:
        _, numbers = await place.get(f"/v1/rooms/{place.room_id}/metrics")
        assert [pace["per_minute"] for pace in numbers["stock_pace"]] == [None]


async def test_the_balance_is_a_metric(two_places: Two) -> None:
    here, _ = two_places
    sale_id = await create(here, start="now")
    found = await here.worker.services.auditor.watch()
    assert found[sale_id] == 0
    here.worker.services.metrics.audited({sale_id: 0, "other": 2})
    text = here.worker.services.metrics.exposition().decode()
    assert f'sale="{sale_id}"' in text
    assert any(line.endswith("0.0") and 'sale="other"' in line for line in text.splitlines())

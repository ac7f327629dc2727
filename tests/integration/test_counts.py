"""Likes, people and watched time: exact over workers, sockets and deaths."""

from __future__ import annotations

import asyncio
import time

import pytest

from server import heartbeat
from tests.integration.house import House, Place, eventually
from tests.integration.visitor import Visitor
from tests.waiting import until_async

Two = tuple[Place, Place]
TOLD_WITHIN_S = 2.0


async def all_read(visitors: list[Visitor], key: str, value: int) -> None:
    """Every viewer's state says so within two seconds."""
    for visitor in visitors:
        await visitor.until(
            lambda seen=visitor: seen.state[key] == value, f"{key} {value}", TOLD_WITHIN_S
        )


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_likes_are_exact_over_two_workers(two_places: Two, codec: str) -> None:
    """Every accepted tap is counted once, whoever tapped where, and never goes back."""
    here, there = two_places
    fans = [await (here, there)[n % 2].enter(f"fan{n}", codec=codec) for n in range(6)]
    seen: list[int] = []

    async def tap(fan: Visitor, number: int) -> int:
        for n in (1, 50, 7, number + 1):
            seen.append((await fan.do("like.add", n=n))["likes"])
        return 58 + number + 1

    total = sum(await asyncio.gather(*(tap(fan, n) for n, fan in enumerate(fans))))
    await all_read(fans, "likes", total)
    _, body = await there.get(f"/v1/rooms/{there.room_id}")
    assert body["state"]["likes"] == total
    assert max(seen) <= total


async def test_likes_never_go_back(two_places: Two) -> None:
    """What one viewer is told only grows."""
    here, there = two_places
    witness, fan, far = await here.enter(), await here.enter("fan"), await there.enter("far")
    told = [witness.state["likes"]]
    for _ in range(10):
        await fan.do("like.add", n=3)
        await far.do("like.add", n=2)
        await witness.until(lambda: witness.state["likes"] > told[-1])
        told.append(witness.state["likes"])
    assert told == sorted(told)
    await all_read([witness], "likes", 50)


async def test_a_worker_that_goes_leaves_its_likes(two_places: Two, house: House) -> None:
    """What it counted in its last moment too, also for a worker that comes later."""
    here, there = two_places
    fan, witness = await there.enter("fan"), await here.enter()
    await fan.do("like.add", n=40)
    await house.stop(there.worker)
    assert await fan.closed() == 4001
    later = here.at(await house.worker())
    late = await later.enter("late")
    await all_read([witness, late], "likes", 40)
    await late.do("like.add", n=2)
    await all_read([witness, late], "likes", 42)


async def test_online_follows_joins_and_leaves(two_places: Two) -> None:
    """Exact within two seconds on both workers; the peak remembers."""
    here, there = two_places
    stay = [await here.enter(), await there.enter("kim")]
    come = [await (here, there)[n % 2].enter(f"v{n}") for n in range(8)]
    await all_read(stay, "online", 10)
    await all_read(stay, "entries", 10)
    for visitor in come[:4]:
        await visitor.leave()
    for visitor in come[4:]:
        visitor.cut()
    await all_read(stay, "online", 2)
    assert stay[0].state["peak"] == 10
    late = await there.enter()
    assert (late.state["peak"], late.state["entries"]) >= (10, 10)


async def test_a_dead_worker_is_not_online(two_places: Two) -> None:
    """One that is killed cannot say goodbye; its viewers are no longer counted soon after."""
    here, there = two_places
    witness = await here.enter()
    for number in range(3):
        await there.enter(f"v{number}")
    await all_read([witness], "online", 4)
    for task in there.worker._loops:  # no more pulses: what a kill -9 looks like from outside
        task.cancel()
    await witness.until(lambda: witness.state["online"] == 1, "online 1", TOLD_WITHIN_S)


async def test_visitors_are_people_and_entries_are_arrivals(two_places: Two) -> None:
    """Three sockets of two people are three entries and two visitors."""
    here, there = two_places
    await here.enter("ann")
    await there.enter("ann")
    await there.enter("bob")

    async def counted() -> bool:
        _, body = await here.get(f"/v1/rooms/{here.room_id}/metrics")
        return (body["entries"], body["visitors"], body["online"]) == (3, 2, 3)

    await eventually(counted)


async def test_watched_time_is_the_servers_and_counts_once(
    two_places: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sockets of one person on two workers watch as long as one of them."""
    monkeypatch.setattr(heartbeat, "WATCH_EVERY_MS", 200)
    here, there = two_places
    began = time.monotonic()
    first, second = await here.enter("ann"), await there.enter("ann")
    store = here.worker.services.room_store

    async def watched_ms() -> int:
        return await store.watched_ms(here.room_id, "ann")

    async def watched_a_second() -> bool:
        return await watched_ms() >= 1_000

    await eventually(watched_a_second)
    elapsed_ms = (time.monotonic() - began) * 1000
    assert await watched_ms() <= elapsed_ms + 200
    await first.leave()
    await second.leave()
    for place in two_places:
        await until_async(lambda at=place: not at.live.viewers)
        await place.worker.services.heartbeat.farewell()  # credits what is left to credit
    assert 1_000 <= await watched_ms() <= (time.monotonic() - began) * 1000 + 200
    assert await store.watched_total_ms(here.room_id) == await watched_ms()


async def test_taps_and_glances_are_counted_for_the_host(place: Place) -> None:
    """Exposures, clicks and shares reach the room's numbers; each showing counts once a person."""
    lin, guest = await place.enter("lin"), await place.enter()
    for product_id in ("p1", "p2"):
        await place.do("product.put", product_id=product_id, title=product_id, price_cents=100)
    await place.do("card.show", product_id="p1", mode="explaining")
    for _ in range(2):
        await lin.do("card.seen", card_ids=["p1", "p2", "p2", "unknown"])
        await guest.do("card.click", product_id="p1")
    await guest.do("card.click", product_id="unknown")
    await guest.do("share.made", channel="wechat")

    async def counted() -> bool:
        _, body = await place.get(f"/v1/rooms/{place.room_id}/metrics")
        looks = [(p["product_id"], p["exposures"], p["clicks"]) for p in body["products"]]
        sums = (body["exposures"], body["clicks"], body["shares"])
        return (sums, looks) == ((2, 1, 1), [("p1", 1, 1), ("p2", 1, 0)])

    await eventually(counted)


async def test_a_second_showing_counts_anew(place: Place) -> None:
    """A card that pops up again is a new chance to be seen."""
    lin = await place.enter("lin")
    await place.do("product.put", product_id="p1", title="Cup", price_cents=100)
    for shown in (1, 2):
        await place.do("card.show", product_id="p1")
        await lin.until(lambda: lin.state["cards"])
        await lin.do("card.seen", card_ids=["p1"])
        assert place.live.counters["exposures"] == shown


async def test_traffic_is_told_by_source(two_places: Two) -> None:
    """Where people came from is kept; a mended line is no new entry, and staff are no visitors."""
    here, there = two_places
    lin = await here.knock()
    entry = {"src": "ad", "channel": "tv", "bucket": "b1", "inviter": "kim"}
    await lin.hello(here.token("lin"), None, entry=entry)
    await there.enter("mia")
    await there.host()
    lin.cut()
    await there.enter("lin", resume=lin.position)

    async def counted() -> bool:
        _, body = await here.get(f"/v1/rooms/{here.room_id}/metrics")
        sources = {one["name"]: (one["entries"], one["visitors"]) for one in body["sources"]}
        return (
            (body["entries"], body["visitors"], sources) == (2, 2, {"ad": (1, 1), "direct": (1, 1)})
            and body["channels"] == [{"name": "tv", "entries": 1, "visitors": 1}]
            and body["inviters"] == [{"user_id": "kim", "invited": 1}]
        )

    await eventually(counted)


async def test_a_guest_is_known_again_by_its_device(two_places: Two) -> None:
    """Watch time survives a lost line; another device, or room, is somebody else."""
    here, there = two_places
    ids = []
    for place, device in ((here, "my-phone"), (there, "my-phone"), (here, "tablet")):
        guest = await place.knock()
        ids.append((await guest.hello(None, None, device=device))["user"]["id"])
    assert ids[0] == ids[1] != ids[2]
    assert "phone" not in ids[0]

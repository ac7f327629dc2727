"""A room over plain HTTP: numbered objects, complete, made once, and only while somebody reads."""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio import Redis

from server.worker import Worker
from tests.integration.house import House, Place
from tests.integration.reader import Reader
from tests.waiting import until_async

PACE_MS = 200
CLOCK = ("server_ms", "tick_ms")  # two snapshots differ in them whatever happens


async def opened(house: House) -> Place:
    return await house.room(await house.worker(http_tick_ms=PACE_MS))


async def both(house: House) -> tuple[Place, Place]:
    first = await opened(house)
    return first, first.at(await house.worker(http_tick_ms=PACE_MS))


async def reading(place: Place) -> Reader:
    return await Reader(place.house.session, place.url, place.room_id).begin()


def without_clock(state: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key not in CLOCK}


def metric(worker: Worker, name: str) -> float:
    lines = worker.services.metrics.exposition().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"liveroom_{name}"))


async def test_a_start_and_the_ticks_after_it_are_a_fresh_start(house: House) -> None:
    """Whatever happens in the room: cards, prices, pins, likes, comments; at either worker."""
    here, there = await both(house)
    reader, other = await reading(here), await reading(there)
    host = await there.host()
    for number in range(6):
        product = f"p{number}"
        await host.do("product.put", product_id=product, title=product, price_cents=100)
        await host.do("card.show", product_id=product)
        await host.do("like.add", n=number + 1)
        await host.do("comment.send", text=f"number {number}")
    await host.do("announce", text="done")
    seq = host.seq
    await host.until(lambda: len(host.of("announcement")) == 1)
    seq = host.seq
    for one in (reader, other):
        await one.until_seq(seq)
        while len(one.of("comment")) + one.drops["comment"] < 6 or one.state["likes"] < 21:
            await one.step()
    assert [e for e in reader.events if "seq" in e] == [e for e in other.events if "seq" in e]
    assert [e for e in reader.events if "seq" in e] == [
        event for event in host.events if "seq" in event
    ]
    for one, place in ((reader, here), (other, there)):
        fresh = await reading(place)
        while one.next < fresh.next:
            await one.step()
        while fresh.next < one.next:
            await fresh.step()
        assert without_clock(one.state) == without_clock(fresh.state)
        assert one.seq == fresh.seq


async def test_everybody_is_given_the_same_bytes(house: House) -> None:
    """Guest or host, at either worker, whenever: one object, to be kept for a minute."""
    here, there = await both(house)
    reader = await reading(here)
    await here.do("announce", text="hello")
    n = reader.next
    await reader.until_seq(1)
    answers = set()
    for place, sub in ((here, None), (there, None), (here, "host")):
        headers = place.bearer(sub, "host")
        url = f"{place.url}/v1/rooms/{here.room_id}/ticks/{n}"
        async with house.session.get(url, headers=headers) as answer:
            assert answer.status == 200
            assert answer.headers["Cache-Control"] == "public, max-age=60, immutable"
            assert "Vary" not in answer.headers  # nothing in the request changes the answer
            assert "Set-Cookie" not in answer.headers
            tag = answer.headers["ETag"]
            answers.add((tag, await answer.read()))
    assert len(answers) == 1
    async with house.session.get(url, headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304
        assert await answer.read() == b""


async def test_nothing_private_is_in_a_tick(house: House) -> None:
    """No echo, no reply, nothing for staff or for one person alone."""
    place = await opened(house)
    reader = await reading(place)
    await place.do("room.set", slow_mode_s=60)
    viewer, host = await place.enter("ann"), await place.host()
    await viewer.do("comment.send", text="heard")
    assert await viewer.refused("comment.send", text="slowed down") == "slow_mode"
    await host.do("user.mute", user_id="ann", seconds=60)
    await viewer.until(lambda: viewer.of("user.muted"))
    await reader.until_seq(2)
    kinds = {event["t"] for event in reader.events}
    assert kinds <= {"room.changed", "user.muted", "comment", "notice"}, kinds
    assert [comment["text"] for comment in reader.of("comment")] == ["heard"]


async def test_many_who_wait_are_one_wait(house: House) -> None:
    """Fifty requests for a coming tick have one loop between them, and get the same answer."""
    place = await opened(house)
    reader = await reading(place)
    later = f"{reader.ticks_url}/{reader.next + 3}"
    asking = asyncio.gather(*(reader.get(later) for _ in range(50)))
    await until_async(lambda: place.worker.services.ticks.waiting == 50)
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert names.count(f"ticks-{place.room_id}") == 1
    ticks = await asking
    assert {status for status, _ in ticks} == {200}
    assert len({tick["ts"] for _, tick in ticks}) == 1


async def test_a_room_nobody_reads_makes_no_ticks(house: House, redis: Redis) -> None:
    """Viewers on sockets do not cause any; when the last reader has gone they end."""
    place = await opened(house)
    viewer = await place.enter("ann")
    await place.do("announce", text="nobody reads this over HTTP")
    await viewer.event("announcement")
    assert metric(place.worker, "made_ticks_total") == 0
    assert not await redis.keys("room:*:tick*")
    await reading(place)
    shelf = place.worker.services.ticks._shelves[place.room_id]
    shelf._asked_ms -= 60_000  # as if the last question was a minute ago
    await until_async(lambda: shelf.is_idle)
    assert place.live.recorder is None
    made = metric(place.worker, "made_ticks_total")
    await place.do("announce", text="nor this")
    await viewer.event("announcement", 2)
    assert metric(place.worker, "made_ticks_total") == made


async def test_who_comes_back_after_a_pause_is_told_everything(house: House) -> None:
    """Ticks were not made for a while: the next one has the events, the state, and what was
    said unheard as a count."""
    place = await opened(house)
    reader = await reading(place)
    await reader.step()
    shelf = place.worker.services.ticks._shelves[place.room_id]
    shelf._asked_ms -= 60_000
    await until_async(lambda: shelf.is_idle)
    host = await place.host()
    await host.do("announce", text="one")
    await host.do("comment.send", text="unheard")
    await host.do("announce", text="two")
    await host.until(lambda: len(host.of("announcement")) == 2)
    await reader.until_seq(2)
    assert reader.fulls == 1
    assert reader.drops == {"comment": 1}
    assert reader.state["room"]["announcement"]["text"] == "two"


async def test_a_holder_that_was_asleep_makes_no_tick(house: House, redis: Redis) -> None:
    """The other has taken over meanwhile: the sleeper's tick is refused, and it reads along."""
    here, there = await both(house)
    reader = await reading(here)
    shelf = here.worker.services.ticks._shelves[here.room_id]
    assert shelf._maker is not None
    asleep = shelf._maker
    await redis.hset(f"room:{{{here.room_id}}}:ticks", "until", 0)
    there_reader = await reading(there)  # takes the lease, if the sleeper does not keep it first
    await here.do("announce", text="once")
    for one in (reader, there_reader):
        await one.until_seq(1)
    asleep.fence -= 1  # whoever has it now: an older fence must be of no use
    await until_async(lambda: shelf._maker is not asleep)
    await here.do("announce", text="twice")
    for one in (reader, there_reader):
        await one.until_seq(2)
    assert reader.events == there_reader.events


async def test_what_is_no_tick_says_where_to_begin_again(house: House, redis: Redis) -> None:
    """Far ahead, long gone, no number, no room: a code, and never kept longer than a second."""
    place = await opened(house)
    reader = await reading(place)
    await reader.step()
    await redis.delete(f"room:{{{place.room_id}}}:tick:{reader.next - 1}")
    place.worker.services.ticks._shelves[place.room_id]._ticks.clear()
    asked = {
        str(reader.next + 1_000): (404, "tick_unknown"),
        str(reader.next - 1): (410, "tick_expired"),
        "1": (410, "tick_expired"),
        "-1": (404, "tick_unknown"),
        "9" * 40: (404, "tick_unknown"),
    }
    for number, expected in asked.items():
        async with house.session.get(f"{reader.ticks_url}/{number}") as answer:
            refused = (await answer.json())["err"]
            assert (answer.status, refused["code"]) == expected, number
            assert refused["details"]["start"] == f"/v1/rooms/{place.room_id}/ticks"
            assert answer.headers["Cache-Control"] == "public, max-age=0, s-maxage=1"
    assert (await place.get("/v1/rooms/nowhere/ticks"))[0] == 404
    assert (await place.get("/v1/rooms/nowhere/ticks/1"))[0] == 404


async def test_the_end_of_the_room_is_the_last_tick(house: House) -> None:
    """Readers at both workers are told the end; then there are no more ticks, but a last start."""
    here, there = await both(house)
    readers = [await reading(here), await reading(there)]
    await here.do("room.end")
    for reader, place in zip(readers, (here, there), strict=True):
        while not reader.of("room.ended"):
            await reader.step()
        status, body = await reader.get(f"{reader.ticks_url}/{reader.next}")
        assert (status, body["err"]["code"]) == (410, "room_ended")
        last = await reading(place)
        assert last.state["room"]["status"] == "ended"
        assert last.next == reader.next


async def test_a_gap_is_filled_from_the_history(house: House) -> None:
    """Page by page from any place of the epoch; another epoch is gone."""
    place = await opened(house)
    for number in range(4):
        await place.do("announce", text=str(number))
    start = (await reading(place)).epoch
    path = f"/v1/rooms/{place.room_id}/history"
    status, page = await place.get(f"{path}/{start}/1")
    assert status == 200
    assert [event["seq"] for event in page["ev"]] == [2, 3, 4]
    assert page["seq"] == 4
    assert (await place.get(f"{path}/{start}/4"))[1]["ev"] == []
    for gone in (f"{path}/e0-none/1", f"{path}/{start}/9999", f"{path}/{start}/x"):
        status, body = await place.get(gone)
        assert (status, body["err"]["code"]) == (410, "history_gone"), gone


async def test_a_new_epoch_is_told_with_the_whole_state(house: House, redis: Redis) -> None:
    """Redis lost the room: readers go on from the tick that begins the new epoch."""
    place = await opened(house)
    reader = await reading(place)
    await place.do("announce", text="before")
    await reader.until_seq(1)
    before = reader.epoch
    await redis.delete(f"room:{{{place.room_id}}}", f"room:{{{place.room_id}}}:critical")
    while reader.epoch == before:
        await reader.step()
    await place.do("announce", text="after")
    await reader.until_seq(reader.seq + 1)
    assert reader.state["room"]["announcement"]["text"] == "after"


async def test_a_worker_that_stops_hands_over_at_once(house: House) -> None:
    """Who waits there is sent away to come back; the other goes on with the next number."""
    here, there = await both(house)
    reader = await reading(here)
    await here.do("announce", text="one")
    await reader.until_seq(1)
    waiting = asyncio.create_task(reader.get(f"{reader.ticks_url}/{reader.next + 3}"))
    await until_async(lambda: here.worker.services.ticks.waiting > 0)
    await house.stop(here.worker)
    status, _ = await waiting
    assert status in (200, 503)
    moved = Reader(house.session, there.url, there.room_id)
    moved.epoch, moved.seq, moved.next = reader.epoch, reader.seq, reader.next
    await there.do("announce", text="two")
    await moved.until_seq(2)

"""What must never be lost: numbered, in order, complete, on every worker and after every return."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import room.replica
from tests.integration.house import House, Place
from tests.integration.visitor import Visitor
from tests.waiting import until_async

Two = tuple[Place, Place]
DURABLE = ("room", "cards", "sales", "lotteries", "rain", "polls", "stock")


async def stock_shelf(place: Place, count: int) -> None:
    for number in range(count):
        await place.do(
            "product.put", product_id=f"p{number}", title=f"商品 {number}", price_cents=100
        )


def durable(state: dict[str, Any]) -> dict[str, Any]:
    return {key: state[key] for key in DURABLE}


async def caught_up(visitors: list[Visitor], seq: int) -> None:
    for visitor in visitors:
        await visitor.until(lambda seen=visitor: seen.seq >= seq, f"event {seq}")


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_two_workers_tell_one_story(two_places: Two, codec: str) -> None:
    """Staff act on both workers at once; every viewer is told the same events in the same order."""
    here, there = two_places
    viewers = [await here.enter(), await there.enter(codec=codec)]

    async def act(place: Place, name: str) -> None:
        host = await place.host(name)
        for number in range(15):
            product = f"{name}-{number}"
            await host.do("product.put", product_id=product, title=product, price_cents=100)
            await host.do("card.show", product_id=product)
            await host.do("announce", text=f"{name} {number}")

    await asyncio.gather(act(here, "ann"), act(there, "bob"))
    await caught_up(viewers, 90)
    stories = [viewer.criticals for viewer in viewers]
    assert stories[0] == stories[1]
    assert [event["seq"] for event in stories[0]] == list(range(1, 91))
    assert durable(viewers[0].state) == durable(viewers[1].state)
    assert len(viewers[0].state["cards"]) == 30


async def test_an_acknowledged_change_is_in_the_next_snapshot(two_places: Two) -> None:
    """Who acts at one worker and reads at the other finds the change."""
    here, there = two_places
    await there.enter()
    for number in range(10):
        await here.do("announce", text=f"{number}")
        seq = here.live.replica.seq
        await until_async(lambda wanted=seq: there.live.replica.seq >= wanted)
        _, body = await there.get(f"/v1/rooms/{there.room_id}")
        assert body["state"]["room"]["announcement"]["text"] == f"{number}"


@pytest.mark.parametrize("at_other_worker", [False, True])
async def test_a_short_absence_costs_nothing(two_places: Two, at_other_worker: bool) -> None:
    """Resume with the last position: exactly the missed events, then the live ones."""
    here, there = two_places
    lin, witness = await here.enter("lin"), await here.enter()
    await stock_shelf(here, 3)
    await caught_up([lin, witness], 3)
    lin.cut()
    await lin.closed()
    await here.do("card.show", product_id="p1")
    await there.do("announce", text="while you were out")
    await caught_up([witness], 5)
    place = there if at_other_worker else here
    await until_async(lambda: place.live.shown_seq == 5)  # a tick of the other's own
    again = await place.enter("lin", resume=lin.position)
    assert again.welcome["recovered"] is True
    assert [event["seq"] for event in again.welcome["events"]] == [4, 5]
    await here.do("announce", text="welcome back")
    await caught_up([again, witness], 6)
    assert [*lin.criticals, *again.criticals] == witness.criticals
    assert durable(again.state) == durable(witness.state)


async def test_nothing_missed_is_nothing_replayed(place: Place) -> None:
    """Recovered, with no events."""
    lin = await place.enter("lin")
    await place.do("announce", text="x")
    await caught_up([lin], 1)
    again = await place.enter("lin", resume=lin.position)
    assert (again.welcome["recovered"], again.welcome["events"]) == (True, [])


async def test_a_worker_that_has_just_opened_the_room_can_replay_it(house: House) -> None:
    """The history is in Redis, not in the memory of the worker that happened to be there."""
    here = await house.room(await house.worker())
    lin = await here.enter("lin")
    await stock_shelf(here, 5)
    await caught_up([lin], 5)
    there = here.at(await house.worker())
    again = await there.enter("lin", resume={"epoch": lin.welcome["epoch"], "seq": 2})
    assert again.welcome["recovered"] is True
    assert [event["seq"] for event in again.welcome["events"]] == [3, 4, 5]


async def test_a_worker_that_is_behind_catches_up_with_its_viewer(two_places: Two) -> None:
    """Who has seen more elsewhere is not told that the room began anew."""
    here, there = two_places
    lin, _ = await here.enter("lin"), await there.enter()
    bus = there.worker.services.bus
    bus._dispatch = lambda room_id, message: None  # type: ignore[method-assign]
    await here.do("announce", text="not heard over there")
    await caught_up([lin], 1)
    assert there.live.replica.seq == 0
    again = await there.enter("lin", resume=lin.position)
    assert (again.welcome["recovered"], again.welcome["events"]) == (True, [])
    assert durable(again.state) == durable(lin.state)


async def test_when_history_is_gone_the_snapshot_is_the_truth(
    two_places: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`recovered:false`, no events, and a state equal to that of one who saw everything."""
    monkeypatch.setattr(room.replica, "RING_EVENTS_MAX", 8)
    here = await two_places[0].house.room(two_places[0].worker)
    there = here.at(two_places[1].worker)
    witness = await there.enter()
    await stock_shelf(here, 20)
    await here.do("card.show", product_id="p7")
    await caught_up([witness], 21)
    for place in (here, there):
        seq = place.live.replica.seq
        epoch = witness.welcome["epoch"]
        near = await place.enter("lin", resume={"epoch": epoch, "seq": seq - 8})
        await caught_up([near], 21)
        assert near.welcome["recovered"] is True
        assert [event["seq"] for event in near.criticals] == list(range(14, 22))
        far = await place.enter("lin", resume={"epoch": epoch, "seq": seq - 9})
        assert (far.welcome["recovered"], far.welcome["events"]) == (False, [])
        await caught_up([far], 21)
        assert durable(far.state) == durable(witness.state)


@pytest.mark.parametrize(
    ("epoch", "seq"), [("another", 1), ("", 0), (None, 99), (None, 2**53 - 1)], ids=str
)
async def test_a_position_that_cannot_be_is_a_fresh_start(
    place: Place, epoch: str | None, seq: int
) -> None:
    """A foreign epoch or a number from the future: `recovered:false`, and all is well."""
    await place.do("announce", text="x")
    own = place.live.replica.epoch
    lin = await place.enter("lin", resume={"epoch": own if epoch is None else epoch, "seq": seq})
    assert (lin.welcome["recovered"], lin.welcome["seq"]) == (False, 1)
    assert lin.welcome["epoch"] == own
    await place.do("announce", text="y")
    await caught_up([lin], 2)


async def test_a_snapshot_and_what_follows_is_a_fresh_snapshot(two_places: Two) -> None:
    """One who came first and folded everything knows what one who comes last is told."""
    here, there = two_places
    first = [await here.enter(), await there.enter(codec="msgpack")]
    await stock_shelf(here, 6)
    for number in range(6):
        await there.do("card.show", product_id=f"p{number}", mode="explaining")
    await here.do("card.hide", product_id="p2")
    await there.do("cards.order", product_ids=["p5", "p0", "p3"])
    await here.do("product.put", product_id="p5", title="新名字", price_cents=90)
    await here.do("lottery.open", winners=1, prize="tea", manual=True)
    await there.do("room.set", title="second act", slow_mode_s=3)
    sku = {"sku_id": "k1", "product_id": "p0", "stock": 5, "sale_cents": 100}
    await there.do("sale.create", sale_id=f"sale-{here.room_id}", skus=[sku], start="now")
    await here.do("card.show", product_id="p0", sale_id=f"sale-{here.room_id}", sku_id="k1")
    buyer = await here.enter("lin")
    line = {"sku_id": "k1", "qty": 1}
    await buyer.do("sale.buy", sale_id=f"sale-{here.room_id}", lines=[line], key="k")
    for viewer in first:
        await viewer.until(lambda seen=viewer: seen.state["stock"].get("k1", {}).get("left") == 4)
    late = [await here.enter(), await there.enter()]
    await caught_up([*first, *late], here.live.replica.seq)
    states = [durable(viewer.state) for viewer in (*first, *late)]
    assert states.count(states[0]) == 4
    for key in ("online", "entries"):
        for viewer in (*first, *late):
            await viewer.until(lambda seen=viewer, name=key: seen.state[name] == 5, key)


async def test_a_deaf_subscription_is_noticed_and_healed(two_places: Two) -> None:
    """The worker hears nothing of the room any more; its viewers get all within two seconds."""
    here, there = two_places
    viewer = await there.enter()
    bus = there.worker.services.bus
    await bus._pubsub.unsubscribe(there.worker.services.room_store.channel(there.room_id))
    for number in range(3):
        await here.do("announce", text=f"{number}")
    await viewer.until(lambda: viewer.seq == 3, "healing", patience_s=4)
    assert [event["seq"] for event in viewer.criticals] == [1, 2, 3]
    await here.do("announce", text="heard at once again")
    await caught_up([viewer], 4)


async def test_a_lost_message_is_fetched(two_places: Two) -> None:
    """A gap in the numbers is filled from the stream before anything after it is shown."""
    here, there = two_places
    viewer = await there.enter()
    bus = there.worker.services.bus
    hear, lost = bus._dispatch, []

    def lossy(room_id: str, message: dict[str, Any]) -> None:
        if message["k"] == "critical" and len(lost) < 2:
            lost.append(message)
        else:
            hear(room_id, message)

    bus._dispatch = lossy  # type: ignore[method-assign]
    for number in range(4):
        await here.do("announce", text=f"{number}")
    await caught_up([viewer], 4)
    assert len(lost) == 2
    assert [event["d"]["text"] for event in viewer.criticals] == ["0", "1", "2", "3"]


async def test_a_lost_connection_to_redis_loses_no_event(two_places: Two) -> None:
    """The subscription's socket dies; what was said meanwhile is fetched when it is back."""
    here, there = two_places
    viewer = await there.enter()
    redis = here.worker.services.redis
    for client in await redis.client_list(_type="pubsub"):
        await redis.client_kill_filter(_id=client["id"])
    for number in range(3):
        await here.do("announce", text=f"{number}")
    await caught_up([viewer], 3)
    assert [event["seq"] for event in viewer.criticals] == [1, 2, 3]

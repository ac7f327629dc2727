"""Redis comes back empty: a new epoch, a right snapshot, nothing sold twice, nothing silent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from room.ports import Pulse, Stored
from room.room import Healed
from tests.integration.house import House, Place, eventually
from tests.integration.visitor import Visitor
from tests.waiting import until_async

DURABLE = ("room", "cards", "sales", "lotteries")


@pytest.fixture
async def furnished(two_places: tuple[Place, Place]) -> tuple[Place, Place]:
    """A room with a card, an announcement and a ban."""
    here, _ = two_places
    await here.do("product.put", product_id="tea", title="茶", price_cents=100)
    await here.do("card.show", product_id="tea")
    await here.do("announce", text="remember me")
    await here.do("user.ban", user_id="mallory")
    return two_places


async def back(visitor: Visitor, place: Place, sub: str) -> Visitor:
    """The same person again, with the position from before."""
    return await place.enter(sub, resume=visitor.position)


async def test_everyone_gets_a_new_snapshot(redis: Redis, furnished: tuple[Place, Place]) -> None:
    """4009 at both workers; afterwards one new epoch for all, and the room as it was."""
    here, there = furnished
    lin, kim = await here.enter("lin"), await there.enter("kim")
    before = {key: lin.state[key] for key in DURABLE}
    await redis.flushall()
    assert await lin.closed() == 4009
    assert await kim.closed() == 4009
    again = [await back(lin, here, "lin"), await back(kim, there, "kim")]
    epochs = {visitor.welcome["epoch"] for visitor in again}
    assert len(epochs) == 1
    assert epochs != {lin.welcome["epoch"]}
    for visitor in again:
        assert visitor.welcome["recovered"] is False
        assert {key: visitor.state[key] for key in DURABLE} == before
    await there.do("announce", text="on we go")
    for visitor in again:
        await visitor.event("announcement")
    banned = await here.knock()
    await banned.say("hello", token=here.token("mallory"))
    assert await banned.closed() == 4503


async def test_a_room_that_nobody_holds_comes_from_sql(
    redis: Redis, house: House, furnished: tuple[Place, Place]
) -> None:
    """All workers gone, Redis empty: the archive still has the room."""
    here, there = furnished
    archive, seq = here.worker.services.archive, here.live.replica.seq

    async def archived() -> bool:
        at = await archive.archived_seq(here.room_id)
        return at is not None and at[1] == seq

    await eventually(archived)
    old_epoch = here.live.replica.epoch
    await house.stop(here.worker)
    await house.stop(there.worker)
    await redis.flushall()
    anew = here.at(await house.worker())
    lin = await anew.enter("lin", resume={"epoch": old_epoch, "seq": 1})
    assert lin.welcome["recovered"] is False
    assert lin.welcome["epoch"] != old_epoch
    assert lin.state["room"]["announcement"]["text"] == "remember me"
    assert [card["product_id"] for card in lin.state["cards"]] == ["tea"]


async def test_open_questions_come_back(redis: Redis, two_places: tuple[Place, Place]) -> None:
    """On every screen, with their votes; also when the room itself was not lost."""
    here, there = two_places
    lin, kim = await here.enter("lin"), await there.enter("kim")
    first = (await lin.do("question.ask", text="保温吗?"))["question_id"]
    await kim.do("question.vote", question_id=first)
    await kim.until(lambda: [q["votes"] for q in kim.state["questions"]["top"]] == [2])
    await redis.flushall()
    assert await kim.closed() == 4009
    again = await back(kim, there, "kim")
    await again.until(lambda: [q["votes"] for q in again.state["questions"]["top"]] == [2])
    assert (await again.do("question.vote", question_id=first))["votes"] == 2
    shown = again.state["questions"]["rev"]
    await redis.delete(*[key async for key in redis.scan_iter("room:*:question*")])
    await again.until(lambda: again.state["questions"]["rev"] > shown, "put back")
    assert [q["votes"] for q in again.state["questions"]["top"]] == [2]


async def test_a_slow_answer_is_not_a_loss(
    two_places: tuple[Place, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that moves on while Redis is being asked is not ahead of Redis."""
    here, there = two_places
    lin = await there.enter("lin")
    services, replica = there.worker.services, there.live.replica
    store, epoch = services.room_store, replica.epoch
    load = store.load

    async def slow(room_id: str) -> Stored | None:
        stored = await load(room_id)
        await here.do("announce", text="meanwhile")
        await until_async(lambda: replica.seq == 1)
        return stored

    monkeypatch.setattr(store, "load", slow)
    late = Pulse(epoch=epoch, seq=-1, online=0, peak=0, totals={})
    assert await services.rooms.heal(replica, late, services.hub.now_ms()) is Healed.FINE
    assert replica.epoch == epoch
    await here.do("announce", text="undisturbed")
    await lin.event("announcement", 2)


async def test_an_archive_that_moves_on_is_not_a_loss(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that opens a busy room leaves its epoch alone, whatever it reads when."""
    here = await house.room(await house.worker())
    lin = await here.enter("lin")
    there = here.at(await house.worker())
    archive, rooms = there.worker.services.archive, here.worker.services.rooms
    ask = archive.archived_seq

    async def slow(room_id: str) -> tuple[str, int] | None:
        await here.do("announce", text="meanwhile")
        await rooms.archive_room(here.room_id, here.worker.services.hub.now_ms())
        return await ask(room_id)

    monkeypatch.setattr(archive, "archived_seq", slow)
    kim = await there.enter("kim")
    assert kim.welcome["epoch"] == lin.welcome["epoch"]
    await there.do("announce", text="undisturbed")
    await lin.event("announcement", 2)


async def sale_of(place: Place, stock: int) -> str:
    sale_id = f"sale-{place.room_id}"
    sku: dict[str, Any] = {"sku_id": "k1", "product_id": "p", "stock": stock, "sale_cents": 500}
    await place.do("sale.create", sale_id=sale_id, skus=[{**sku, "per_user": 1}], start="now")
    return sale_id


async def buy(place: Place, sale_id: str, sub: str) -> tuple[int, Any]:
    lines = [{"sku_id": "k1", "qty": 1}]
    return await place.command(
        "sale.buy", sub=sub, role="viewer", sale_id=sale_id, lines=lines, key=f"key-{sub}"
    )


async def test_a_sale_is_rebuilt_from_sql(redis: Redis, two_places: tuple[Place, Place]) -> None:
    """What was sold stays sold, the same key gets the same answer, and no unit is sold twice."""
    here, there = two_places
    sale_id = await sale_of(here, 3)
    held = {sub: await buy(here, sale_id, sub) for sub in ("ann", "bob")}
    assert [status for status, _ in held.values()] == [200, 200]

    async def in_sql() -> bool:
        _, body = await here.get(f"/v1/rooms/{here.room_id}/orders", sub="host", role="host")
        return len(body["orders"]) == 2

    await eventually(in_sql)
    await redis.flushall()

    async def served_again() -> bool:
        status, body = await buy(there, sale_id, "ann")
        if status != 200:
            assert body["err"]["code"] in {"unknown_outcome", "unavailable"}, body
        return status == 200

    await eventually(served_again)
    assert (await buy(there, sale_id, "ann"))[1] == held["ann"][1]
    assert (await buy(there, sale_id, "bob"))[1] == held["bob"][1]
    outcomes = [await buy(place, sale_id, f"new{n}") for n, place in enumerate([here, there])]
    assert sorted(status for status, _ in outcomes) == [200, 409]
    audit = await here.audit()
    assert audit["balanced"], audit
    assert audit["sales"][0]["skus"][0]["held"] == 3


async def test_without_redis_the_answer_is_quick_and_honest(
    redis: Redis, two_places: tuple[Place, Place]
) -> None:
    """A Redis that hangs: "unknown" within the second or two, then good service again."""
    here, _ = two_places
    sale_id = await sale_of(here, 3)
    await redis.client_pause(4_000, all=True)
    loop = asyncio.get_running_loop()
    asked = loop.time()
    status, body = await buy(here, sale_id, "ann")
    assert (status, body["err"]["code"]) == (503, "unknown_outcome")
    assert body["err"]["retry_ms"] > 0
    assert loop.time() - asked < 3
    status, body = await here.get("/readyz")
    assert status == 503
    assert any(reason.startswith("redis") for reason in body["reasons"])
    status, body = await here.command("announce", text="x")
    assert (status, body["err"]["code"]) == (503, "unavailable")
    await redis.ping()  # answered when the pause is over

    async def good() -> bool:
        return (await buy(here, sale_id, "ann"))[0] == 200

    await eventually(good)
    assert (await here.audit())["sales"][0]["skus"][0]["held"] == 1
    await until_async(lambda: here.worker.services.hub.rooms != {})
    assert (await here.get("/readyz"))[0] == 200

"""The line before a sale over the public protocol, at two workers."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from flash_sale import doors
from tests.integration.house import House, Place, eventually
from tests.integration.visitor import Visitor

Two = tuple[Place, Place]
LINE = [{"sku_id": "k1", "qty": 1}]


async def create(
    place: Place, *, stock: int = 5, countdown_s: int | None = None, **more: Any
) -> str:
    """A sale of one SKU with what `more` says of its door."""
    sale_id = f"sale-{place.room_id}"
    sku = {"sku_id": "k1", "product_id": "p1", "stock": stock, "sale_cents": 500, "per_user": 1}
    start = "now" if countdown_s is None else "manual"
    await place.do("sale.create", sale_id=sale_id, skus=[sku], **{"start": start, **more})
    if countdown_s is not None:
        await place.do("sale.start", sale_id=sale_id, countdown_s=countdown_s)
    return sale_id


async def buy(visitor: Visitor, sale_id: str, **more: Any) -> str:
    """`held`, or the refusal's code."""
    asked = {"sale_id": sale_id, "lines": LINE, "key": "k", **more}
    reply = await visitor.ask("sale.buy", **asked)
    return str(reply["ok"]["status"] if "ok" in reply else reply["err"]["code"])


async def buy_by_cart(visitor: Visitor, sale_id: str) -> str:
    """`held`, or the refusal's code, of a cart with the one unit in it."""
    for line in LINE:
        await visitor.do("cart.add", sale_id=sale_id, **line)
    answer = (await visitor.do("cart.checkout", key="cart"))["sales"][0]
    return "held" if "ok" in answer else str(answer["err"]["code"])


async def turn(visitor: Visitor) -> str:
    """The admission, once it was pushed."""
    await visitor.until(lambda: any(d["admitted"] for d in visitor.of("queue.moved")), "a turn")
    return next(str(d["admission"]) for d in visitor.of("queue.moved") if d["admitted"])


async def test_a_sale_asked_for_again_keeps_its_door(place: Place) -> None:
    """The same is answered as made, with the first seed; another door is another sale."""
    line = {"waiting_room": {"rate_per_s": 20}}
    sale_id = await create(place, **line)
    door = await place.worker.services.waiting_room.door(sale_id)
    assert door is not None
    assert await create(place, **line) == sale_id
    for other in ({}, {"waiting_room": {"rate_per_s": 21}}):
        with pytest.raises(AssertionError, match="conflict"):
            await create(place, **other)
    viewer = await place.enter()
    assert viewer.state["sales"][sale_id]["door"] == door.to_wire()


async def test_from_the_line_to_a_bought_unit(two_places: Two) -> None:
    """Joined before the start at either worker, let in after it, bought with the token alone."""
    here, there = two_places
    sale_id = await create(here, countdown_s=2, waiting_room={"rate_per_s": 20})
    ann, bob = await here.enter("ann"), await there.enter("bob", codec="msgpack")
    door = ann.state["sales"][sale_id]["door"]
    assert door["rate_per_s"] == 20
    for visitor in (ann, bob):
        standing = await visitor.do("queue.join", sale_id=sale_id)
        assert standing["waiting"]
        assert standing["position"] is None, "nobody is placed before the start"
    assert await buy(ann, sale_id) == "not_started"
    token = await turn(ann)
    assert await buy(bob, sale_id) == "not_admitted"
    assert await buy(bob, sale_id, admission=token) == "not_admitted"
    assert await buy_by_cart(bob, sale_id) == "not_admitted", "a cart is no way round the line"
    assert await buy(ann, sale_id, admission=token) == "held"
    assert await buy(ann, sale_id) == "held", "an answer that was given is given again"
    assert await buy(ann, sale_id, key="other") == "not_admitted"
    assert await buy(bob, sale_id, admission=await turn(bob)) == "held"
    status, proof = await there.get(f"/v1/sales/{sale_id}/shuffle")
    assert (status, proof["early"]) == (200, 2)
    risk = await read_risk(here)
    assert risk["queue"] == {"length": 0, "admitted": 2}
    await eventually(lambda: has_hits(here, {"gate", "admission", "forged"}))


async def read_risk(place: Place) -> dict[str, Any]:
    status, body = await place.get(f"/v1/rooms/{place.room_id}/risk", sub="host", role="host")
    assert status == 200, body
    report: dict[str, Any] = body["sales"][0]
    return report


async def has_hits(place: Place, rules: set[str]) -> bool:
    return rules <= set((await read_risk(place))["hits"])


async def test_places_are_pushed_with_the_early_word(two_places: Two) -> None:
    """Six in a slow line for three units: positions fall, and the last hear it will not do."""
    here, there = two_places
    sale_id = await create(here, stock=3, waiting_room={"rate_per_s": 1})
    people = [await (here, there)[n % 2].enter(f"u{n}") for n in range(6)]
    told = [await one.do("queue.join", sale_id=sale_id) for one in people]
    assert [one["sells_out_before_you"] for one in told[4:]] == [True, True]
    assert told[5]["left"] == 3
    assert told[5]["estimate_s"] >= 5
    last = people[5]
    await last.until(lambda: len(last.of("queue.moved")) >= 2, "two pushes")
    positions = [d["position"] for d in last.of("queue.moved")]
    assert positions == sorted(positions, reverse=True)
    assert (await last.do("queue.leave", sale_id=sale_id)) == {"left": True}
    assert not (await last.do("queue.status", sale_id=sale_id))["waiting"]


async def test_a_place_outlives_its_worker_and_its_socket(house: House) -> None:
    """The worker is gone, another takes the duties over; the person comes back and is let in."""
    first, second = await house.worker(), await house.worker()
    place = await house.room(first)
    sale_id = await create(place, waiting_room={"rate_per_s": 1}, countdown_s=3)
    ann = await place.enter("ann")
    await ann.do("queue.join", sale_id=sale_id)
    await house.stop(first)
    again = await place.at(second).enter("ann")
    standing = await again.do("queue.status", sale_id=sale_id)
    assert standing["waiting"]
    assert await buy(again, sale_id, admission=await turn(again)) == "held"


async def test_fifty_sockets_are_one_person(two_places: Two) -> None:
    """One unit, shown again to who has it, and the limit on tries counted over both workers."""
    here, there = two_places
    here.worker.settings.__dict__["connections_per_user_max"] = 50
    there.worker.settings.__dict__["connections_per_user_max"] = 50
    limits = {"user": 10, "device": 0, "address": 0}
    sale_id = await create(here, stock=50, limits=limits)
    sockets = [await (here, there)[n % 2].enter("ann") for n in range(50)]
    tries = (
        socket.ask("sale.buy", sale_id=sale_id, lines=LINE, key=f"k{n}")
        for n, socket in enumerate(sockets)
    )
    replies = await asyncio.gather(*tries)
    codes = [reply["err"]["code"] if "err" in reply else "held" for reply in replies]
    reservations = {reply["ok"]["reservation_id"] for reply in replies if "ok" in reply}
    assert len(reservations) == 1, "the hold one has is given again, not a second one"
    assert codes.count("held") == 10
    assert codes.count("rate_limited") == 40
    assert all("rule" not in str(reply) for reply in replies)
    await eventually(lambda: has_hits(here, {"buy_user"}))


async def test_addresses_are_counted_and_forged_ones_are_not(house: House) -> None:
    """Behind a configured proxy its word counts; from anybody else it does not."""
    worker = await house.worker(trusted_proxies="127.0.0.0/8")
    place = await house.room(worker)
    sale_id = await create(place, stock=50, limits={"user": 0, "device": 0, "address": 2})

    async def try_from(sub: str, chain: str) -> int:
        headers = place.bearer(sub, "viewer") | {"X-Forwarded-For": chain}
        body = {"id": 1, "op": "sale.buy", "sale_id": sale_id, "lines": LINE, "key": sub}
        path = f"{place.url}/v1/rooms/{place.room_id}/commands"
        async with house.session.post(path, headers=headers, json=body) as answer:
            return answer.status

    assert [await try_from(f"a{n}", "203.0.113.9") for n in range(3)] == [200, 200, 429]
    assert await try_from("b", "198.51.100.7") == 200
    forged = [await try_from(f"c{n}", f"198.51.100.{n}, 203.0.113.9") for n in range(2)]
    assert forged == [429, 429], "what the proxy did not write itself is nobody's word"


async def test_devices_are_counted(place: Place) -> None:
    sale_id = await create(place, stock=50, limits={"user": 0, "device": 2, "address": 0})
    codes = []
    for n in range(4):
        visitor = await place.knock()
        await visitor.do("hello", token=place.token(f"u{n}"), device="phone" if n < 3 else "other")
        codes.append(await buy(visitor, sale_id))
    assert codes == ["held", "held", "rate_limited", "held"]


async def test_a_puzzle_is_worked_before_buying(place: Place) -> None:
    """Asked for with the join, solved, and good for one person; a wrong one is only `risk`."""
    sale_id = await create(place, pow={"bits": 8})
    ann, bob = await place.enter("ann"), await place.enter("bob")
    assert await buy(ann, sale_id) == "not_admitted"
    error = (await ann.ask("queue.join", sale_id=sale_id))["err"]
    assert error["code"] == "proof_required"
    puzzle, bits = error["details"]["challenge"], error["details"]["bits"]
    nonces = (str(n) for n in itertools.count())
    nonce = next(n for n in nonces if doors.zero_bits(puzzle, n) >= bits)
    proof = {"challenge": puzzle, "nonce": nonce}
    assert await bob.refused("queue.join", sale_id=sale_id, proof=proof) == "risk"
    standing = await ann.do("queue.join", sale_id=sale_id, proof=proof)
    assert standing["admitted"]
    assert await buy(ann, sale_id, admission=standing["admission"]) == "held"
    await eventually(lambda: has_hits(place, {"puzzle", "admission"}))


@pytest.mark.parametrize("wrong", [{"waiting_room": {"rate_per_s": 0}}, {"pow": {"bits": 99}}])
async def test_a_door_that_makes_no_sense_is_refused(place: Place, wrong: dict[str, Any]) -> None:
    sku = {"sku_id": "k1", "product_id": "p1", "stock": 1, "sale_cents": 500}
    status, body = await place.command("sale.create", skus=[sku], **wrong)
    assert (status, body["err"]["code"]) == (400, "bad_request")


async def test_a_sale_without_a_door_has_no_line(place: Place) -> None:
    sale_id = await create(place)
    ann = await place.enter("ann")
    assert await ann.refused("queue.join", sale_id=sale_id) == "closed"
    assert await buy(ann, sale_id) == "held"
    assert (await place.get(f"/v1/sales/{sale_id}/shuffle"))[0] == 404


async def test_what_comes_back_is_offered_to_who_waits(two_places: Two) -> None:
    """At once, as an order of their own, with the room still told that it is sold out."""
    here, there = two_places
    sale_id = await create(here, stock=1)
    ann, bob, cy = await here.enter("ann"), await there.enter("bob"), await here.enter("cy")
    assert await ann.refused("waitlist.join", sale_id=sale_id, sku_id="k1") == "conflict"
    held = await ann.do("sale.buy", sale_id=sale_id, lines=LINE, key="k")
    assert (await bob.do("waitlist.join", sale_id=sale_id, sku_id="k1"))["ahead"] == 0
    assert (await cy.do("waitlist.join", sale_id=sale_id, sku_id="k1"))["ahead"] == 1
    assert (await read_risk(here))["waitlist"] == {"k1": 2}
    status, _ = await here.post(f"/v1/orders/{held['order_id']}/cancel", {}, sub="ann")
    assert status == 200
    offer = await bob.event("waitlist.offered")
    assert offer["order"]["status"] == "held"
    assert not cy.of("waitlist.offered")
    assert not cy.of("stock.returned"), "it never was for everybody"
    await cy.until(lambda: cy.state["sales"][sale_id]["skus"][0]["sold_out"], "sold out")
    path = f"/v1/orders/{offer['order']['order_id']}/pay"

    async def payable() -> bool:
        return (await there.post(path, {"provider": "sandbox"}, sub="bob"))[0] == 200

    await eventually(payable)
    audit = await here.audit()
    assert audit["balanced"]
    assert (await cy.do("waitlist.leave", sale_id=sale_id, sku_id="k1")) == {"left": True}
    assert (await cy.do("waitlist.status", sale_id=sale_id)) == {"waiting": []}

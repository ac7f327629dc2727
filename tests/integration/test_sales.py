"""The flash sale over the public protocol: exactly what was there is sold, and everyone is told."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import pytest

from tests.integration.house import Place, eventually
from tests.integration.visitor import Visitor

Two = tuple[Place, Place]
WITHIN_A_TICK_S = 1.0  # on a shared machine; a tick is at most 200 ms


async def create(place: Place, stock: int = 5, **more: Any) -> str:
    """A sale of one SKU "k1" at 5 yuan, started unless `start` says otherwise."""
    sale_id = f"sale-{place.room_id}-{more.pop('suffix', 'a')}"
    sku = {"sku_id": "k1", "product_id": "p1", "stock": stock, "sale_cents": 500}
    sku["per_user"] = more.pop("per_user", 1)
    spec = {"start": "now", "skus": [sku], **more}
    answer = await place.do("sale.create", sale_id=sale_id, **spec)
    assert answer == {"sale_id": sale_id}
    return sale_id


async def buy(
    place: Place, sale_id: str, sub: str, *, key: str | None = None, qty: int = 1
) -> tuple[int, Any]:
    lines = [{"sku_id": "k1", "qty": qty}]
    return await place.command(
        "sale.buy", sub=sub, role="viewer", sale_id=sale_id, lines=lines, key=key or f"k-{sub}"
    )


async def left(visitor: Visitor, count: int) -> None:
    await visitor.until(lambda: visitor.state["stock"].get("k1", {}).get("left") == count)


async def test_a_sale_goes_through_its_phases(two_places: Two) -> None:
    """Draft, preheat, countdown, live and ended by the server's clock, told at both workers."""
    here, there = two_places
    viewers = [await here.enter(), await there.enter(codec="msgpack")]
    sale_id = await create(here, start="manual", duration_s=1)
    assert (await buy(here, sale_id, "early"))[1]["err"]["code"] == "not_started"
    await here.do("sale.preheat", sale_id=sale_id)
    window = await there.do("sale.start", sale_id=sale_id, countdown_s=1)
    assert window["end_ms"] - window["start_ms"] == 1_000
    assert (await buy(there, sale_id, "early"))[1]["err"]["code"] == "not_started"
    for viewer in viewers:
        await viewer.until(
            lambda seen=viewer: seen.state["sales"][sale_id]["phase"] == "ended", "the end"
        )
        phases = [event["sale"]["phase"] for event in viewer.of("sale.phase")]
        assert phases == ["draft", "preheat", "countdown", "live", "ended"]
    assert (await buy(here, sale_id, "late"))[1]["err"]["code"] == "ended"


async def test_a_sale_can_be_stopped(two_places: Two) -> None:
    """At once, at both workers; holds stay."""
    here, there = two_places
    viewer = await there.enter()
    sale_id = await create(here)
    assert (await buy(here, sale_id, "ann"))[0] == 200
    await there.do("sale.stop", sale_id=sale_id)
    assert (await buy(here, sale_id, "bob"))[1]["err"]["code"] == "ended"
    await viewer.until(lambda: viewer.state["sales"][sale_id]["phase"] == "ended")
    sku = (await here.audit())["sales"][0]["skus"][0]
    assert (sku["available"], sku["held"]) == (4, 1)


async def test_the_answer_to_a_buy(two_places: Two) -> None:
    """Held, with what is due, until when, and what is left; everyone sees the new level."""
    here, there = two_places
    viewer = await there.enter()
    sale_id = await create(here, stock=5, per_user=3, hold_s=60)
    lin = await here.enter("lin")
    line = {"sku_id": "k1", "qty": 2}
    held = await lin.do("sale.buy", sale_id=sale_id, lines=[line], key="one", amount_cents=1)
    assert held["status"] == "held"
    assert (held["amount_cents"], held["currency"], held["left"]) == (1_000, "CNY", {"k1": 3})
    assert 0 < held["expires_ms"] - here.worker.services.hub.now_ms() <= 60_000
    await left(viewer, 3)
    mine = await here.get(f"/v1/orders/{held['order_id']}", sub="lin")
    assert (mine[0], mine[1]["amount_cents"]) == (200, 1_000)
    assert mine[1]["status"] in {"held", "placed"}  # placed as soon as SQL has it


async def test_a_person_has_one_limit_however_many_sockets(two_places: Two) -> None:
    """Twenty requests with their own keys over two workers: as many units as allowed.

    Past the limit each is given the latest hold again, which takes no unit.
    """
    here, there = two_places
    sale_id = await create(here, stock=50, per_user=3)
    answers = await asyncio.gather(
        *(buy((here, there)[n % 2], sale_id, "lin", key=f"k{n}") for n in range(20))
    )
    assert all("ok" in body for _, body in answers)
    assert len({body["ok"]["reservation_id"] for _, body in answers}) == 3
    _, more = await buy(here, sale_id, "lin", key="more", qty=2)
    assert more["err"]["code"] == "limit_reached"
    audit = await here.audit()
    assert audit["balanced"]
    assert audit["sales"][0]["skus"][0]["held"] == 3


async def test_one_key_is_one_purchase(two_places: Two) -> None:
    """A hundred times the same request over two workers: one reservation, the same bytes."""
    here, there = two_places
    sale_id = await create(here, stock=50, per_user=0)

    async def ask(place: Place) -> tuple[int, bytes]:
        body = {
            "id": 1,
            "op": "sale.buy",
            "sale_id": sale_id,
            "lines": [{"sku_id": "k1", "qty": 1}],
        }
        headers = {**place.bearer("lin", "viewer"), "Idempotency-Key": "the-one"}
        url = f"{place.url}/v1/rooms/{place.room_id}/commands"
        async with place.house.session.post(url, json=body, headers=headers) as answer:
            return answer.status, await answer.read()

    answers = await asyncio.gather(*(ask((here, there)[n % 2]) for n in range(100)))
    assert set(answers) == {answers[0]}
    assert answers[0][0] == 200
    sku = (await there.audit())["sales"][0]["skus"][0]
    assert (sku["held"], sku["available"]) == (1, 49)
    assert (await buy(here, sale_id, "lin", key="the-one", qty=2))[1]["err"]["code"] == "key_reused"
    assert (await buy(here, sale_id, "kim", key="the-one"))[0] == 200, "keys are per person"


async def test_two_races_for_the_last_unit(two_places: Two) -> None:
    """One holds it, the other reads sold out, every time; told once and within a tick."""
    here, there = two_places
    viewers = [await here.enter(), await there.enter()]
    for turn in range(5):
        sale_id = await create(here, stock=1, suffix=str(turn))
        ann, bob = await asyncio.gather(buy(here, sale_id, "ann"), buy(there, sale_id, "bob"))
        assert sorted([ann[0], bob[0]]) == [200, 409]
        loser = ann if ann[0] == 409 else bob
        assert loser[1]["err"]["code"] == "sold_out"
        for viewer in viewers:
            await viewer.until(
                lambda seen=viewer, wanted=turn + 1: len(seen.of("sale.sold_out")) == wanted,
                "sold out",
                WITHIN_A_TICK_S,
            )
            assert viewer.of("sale.sold_out")[turn]["sale_id"] == sale_id
        await here.do("sale.stop", sale_id=sale_id)
    for viewer in viewers:
        await viewer.do("ping")
        assert len(viewer.of("sale.sold_out")) == 5


async def test_a_card_of_the_sale_says_sold_out(two_places: Two) -> None:
    """And takes it back when stock returns."""
    here, there = two_places
    viewer = await there.enter()
    await here.do("product.put", product_id="p1", title="茶", price_cents=900)
    sale_id = await create(here, stock=1)
    await here.do("card.show", product_id="p1", sale_id=sale_id, sku_id="k1")
    await buy(here, sale_id, "ann")
    await viewer.until(lambda: viewer.state["cards"] and viewer.state["cards"][0]["sold_out"])
    level = await there.do("stock.restock", sale_id=sale_id, sku_id="k1", qty=2)
    assert level["left"] == 2
    returned = await viewer.event("stock.returned")
    assert (returned["left"], returned["v"]) == (2, level["v"])
    await viewer.until(lambda: not viewer.state["cards"][0]["sold_out"])
    assert (await there.enter()).state["cards"][0]["sold_out"] is False


async def test_versions_of_stock_only_grow(two_places: Two) -> None:
    """In what every viewer is sent, through buying, restocking and writing off."""
    here, there = two_places
    viewers = [await here.enter(), await there.enter()]
    seen: dict[int, list[tuple[int, int]]] = {0: [], 1: []}
    for number, viewer in enumerate(viewers):
        take = viewer._take

        def watch(frame: dict[str, Any], n: int = number, take: Any = take) -> None:
            for level in frame.get("st", {}).get("stock", {}).values():
                seen[n].append((level["v"], level["left"]))
            take(frame)

        viewer._take = watch  # type: ignore[method-assign]
    sale_id = await create(here, stock=30, per_user=0)
    places = (here, there)
    await asyncio.gather(
        *(buy(places[n % 2], sale_id, f"u{n}") for n in range(20)),
        here.do("stock.restock", sale_id=sale_id, sku_id="k1", qty=5, reason="found a box"),
        there.do("stock.write_off", sale_id=sale_id, sku_id="k1", qty=3, reason="broken"),
    )
    for number, viewer in enumerate(viewers):
        await left(viewer, 12)
        versions = [version for version, _ in seen[number]]
        assert versions == sorted(set(versions))
    sku = (await here.audit())["sales"][0]["skus"][0]
    wanted = {"initial": 30, "restocked": 5, "written_off": 3, "available": 12, "held": 20}
    assert {key: sku[key] for key in wanted} == wanted
    assert sku["balanced"]


async def test_an_unpaid_hold_returns(two_places: Two) -> None:
    """After hold_s, within two seconds, and the unit can be sold again; the buyer is told."""
    here, there = two_places
    sale_id = await create(here, stock=1, hold_s=1)
    ann, viewer = await there.enter("ann"), await here.enter()
    line = {"sku_id": "k1", "qty": 1}
    held = await ann.do("sale.buy", sale_id=sale_id, lines=[line], key="k")
    await viewer.event("sale.sold_out")
    assert (await buy(there, sale_id, "bob"))[1]["err"]["code"] == "sold_out"
    await viewer.until(lambda: len(viewer.of("stock.returned")) == 1, "the return", patience_s=3)
    assert here.worker.services.hub.now_ms() - held["expires_ms"] < 2_000
    await ann.until(
        lambda: "expired" in [event["order"]["status"] for event in ann.of("order.changed")]
    )
    assert (await buy(there, sale_id, "bob"))[0] == 200
    assert (await here.audit())["balanced"]

    async def expired() -> bool:
        _, body = await here.get(f"/v1/orders/{held['order_id']}", sub="ann")
        return bool(body["status"] == "expired")

    await eventually(expired)
    status, body = await here.post(f"/v1/orders/{held['order_id']}/pay", {}, sub="ann")
    assert (status, body["err"]["code"]) == (409, "order_closed")


@pytest.mark.parametrize("stock", [1, 7, 40])
async def test_a_stampede_sells_exactly_what_there_was(two_places: Two, stock: int) -> None:
    """Eighty buyers at two workers, audited all the while."""
    here, there = two_places
    sale_id = await create(here, stock=stock)
    audits: list[dict[str, Any]] = []
    over = asyncio.Event()

    async def watch() -> None:
        while not over.is_set():
            audits.append(await there.audit())

    watching = asyncio.create_task(watch())

    async def told(n: int) -> tuple[int, dict[str, Any]]:
        """The same key again while a busy machine cannot tell."""
        while True:
            status, body = await buy((here, there)[n % 2], sale_id, f"u{n}")
            if status != HTTPStatus.SERVICE_UNAVAILABLE:
                return status, body

    answers = await asyncio.gather(*(told(n) for n in range(80)))
    over.set()
    await watching
    codes = [body.get("err", {}).get("code", "held") for _, body in answers]
    assert codes.count("held") == stock
    assert codes.count("sold_out") == 80 - stock
    audits.append(await here.audit())
    assert all(audit["balanced"] for audit in audits)
    for audit in audits:
        sku = audit["sales"][0]["skus"][0]
        assert sku["available"] + sku["held"] + sku["sold"] == stock
    orders = {body["ok"]["order_id"] for status, body in answers if status == 200}
    assert len(orders) == stock


WRONG_LINES: list[Any] = [
    [],
    [{"sku_id": "k1", "qty": 0}],
    [{"sku_id": "k1", "qty": -1}],
    [{"sku_id": "k1", "qty": 1.5}],
    [{"sku_id": "k1", "qty": True}],
    [{"sku_id": "k1", "qty": "1"}],
    [{"sku_id": "k1", "qty": 2**53 + 1}],
    [{"sku_id": "k1", "qty": 2**63}],
    [{"sku_id": "k1"}],
    [{"sku_id": "k 1", "qty": 1}],
    [{"sku_id": "k1", "qty": 1}] * 21,
    {"sku_id": "k1", "qty": 1},
    None,
]


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_orders_that_make_no_sense_change_nothing(place: Place, codec: str) -> None:
    """Refused, and every unit is still there."""
    sale_id = await create(place)
    lin = await place.enter("lin", codec=codec)
    for number, lines in enumerate(WRONG_LINES):
        code = await lin.refused("sale.buy", sale_id=sale_id, lines=lines, key=f"k{number}")
        assert code == "bad_request", lines
    good = [{"sku_id": "k1", "qty": 1}]
    for key in ("", " ", "x" * 129, "钥匙", 7, None):
        assert await lin.refused("sale.buy", sale_id=sale_id, lines=good, key=key) == "bad_request"
    unknown = [{"sku_id": "nothing", "qty": 1}]
    assert await lin.refused("sale.buy", sale_id=sale_id, lines=unknown, key="u") == "not_found"
    assert await lin.refused("sale.buy", sale_id="nosale", lines=good, key="n") == "not_found"
    guest = await place.enter()
    assert await guest.refused("sale.buy", sale_id=sale_id, lines=good, key="g") == "login_required"
    sku = (await place.audit())["sales"][0]["skus"][0]
    assert (sku["available"], sku["held"], sku["balanced"]) == (5, 0, True)


async def test_a_sale_belongs_to_its_room(two_places: Two) -> None:
    """Neither bought from nor changed by way of another room."""
    here, _ = two_places
    sale_id = await create(here)
    other = await here.house.room(here.worker)
    assert (await buy(other, sale_id, "lin"))[1]["err"]["code"] == "not_found"
    for op, params in (
        ("sale.stop", {}),
        ("sale.start", {}),
        ("stock.restock", {"sku_id": "k1", "qty": 1}),
        ("stock.write_off", {"sku_id": "k1", "qty": 1}),
    ):
        status, body = await other.command(op, sale_id=sale_id, **params)
        assert (status, body["err"]["code"]) == (404, "not_found"), op
    assert (await buy(here, sale_id, "lin"))[0] == 200


async def test_staff_cannot_write_off_what_is_not_there(place: Place) -> None:
    """Held units are somebody's; a keyed act happens once."""
    sale_id = await create(place, stock=2)
    await buy(place, sale_id, "ann")
    act = {"sale_id": sale_id, "sku_id": "k1"}
    status, body = await place.command("stock.write_off", qty=2, **act)
    assert (status, body["err"]["code"]) == (409, "conflict")
    first = await place.do("stock.restock", qty=4, key="delivery-7", **act)
    assert await place.do("stock.restock", qty=4, key="delivery-7", **act) == first
    sku = (await place.audit())["sales"][0]["skus"][0]
    assert (sku["available"], sku["restocked"], sku["balanced"]) == (5, 4, True)


async def test_a_late_joiner_knows_the_sale(two_places: Two) -> None:
    """Phase, window, prices and exact stock in the first snapshot, at either worker."""
    here, there = two_places
    sale_id = await create(here, stock=3)
    await buy(here, sale_id, "ann")
    for place in (here, there):
        late = await place.enter()
        sale = late.state["sales"][sale_id]
        assert (sale["phase"], sale["skus"][0]["sale_cents"]) == ("live", 500)
        await left(late, 2)

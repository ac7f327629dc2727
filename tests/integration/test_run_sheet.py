"""The run-sheet over two workers: checked when written, each item run once with all its checks."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.integration.house import Place

SHOW = {"op": "card.show", "params": {"product_id": "pot", "mode": "explaining"}}


def an_item(minute: int, op: str = "announce", **params: Any) -> dict[str, Any]:
    return {"title": f"第 {minute} 分", "minute": minute, "act": {"op": op, "params": params}}


async def sheet_of(place: Place) -> dict[str, Any]:
    path = f"/v1/rooms/{place.room_id}/run-sheet"
    status, body = await place.get(path, sub="host", role="host")
    assert status == 200, body
    sheet: dict[str, Any] = body
    return sheet


async def test_one_press_runs_the_next_item_once(two_places: tuple[Place, Place]) -> None:
    here, there = two_places
    await here.do("product.put", product_id="pot", title="紫砂壶", price_cents=100)
    shown = {"title": "讲解", "minute": 0, "act": SHOW}
    words = {"title": "口播", "minute": 5}
    await here.do("run_sheet.put", items=[shown, words, an_item(9, text="全场包邮")])
    witness = await there.enter()
    presses = [place.command("run_sheet.next", expect=0) for place in (here, there, here)]
    answers = [body["ok"]["ran"] for _, body in await asyncio.gather(*presses)]
    assert sorted(answers) == [False, False, True]
    assert (await witness.event("card.shown"))["card"]["product_id"] == "pot"
    for expect in (1, 2):
        await there.do("run_sheet.next", expect=expect)
    await witness.event("announcement")
    assert len(witness.of("card.shown")) == 1
    sheet = await sheet_of(here)
    assert sheet["next"] == 3
    assert [item["ran"]["outcome"] for item in sheet["items"]] == ["ok", "ok", "ok"]
    assert sheet["items"][0]["late_s"] == 0
    status, body = await here.command("run_sheet.next", expect=9)
    assert (status, body["err"]["code"]) == (409, "conflict")


async def test_a_refused_act_is_the_next_again_with_the_refusal(place: Place) -> None:
    unknown = an_item(0, "card.show", product_id="later")
    await place.do("run_sheet.put", items=[unknown])
    _, body = await place.command("run_sheet.next", expect=0)
    assert body["err"]["code"] == "not_found"
    assert (await sheet_of(place))["next"] == 0
    await place.do("product.put", product_id="later", title="茶", price_cents=100)
    assert (await place.do("run_sheet.next", expect=0))["ran"]


async def test_only_what_one_may_do_can_be_planned(place: Place) -> None:
    async def code_of(*items: dict[str, Any], role: str = "host") -> str:
        _, body = await place.command("run_sheet.put", role=role, items=list(items))
        return str(body["err"]["code"])

    assert await code_of(an_item(0, "no.such")) == "unknown_op"
    assert await code_of(an_item(0, "comment.send", text="hi")) == "bad_request"
    assert await code_of(an_item(0, "run_sheet.next", expect=0)) == "bad_request"
    assert await code_of(an_item(0, "card.show", product_id=7)) == "bad_request"
    assert await code_of(an_item(0, "room.end"), role="assistant") == "forbidden"
    assert await code_of({"title": " ", "minute": 0}) == "bad_request"
    path = f"/v1/rooms/{place.room_id}/run-sheet"
    assert (await place.get(path, sub="lin"))[0] == 403

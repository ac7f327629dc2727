"""Questions from the room to the host: asked by the rules of comments, shown to all, answered."""

from __future__ import annotations

from tests.integration.house import Place


async def test_asked_wanted_answered_and_counted(two_places: tuple[Place, Place]) -> None:
    here, there = two_places
    lin, kim = await here.enter("lin"), await there.enter("kim")
    asked = await lin.do("question.ask", text="  保温吗?\u202e ")
    first = asked["question_id"]
    second = (await kim.do("question.ask", text="有蓝色的吗"))["question_id"]
    assert (await kim.do("question.vote", question_id=first))["votes"] == 2
    assert (await kim.do("question.vote", question_id=first))["votes"] == 2
    for visitor in (lin, kim):
        await visitor.until(
            lambda v=visitor: [q["votes"] for q in v.state["questions"]["top"]] == [2, 1], "board"
        )
        assert visitor.state["questions"]["top"][0]["text"] == "保温吗?"
    path = f"/v1/rooms/{here.room_id}/questions"
    _, listed = await there.get(path, sub="kim")
    assert [(q["question_id"], q["voted"]) for q in listed["questions"]] == [
        (first, True),
        (second, True),
    ]
    _, rest = await there.get(f"{path}?after={first}")
    assert [q["question_id"] for q in rest["questions"]] == [second]
    await here.do("question.answer", question_id=first, text="保温八小时")
    answered = await kim.event("question.answered")
    assert (answered["text"], answered["answer"]) == ("保温吗?", "保温八小时")
    assert answered["asked_ms"] <= answered["answered_ms"]
    await there.do("question.hide", question_id=second)
    await lin.until(lambda: lin.state["questions"]["open"] == 0, "an empty board")
    _, done = await here.get(f"{path}?state=answered")
    assert [q["answer"] for q in done["questions"]] == ["保温八小时"]
    _, numbers = await here.get(f"/v1/rooms/{here.room_id}/metrics", sub="host", role="host")
    assert numbers["questions"]["answered"] == 1
    assert numbers["questions"]["median_reply_ms"] >= 0


async def test_what_may_not_be_said_may_not_be_asked(place: Place) -> None:
    lin = await place.enter("lin")
    assert await lin.refused("question.ask", text="加微信 12345") == "sensitive"
    assert await lin.refused("question.ask", text="x" * 201) == "too_long"
    assert await lin.refused("question.ask", text="\u200b ") == "bad_request"
    assert await lin.refused("question.ask", text="hm?", product_id="none") == "not_found"
    await place.do("user.mute", user_id="lin", seconds=60)
    assert await lin.refused("question.ask", text="hm?") == "muted"
    assert await lin.refused("question.vote", question_id="none") == "not_found"

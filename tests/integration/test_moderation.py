"""What staff decides: comments that wait, words, helpers, repetition; and its trail."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import Any

import pytest
from aiohttp import web

from room.mentions import RecentSpeakers
from server.breaker import FAILURES_MAX
from tests.integration.house import House, Place, eventually
from tests.integration.visitor import Visitor

Two = tuple[Place, Place]
REVIEW_SECRET = "review-secret-of-the-tests-0123456789"


async def heard(visitor: Visitor, comment_id: str) -> dict[str, Any]:
    await visitor.until(lambda: comment_id in [c["id"] for c in visitor.of("comment")])
    return next(c for c in visitor.of("comment") if c["id"] == comment_id)


async def has_words(place: Place, rev: int) -> bool:
    return place.live.words_rev == rev


async def test_a_held_comment_waits_for_staff(two_places: Two) -> None:
    """Author and staff are told on every worker; approved it goes out, refused it does not."""
    here, there = two_places
    host, lin, kim = await here.host(), await there.enter("lin"), await here.enter("kim")
    await host.do("words.set", review=["代购"])
    await eventually(lambda: has_words(there, 1))
    assert (await lin.do("comment.send", text="可以代购吗"))["held"] is True
    await kim.refused("comment.queue")
    queue = (await host.do("comment.queue"))["held"]
    first = queue[0]["comment"]
    assert (first["text"], first["user"]["id"]) == ("可以代购吗", "lin")
    assert (await host.event("comment.held"))["comment"] == first
    assert (await lin.event("comment.held"))["comment"] == first
    await host.do("comment.approve", comment_id=first["id"])
    assert (await heard(kim, first["id"]))["text"] == "可以代购吗"
    assert (await lin.event("comment.judged"))["approved"] is True
    assert await host.refused("comment.approve", comment_id=first["id"]) == "not_found"
    second = await lin.do("comment.send", text="代 购 代 购")
    await host.do("comment.refuse", comment_id=second["comment_id"])
    assert (await lin.event("comment.judged", 2))["approved"] is False
    assert (await host.do("comment.queue"))["held"] == []
    assert kim.texts == ["可以代购吗"]


async def test_words_of_a_room_and_of_the_house(house: House) -> None:
    """Masked, refused; the house's file is read again when it changes; another room has its own."""
    worker = await house.worker()
    place, other = await house.room(worker), await house.room(worker)
    host, lin = await place.host(), await place.enter("lin")
    lists = await host.do("words.set", mask=["某某牌"], reject=["freebie"])
    assert await host.do("words.get") == lists
    answer = await lin.do("comment.send", text="某某牌 好")
    assert (await heard(lin, answer["comment_id"]))["text"] == "*** 好"
    assert await lin.refused("comment.send", text="FREEB1E") == "sensitive"
    await (await other.enter("lin")).do("comment.send", text="freebie")
    words = worker.settings.data_dir / "words.txt"
    words.parent.mkdir(parents=True, exist_ok=True)
    words.write_text("[reject]\nhousekey\n", encoding="utf-8")
    await worker.services.moderation.words.refresh()
    assert await lin.refused("comment.send", text="housekey") == "sensitive"
    words.write_text("no heading\n", encoding="utf-8")
    await worker.services.moderation.words.refresh()
    assert await lin.refused("comment.send", text="housekey") == "sensitive"
    words.unlink()
    await worker.services.moderation.words.refresh()
    await lin.do("comment.send", text="housekey")


async def test_an_assistant_helps_from_the_moment_of_appointment(two_places: Two) -> None:
    """On the open socket, over HTTP and at hello, until dismissed; only hosts appoint."""
    here, there = two_places
    host, lin = await here.host(), await there.enter("lin")
    assert await lin.refused("announce", text="hi") == "forbidden"
    await host.do("assistant.add", user_id="lin")
    assert (await lin.event("assistant.changed"))["appointed"] is True
    await lin.do("announce", text="hi")
    assert await lin.refused("assistant.add", user_id="kim") == "forbidden"
    path = f"/v1/rooms/{there.room_id}/staff-acts"
    assert (await there.get(path, sub="lin"))[0] == 200
    assert (await there.enter("lin")).welcome["user"]["role"] == "assistant"
    said = await lin.do("comment.send", text="我是场控")
    assert (await heard(host, said["comment_id"]))["user"]["role"] == "assistant"
    await host.do("assistant.remove", user_id="lin")
    await lin.event("assistant.changed", 2)
    assert await lin.refused("announce", text="hi") == "forbidden"
    assert (await there.get(path, sub="lin"))[0] == 403
    assert await host.refused("assistant.add", user_id="host") == "forbidden"


async def test_the_same_is_not_said_twice(two_places: Two) -> None:
    """By anybody on any worker, for so long; staff may."""
    here, there = two_places
    host, lin, kim = await here.host(), await here.enter("lin"), await there.enter("kim")
    await host.do("room.set", unique_chat_s=60)
    await kim.until(lambda: kim.state["room"]["settings"]["unique_chat_s"] == 60)
    await lin.do("comment.send", text="拍了拍了!")
    reply = await kim.ask("comment.send", text="拍了 拍了")
    assert reply["err"]["code"] == "duplicate"
    assert 0 < reply["err"]["retry_ms"] <= 60_000
    assert await lin.refused("comment.send", text="拍了拍了!") == "duplicate"
    for _ in range(2):
        await host.do("comment.send", text="拍了拍了!")


async def test_who_is_called_or_answered_is_told(two_places: Two) -> None:
    """In person, on their worker; ids in the comment."""
    here, there = two_places
    lin, kim = await here.enter("lin"), await there.enter("kim")
    first = await kim.do("comment.send", text="多少钱")
    await heard(lin, first["comment_id"])
    called = await lin.do("comment.send", text="@kim 99")
    assert (await heard(kim, called["comment_id"]))["mentions"] == ["kim"]
    assert (await kim.event("mentioned"))["comment"]["id"] == called["comment_id"]
    await lin.do("comment.send", text="on sale", reply_to=first["comment_id"])
    assert (await kim.event("mentioned", 2))["comment"]["text"] == "on sale"
    assert lin.of("mentioned") == []


async def test_who_spoke_where_the_room_was_not_open_can_be_called(two_places: Two) -> None:
    """A worker that opens the room later knows by name whoever spoke before."""
    here, there = two_places
    kim = await here.enter("kim")
    said = await kim.do("comment.send", text="多少钱")
    await heard(kim, said["comment_id"])
    assert there.room_id not in there.worker.services.hub.rooms
    lin = await there.enter("lin")
    called = await lin.do("comment.send", text="@kim 99")
    assert (await heard(kim, called["comment_id"]))["mentions"] == ["kim"]


async def test_who_spoke_and_was_not_heard_of_yet_can_be_called(two_places: Two) -> None:
    """What the bus brings late or never is in the store."""
    here, there = two_places
    kim, lin = await here.enter("kim"), await there.enter("lin")
    await heard(lin, (await kim.do("comment.send", text="多少钱"))["comment_id"])
    there.live.speakers = RecentSpeakers()
    called = await lin.do("comment.send", text="for you", mentions=["kim"])
    assert (await heard(kim, called["comment_id"]))["mentions"] == ["kim"]


async def test_many_say_the_same(two_places: Two) -> None:
    """Two are shown, the others counted onto the first; own words always come back."""
    here, there = two_places
    crowd = [await (here, there)[nth % 2].enter(f"p{nth}") for nth in range(8)]
    watcher = await there.enter("watcher")
    for one in crowd:
        await one.do("comment.send", text="666")
    await watcher.until(lambda: any(r["n"] == 8 for r in watcher.of("comment.repeated")))
    shown = watcher.of("comment")
    assert len(shown) == 2
    assert watcher.of("comment.repeated")[-1]["id"] == shown[0]["id"]
    assert watcher.folds["comment"] == 6
    assert watcher.drops["comment"] == 0
    for one in crowd:
        await one.until(lambda one=one: len(who(one)) + one.folds["comment"] == 8)  # type: ignore[misc]
        assert one.welcome["user"]["id"] in who(one)
    late = await there.enter()
    assert [event["d"].get("n") for event in late.welcome["recent"]] == [8, None]


def who(visitor: Visitor) -> list[str]:
    return [comment["user"]["id"] for comment in visitor.of("comment")]


async def test_every_act_of_staff_is_written_down(place: Place) -> None:
    """Who, what and when, newest first, in pages and as CSV; looking is no act."""
    host, helper = await place.host(), await place.enter("helper", "assistant")
    await host.do("room.set", slow_mode_s=3)
    await helper.do("user.mute", user_id="lin", seconds=60)
    await helper.do("comment.queue")
    await helper.refused("comment.delete", comment_id=7)
    await host.do("announce", text='=HYPERLINK("x")')
    path = f"/v1/rooms/{place.room_id}/staff-acts"
    _, page = await place.get(path + "?limit=2", sub="helper", role="assistant")
    assert [act["op"] for act in page["acts"]] == ["announce", "user.mute"]
    assert page["acts"][1]["actor"] == {"id": "helper", "name": "helper", "role": "assistant"}
    assert page["acts"][1]["detail"] == {"user_id": "lin", "seconds": 60}
    _, rest = await place.get(f"{path}?before={page['next']}", sub="host", role="host")
    assert [act["op"] for act in rest["acts"]] == ["room.set", "room.create"]
    assert rest["next"] is None
    assert (await place.get(path + "?limit=x", sub="host", role="host"))[0] == 400
    url = f"{place.url}{path}.csv"
    async with place.house.session.get(url, headers=place.bearer("host", "host")) as answer:
        rows = (await answer.text()).splitlines()
    assert [row.split(",")[4] for row in rows[1:]] == [
        "announce",
        "user.mute",
        "room.set",
        "room.create",
    ]


class Judge:
    """A house's reviewer, as bad as a test wants it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.released = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        raw = await request.read()
        parts = request.headers["X-Liveroom-Signature"].split(",")
        header = dict(part.split("=") for part in parts)
        wanted = hmac.new(REVIEW_SECRET.encode(), f"{header['t']}.".encode() + raw, hashlib.sha256)
        assert hmac.compare_digest(wanted.hexdigest(), header["v1"])
        text = (await request.json())["comment"]["text"]
        self.asked.append(text)
        if text.startswith("slow"):
            await self.released.wait()
        verdict = {"bad": "reject", "odd": "hold"}.get(text, "allow")
        return web.json_response({"verdict": verdict})


@pytest.mark.parametrize("fallback", ["allow", "hold"])
async def test_the_reviewer_is_asked_and_not_waited_for(house: House, fallback: str) -> None:
    """Its verdict counts; silence is answered by the fallback; then it is left alone."""
    judge = Judge()
    app = web.Application()
    app.router.add_post("/", judge.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    worker = await house.worker(
        review_url=f"http://127.0.0.1:{port}/",
        review_secret=REVIEW_SECRET,
        review_fallback=fallback,
        review_timeout_ms=100,
    )
    place = await house.room(worker)
    await place.do("room.set", comments_per_user_per_s=0)
    lin, host = await place.enter("lin"), await place.host()
    assert "held" not in await lin.do("comment.send", text="fine")
    assert await lin.refused("comment.send", text="bad") == "sensitive"
    assert (await lin.do("comment.send", text="odd"))["held"] is True
    await host.do("comment.send", text="bad")
    for nth in range(FAILURES_MAX + 1):
        answer = await lin.do("comment.send", text=f"slow {nth}")
        assert answer.get("held", False) is (fallback == "hold")
    assert judge.asked.count("bad") == 1
    assert f"slow {FAILURES_MAX}" not in judge.asked
    judge.released.set()
    await runner.cleanup()

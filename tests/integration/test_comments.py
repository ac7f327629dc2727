"""What people say: who may, how it looks to the others, and what the host can do about it."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from tests.integration.house import House, Place
from tests.integration.visitor import Visitor

Two = tuple[Place, Place]


async def say(visitor: Visitor, text: str, **more: Any) -> str:
    answer = await visitor.do("comment.send", text=text, **more)
    return str(answer["comment_id"])


async def heard(visitor: Visitor, comment_id: str) -> dict[str, Any]:
    """The comment as this viewer was shown it."""
    await visitor.until(lambda: comment_id in [c["id"] for c in visitor.of("comment")])
    return next(c for c in visitor.of("comment") if c["id"] == comment_id)


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_everyone_hears_it_once_the_speaker_too(two_places: Two, codec: str) -> None:
    """At both workers, with the speaker's id, name and role."""
    here, there = two_places
    lin, kim, guest = await here.enter("lin"), await there.enter("kim"), await there.enter()
    bo = await here.enter("bo", codec=codec)
    comment_id = await say(lin, "大家好 👋 hello")
    for visitor in (lin, kim, guest, bo):
        comment = await heard(visitor, comment_id)
        assert comment["text"] == "大家好 👋 hello"
        assert comment["user"] == {"id": "lin", "name": "lin", "role": "viewer"}
        assert len(visitor.of("comment")) == 1


async def test_a_late_joiner_reads_what_was_said(two_places: Two) -> None:
    """Oldest first, without what was deleted since."""
    here, there = two_places
    host = await here.host()
    ids = [await say(host, f"line {number}") for number in range(4)]
    await host.do("comment.delete", comment_id=ids[2])
    late = await there.enter()
    assert [event["d"]["text"] for event in late.welcome["recent"]] == [
        "line 0",
        "line 1",
        "line 3",
    ]


async def test_the_host_is_marked(place: Place) -> None:
    """By the role in the speaker."""
    host, lin = await place.host(), await place.enter("lin")
    comment = await heard(lin, await say(host, "欢迎"))
    assert comment["user"]["role"] == "host"


async def test_a_reply_quotes_what_it_answers(two_places: Two) -> None:
    """Author and beginning of the comment answered; one that is gone cannot be answered."""
    here, there = two_places
    lin, kim = await here.enter("lin"), await there.enter("kim")
    question = await say(lin, "多少钱?")
    await heard(kim, question)
    answer = await heard(lin, await say(kim, "99", reply_to=question))
    assert answer["reply_to"] == {"id": question, "name": "lin", "text": "多少钱?"}
    assert await kim.refused("comment.send", text="x", reply_to="c_nobody") == "not_found"


async def test_pins_are_state_for_all_and_for_late_joiners(two_places: Two) -> None:
    """Three at most; unpinning and deleting take them away."""
    here, there = two_places
    host, lin = await here.host(), await there.enter("lin")
    ids = [await say(host, f"rule {number}") for number in range(4)]
    for comment_id in ids[:3]:
        await host.do("comment.pin", comment_id=comment_id)
    assert await host.refused("comment.pin", comment_id=ids[3]) == "conflict"
    await lin.event("comment.pinned", 3)
    await host.do("comment.unpin", comment_id=ids[0])
    await host.do("comment.delete", comment_id=ids[1])
    await lin.event("comment.deleted")
    await lin.until(lambda: [c["id"] for c in lin.state["room"]["pinned"]] == [ids[2]])
    late = await there.enter()
    assert [c["text"] for c in late.state["room"]["pinned"]] == ["rule 2"]
    assert await host.refused("comment.pin", comment_id=ids[1]) == "not_found"


async def test_a_muted_person_reads_but_does_not_speak(two_places: Two) -> None:
    """On all workers, told in person and to all, until it is lifted."""
    here, there = two_places
    host, lin = await here.host(), await there.enter("lin")
    until_ms = (await host.do("user.mute", user_id="lin", seconds=600))["until_ms"]
    assert (await lin.event("user.muted"))["until_ms"] == until_ms
    assert await lin.event("muted") == {"until_ms": until_ms}
    reply = await lin.ask("comment.send", text="psst")
    assert reply["err"]["code"] == "muted"
    assert 0 < reply["err"]["retry_ms"] <= 600_000
    await host.do("user.mute", user_id="lin", seconds=0)
    await lin.event("user.muted", 2)
    await say(lin, "thanks")


async def test_a_kicked_person_may_come_back(two_places: Two) -> None:
    """4505 on every socket of theirs at every worker, and nobody else's."""
    here, there = two_places
    host, kim = await here.host(), await there.enter("kim")
    lins = [await here.enter("lin"), await there.enter("lin")]
    await host.do("user.kick", user_id="lin")
    assert [await lin.closed() for lin in lins] == [4505, 4505]
    await there.enter("lin")
    await kim.do("ping")


async def test_a_ban_reaches_every_worker(two_places: Two) -> None:
    """4503 wherever the person is."""
    here, there = two_places
    host = await here.host()
    lins = [await here.enter("lin"), await there.enter("lin")]
    await host.do("user.ban", user_id="lin")
    assert [await lin.closed() for lin in lins] == [4503, 4503]


async def test_nobody_silences_the_host(place: Place) -> None:
    """Neither an assistant nor the host himself by mistake."""
    helper = await place.enter("helper", "assistant")
    for op, params in (("user.mute", {"seconds": 60}), ("user.ban", {})):
        assert await helper.refused(op, user_id="host", **params) == "forbidden"
        assert await helper.refused(op, user_id="helper", **params) == "forbidden"


async def test_slow_mode_holds_over_all_sockets_of_a_person(two_places: Two) -> None:
    """`slow_mode` with the wait, on the other worker too; staff are not slowed."""
    here, there = two_places
    host = await here.host()
    await host.do("room.set", slow_mode_s=30)
    first, second = await here.enter("lin"), await there.enter("lin")
    await second.until(lambda: second.state["room"]["settings"]["slow_mode_s"] == 30)
    await say(first, "one")
    reply = await second.ask("comment.send", text="two")
    assert reply["err"]["code"] == "slow_mode"
    assert 0 < reply["err"]["retry_ms"] <= 30_000
    assert await first.refused("comment.send", text="three") == "slow_mode"
    for text in ("a", "b", "c"):
        await say(host, text)


async def test_the_wait_of_slow_mode_ends_with_it(place: Place) -> None:
    """Nobody serves the rest of a wait that no longer applies."""
    host, lin = await place.host(), await place.enter("lin")
    await host.do("room.set", slow_mode_s=600)
    await say(lin, "one")
    assert await lin.refused("comment.send", text="two") == "slow_mode"
    await host.do("room.set", slow_mode_s=0)
    reply = await lin.ask("comment.send", text="three")
    assert reply.get("err", {"retry_ms": 0})["retry_ms"] <= 1_000


async def test_a_refused_comment_costs_no_turn(place: Place) -> None:
    """Who is told to rephrase may do it at once."""
    await place.do("room.set", slow_mode_s=30)
    lin = await place.enter("lin")
    assert await lin.refused("comment.send", text="加微信") == "sensitive"
    assert await lin.refused("comment.send", text="  ") == "bad_request"
    await say(lin, "hello")


async def test_everyone_has_a_pace_of_their_own(place: Place) -> None:
    """`rate_limited` past comments_per_user_per_s; 0 lifts it."""
    lin, kim = await place.enter("lin"), await place.enter("kim")
    await place.do("room.set", comments_per_user_per_s=1)
    await lin.until(lambda: lin.state["room"]["settings"]["comments_per_user_per_s"] == 1)
    replies = [await lin.ask("comment.send", text=f"{n}") for n in range(4)]
    codes = [reply.get("err", {}).get("code") for reply in replies]
    assert codes[0] is None
    assert "rate_limited" in codes
    await say(kim, "not me")
    await place.do("room.set", comments_per_user_per_s=0)
    await lin.until(lambda: lin.state["room"]["settings"]["comments_per_user_per_s"] == 0)
    for number in range(10):
        await say(lin, f"free {number}")


async def test_followers_only(place: Place) -> None:
    """Members and staff still speak, and whoever follows the host."""
    await place.do("room.set", followers_only=True)
    lin, mo = await place.enter("lin"), await place.enter("mo", "member")
    assert await lin.refused("comment.send", text="hi") == "forbidden"
    await say(mo, "hi")
    await lin.do("host.follow")
    await say(lin, "now I follow")


@pytest.mark.parametrize(
    "text",
    [
        "加微信 abc",
        "加 微 信",
        "加.微.信",
        "online casino now",
        "ＯＮＬＩＮＥ ＣＡＳＩＮＯ",
        "onl1ne cas1no",
    ],
)
async def test_some_words_are_refused(place: Place, text: str) -> None:
    """In Chinese and English, also spaced out or disguised; nobody hears them."""
    lin, kim = await place.enter("lin"), await place.enter("kim")
    assert await lin.refused("comment.send", text=text) == "sensitive"
    await heard(kim, await say(lin, "fine"))
    assert kim.texts == ["fine"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("what the shit", "what the ****"),
        ("you b1tch!", "you *****!"),
        ("你这个王八蛋", "你这个***"),
        ("a class act", "a class act"),
        ("Scunthorpe", "Scunthorpe"),
    ],
)
async def test_some_words_are_starred_out(place: Place, text: str, shown: str) -> None:
    """And words that only contain them are not."""
    lin = await place.enter("lin")
    assert (await heard(lin, await say(lin, text)))["text"] == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("e\u0301", "\u00e9"),
        ("left\u202eright\u202c", "leftright"),
        ("\u2066a\u2069", "a"),
        ("a\x00b\x1b[31mc", "ab[31mc"),
        ("a\u200bb\ufeffc", "abc"),
        ("one\r\ntwo\tthree", "one two three"),
        ("  wide \u3000 spaces  ", "wide spaces"),
        ("z" + "\u0335" * 30, "z\u0335\u0335"),
        ("👨\u200d👩\u200d👧\u200d👦", "👨\u200d👩\u200d👧\u200d👦"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("a\ud83d\ude00b".encode("utf-16", "surrogatepass").decode("utf-16"), "a😀b"),
    ],
)
@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_text_is_made_harmless(place: Place, text: str, shown: str, codec: str) -> None:
    """NFC, one line, no bidi or control characters, no towers of marks; HTML stays text."""
    lin = await place.enter("lin", codec=codec)
    comment = await heard(lin, await say(lin, text))
    assert comment["text"] == shown
    assert unicodedata.is_normalized("NFC", comment["text"])


@pytest.mark.parametrize("text", ["", "   ", "\u200b\u200d", "\u202e", "\x00", "\u0301"])
async def test_nothing_is_no_comment(place: Place, text: str) -> None:
    """`bad_request` for what would show as nothing."""
    lin = await place.enter("lin")
    assert await lin.refused("comment.send", text=text) == "bad_request"


async def test_length_is_counted_as_a_reader_counts(place: Place) -> None:
    """200 characters, whatever they are made of; more is `too_long`."""
    lin = await place.enter("lin", "assistant")
    await say(lin, "好" * 200)
    assert await lin.refused("comment.send", text="好" * 201) == "too_long"
    assert await lin.refused("comment.send", text="x" * 2001) in {"too_long", "bad_request"}
    await say(lin, "👍🏽" * 100)


@pytest.mark.parametrize("wrong", [None, 7, True, ["a"], {"a": 1}], ids=repr)
async def test_a_comment_is_text(place: Place, wrong: object) -> None:
    """Nothing else."""
    lin = await place.enter("lin")
    assert await lin.refused("comment.send", text=wrong) == "bad_request"


async def test_nobody_speaks_after_the_end(place: Place) -> None:
    """`room_ended` over HTTP, where no socket is needed."""
    await place.do("room.end")
    status, body = await place.command("comment.send", text="hello?")
    assert (status, body["err"]["code"]) == (410, "room_ended")


async def test_an_announcement_is_state(house: House) -> None:
    """For those present an event, for late joiners in the snapshot; empty clears it."""
    here = await house.room(await house.worker())
    lin = await here.enter("lin")
    await here.do("announce", text="今晚八点秒杀")
    assert (await lin.event("announcement"))["text"] == "今晚八点秒杀"
    late = await here.enter()
    assert late.state["room"]["announcement"]["text"] == "今晚八点秒杀"
    await here.do("announce", text="")
    await lin.until(lambda: lin.state["room"]["announcement"] is None)
    assert (await here.enter()).state["room"]["announcement"] is None

"""What one viewer says faster than it is heard: too old to wait for, it is refused, and told so."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from loadtest import frames
from server import talk_gate
from server.error_codes import CloseCode
from tests.integration.house import House, Place
from tests.integration.raw_socket import RawSocket, enter

SAID = 300
FIRST_ID = 100


@pytest.fixture
async def hurried(house: House, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A room where nobody waits for longer than five comments take."""
    monkeypatch.setattr(talk_gate, "WAIT_S_MAX", 5 / talk_gate.PER_S_MAX)
    place = await house.room(await house.worker(commands_burst=10_000))
    await place.do("room.set", comments_per_user_per_s=0, chat_per_viewer_per_s=0)
    return place


async def replies(raw: RawSocket, count: int) -> list[dict[str, Any]]:
    """In the order they came in."""
    came: list[dict[str, Any]] = []
    while len(came) < count:
        opcode, payload = await raw.frame()
        if opcode == frames.TEXT:
            came += orjson.loads(payload).get("re", ())
    return came


def say(raw: RawSocket, count: int) -> None:
    """All at once: most of it waits in the socket."""
    for number in range(FIRST_ID, FIRST_ID + count):
        raw.send_text({"id": number, "op": "comment.send", "text": f"line {number}"})


async def test_each_is_answered_once_and_what_was_let_in_is_heard(hurried: Place) -> None:
    """In the order it was said; what was refused is heard by nobody."""
    listener = await hurried.enter("listener")
    raw = await enter(hurried.url, hurried.room_id, hurried.token("lin"))
    say(raw, SAID)
    came = await replies(raw, SAID)
    assert [reply["id"] for reply in came] == list(range(FIRST_ID, FIRST_ID + SAID))
    refused = [reply["err"] for reply in came if "err" in reply]
    assert {error["code"] for error in refused} == {"rate_limited"}
    assert all(error["retry_ms"] > 0 for error in refused)
    let_in = [f"line {reply['id']}" for reply in came if "ok" in reply]
    assert let_in
    await listener.until(lambda: len(listener.texts) >= len(let_in))
    assert listener.texts == let_in
    raw.end()


async def test_what_is_no_talk_is_done_however_much_is_said(hurried: Place) -> None:
    """A like among the comments counts, and a ping is answered; a batch with both is done whole."""
    raw = await enter(hurried.url, hurried.room_id, hurried.token("lin"))
    say(raw, 100)
    raw.send_text({"id": 1_000, "op": "like.add", "n": 3})
    raw.send(frames.PING, b"here?")
    say(raw, 100)
    talk = {"op": "comment.send", "text": "with a like"}
    raw.send_text([{"id": 1_001, "op": "like.add", "n": 4}, {"id": 1_002, **talk}])
    for _ in range(20):
        raw.send(frames.PING, b"still here?")
    came = {reply["id"]: reply for reply in await replies(raw, 203)}
    assert "ok" in came[1_000]
    assert "ok" in came[1_001]
    assert hurried.live.counters["likes"] == 7
    raw.end()


async def test_who_sends_rubbish_after_it_is_still_answered(hurried: Place) -> None:
    """Whatever was accepted has an outcome to be told, before the socket is closed."""
    raw = await enter(hurried.url, hurried.room_id, hurried.token("lin"))
    say(raw, SAID)
    raw.send(frames.TEXT, b"[")
    assert len(await replies(raw, SAID)) == SAID
    assert await raw.close_code() == CloseCode.PROTOCOL_ERROR

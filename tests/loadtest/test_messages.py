"""A frame is parsed once for all viewers, and a viewer's place follows what it was sent."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from loadtest.checks import critical_failures, reply_failures
from loadtest.client import Address, Refused, Viewer
from loadtest.history import Position
from loadtest.messages import CACHE_FRAMES_MAX, MessageCache, saw


def frame(**keys: object) -> bytes:
    return orjson.dumps(keys)


def critical(seq: int) -> dict[str, Any]:
    return {"t": "announcement", "ts": 1, "d": {"text": str(seq)}, "seq": seq}


def test_equal_bytes_give_the_same_message() -> None:
    cache = MessageCache()
    assert cache.read(frame(ev=[critical(1)])) is cache.read(frame(ev=[critical(1)]))


def test_replies_are_private_and_not_kept() -> None:
    cache = MessageCache()
    assert cache.read(frame(re=[{"id": 1}])) is not cache.read(frame(re=[{"id": 1}]))


def test_the_cache_is_bounded() -> None:
    cache = MessageCache()
    for number in range(CACHE_FRAMES_MAX * 3):
        cache.read(frame(n=number))
    assert len(cache._messages) <= CACHE_FRAMES_MAX


def test_a_frame_that_is_no_object_is_an_error() -> None:
    with pytest.raises(ValueError, match="no object"):
        MessageCache().read(b"[1]")


def test_equal_events_have_equal_digests_whatever_the_key_order() -> None:
    assert saw({"seq": 1, "t": "a", "d": {}}) == saw({"d": {}, "t": "a", "seq": 1})
    assert saw({"seq": 1, "t": "a", "d": {}}) != saw({"seq": 1, "t": "a", "d": {"x": 1}})


def viewer() -> Viewer:
    return Viewer(Address("127.0.0.1", 1, "room"), name="v")


def hello(seq: int, **more: object) -> bytes:
    ok = {"epoch": "e", "seq": seq, "recovered": False, "events": [], "state": {}, **more}
    return frame(re=[{"id": 1, "ok": ok}])


def test_a_viewer_follows_the_room() -> None:
    watching = viewer()
    watching.history.asked.add(1)
    watching.receive(hello(4))
    watching.receive(frame(ev=[critical(5), critical(6)], seq=6))
    assert watching.position == Position("e", 6)
    assert critical_failures([watching.history], end=Position("e", 6)) == []
    assert reply_failures([watching.history]) == []


def test_a_viewer_notes_what_it_missed() -> None:
    watching = viewer()
    watching.receive(hello(4))
    watching.receive(frame(ev=[critical(6)], seq=6))
    assert [f.kind for f in critical_failures([watching.history])] == ["lost"]


async def test_a_command_on_no_connection_is_lost_at_once() -> None:
    with pytest.raises(Exception, match="not connected"):
        await viewer().command("ping")


def test_a_refusal_tells_its_code_and_when_to_try_again() -> None:
    refusal = Refused("slow_mode", "wait", 1500)
    assert (refusal.code, refusal.retry_ms) == ("slow_mode", 1500)

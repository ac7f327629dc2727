"""Viewers over plain HTTP judge what they are given; the judge is judged here by broken stories."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from loadtest.tick_watchers import Watcher, Watchers


def tick(n: int, seq: int, *seqs: int) -> bytes:
    events = [{"t": "announcement", "ts": 0, "seq": number, "d": {}} for number in seqs]
    body = orjson.dumps({"n": n, "ts": 0, "epoch": "e", "seq": seq, "ev": events})
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


class Line(asyncio.Transport):
    """Takes what a viewer asks."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bytes] = []

    def write(self, data: Any) -> None:
        self.asked.append(bytes(data).split(b" ", 2)[1])


def seated() -> tuple[Watchers, Watcher, Line]:
    crowd = Watchers("host", 1, "r")
    viewer, line = Watcher(crowd, 5, 2), Line()
    crowd.viewers.append(viewer)
    viewer.connection_made(line)
    return crowd, viewer, line


def test_each_tick_is_followed_by_a_request_for_the_next() -> None:
    """Also when answers come in pieces, and after one that has no tick yet."""
    crowd, viewer, line = seated()
    for byte in tick(5, 4, 3, 4) + b"HTTP/1.1 204 No Content\r\n\r\n" + tick(6, 4):
        viewer.data_received(bytes([byte]))
    asked = [path.rsplit(b"/", 1)[1] for path in line.asked]
    assert asked == [b"5", b"6", b"6", b"7"]
    assert (viewer.seq, crowd.broken) == (4, [])


@pytest.mark.parametrize(
    ("story", "fault"),
    [
        (tick(5, 4, 4), "tells"),
        (tick(5, 3, 2, 3), "tells"),
        (tick(5, 4, 4, 3), "tells"),
        (tick(5, 3), "is at 3"),
        (b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", "answered 410"),
    ],
)
def test_a_broken_story_is_noticed(story: bytes, fault: str) -> None:
    """A gap, a repeat, the wrong order, an event that is not told, no tick."""
    crowd, viewer, _ = seated()
    viewer.data_received(story)
    assert fault in crowd.broken[0]


def test_other_bytes_under_one_number_are_noticed() -> None:
    """Two viewers, one tick, two contents."""
    crowd, viewer, _ = seated()
    other = Watcher(crowd, 5, 2)
    other.connection_made(Line())
    viewer.data_received(tick(5, 3, 3))
    other.data_received(tick(5, 3, 3).replace(b'"ts":0', b'"ts":1'))
    assert "other bytes" in crowd.broken[0]

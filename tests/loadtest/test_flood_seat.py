"""What a viewer of the flood counts, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from loadtest.client import Address
from loadtest.flood_seat import FloodSeat
from loadtest.messages import MessageCache
from loadtest.report import Histogram

HELLO = {"id": 1, "ok": {"epoch": "e1", "seq": 0, "recovered": False, "state": {}, "user": {}}}


def comment(comment_id: str) -> dict[str, Any]:
    return {"t": "comment", "ts": 1, "d": {"id": comment_id}}


class Two:
    """Two viewers who share what was decoded, as those of one process do."""

    def __init__(self) -> None:
        messages, address = MessageCache(), Address("h", 1, "r")
        self.seats = [FloodSeat(address, name, "", messages) for name in ("a", "b")]
        self.hear({"re": [HELLO]})

    def hear(self, *frames: dict[str, Any], only: int | None = None) -> None:
        for seat in self.seats if only is None else [self.seats[only]]:
            for frame in frames:
                seat.viewer.receive(orjson.dumps(frame))

    @property
    def tallies(self) -> Iterator[tuple[int, int, int, int]]:
        for tally in (seat.tally for seat in self.seats):
            yield tally.shown, tally.dropped, tally.folded, tally.doubled


@pytest.fixture
def two() -> Two:
    return Two()


def test_each_adds_up_what_it_is_shown_and_told(two: Two) -> None:
    two.hear({"ev": [comment("c1"), comment("c2")], "drop": {"comment": 5}})
    two.hear({"ev": [comment("c3")], "fold": {"comment": 2}, "drop": {"notice": 9}}, only=1)
    assert list(two.tallies) == [(2, 5, 0, 0), (3, 5, 2, 0)]
    assert two.seats[1].tally.told == 10


def test_what_is_shown_twice_is_noticed_in_one_frame_and_over_frames(two: Two) -> None:
    two.hear({"ev": [comment("c1"), comment("c1")]})
    two.hear({"ev": [comment("c2"), comment("c1")]}, only=0)
    assert list(two.tallies) == [(4, 0, 0, 2), (2, 0, 0, 1)]


def test_ones_own_words_are_missed_until_they_come(two: Two) -> None:
    two.hear({"re": [{"id": 2, "ok": {"comment_id": "mine"}}]}, only=0)
    two.hear({"ev": [comment("theirs")]})
    assert [seat.unheard for seat in two.seats] == [1, 0]
    two.hear({"ev": [comment("mine")]}, only=0)
    assert two.seats[0].unheard == 0


def test_critical_events_are_timed_from_when_the_flood_begins(two: Two) -> None:
    timed = Histogram()
    two.hear({"ev": [{"t": "card.shown", "ts": 1, "seq": 1, "d": {}}], "seq": 1})
    for seat in two.seats:
        seat.begin(timed)
    two.hear({"ev": [{"t": "card.shown", "ts": 1, "seq": 2, "d": {}}], "seq": 2})
    assert timed.count == 2
    assert [seat.viewer.seq for seat in two.seats] == [2, 2]

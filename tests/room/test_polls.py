"""Polls: what may be asked and answered, and what their events mean."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from room import polls
from room.errors import Refused
from room.events import PollClosed, PollOpened, RoomEnded
from room.limits import POLLS_MAX, POLLS_OPEN_MAX
from room.polls import Tally
from room.shapes import Poll
from room.state import decode, encode, public_parts
from tests.room.people import NOW_MS, a_room, after


def a_poll(poll_id: str = "p1", **asked: Any) -> Poll:
    given: dict[str, Any] = {
        "question": "哪个颜色?",
        "options": ["红", "绿", "蓝"],
        "close_s": None,
        "multiple": False,
        "now_ms": NOW_MS,
    }
    return polls.made(poll_id=poll_id, **(given | asked))


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"options": ["one"]}, "bad_request"),
        ({"options": [str(n) for n in range(9)]}, "bad_request"),
        ({"options": ["Tea", " tea\u200b"]}, "bad_request"),
        ({"options": ["a", "b" * 41]}, "too_long"),
        ({"question": " "}, "bad_request"),
        ({"question": "?" * 101}, "too_long"),
        ({"close_s": 0}, "bad_request"),
    ],
)
def test_what_may_not_be_asked(asked: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        a_poll(**asked)
    assert refused.value.code == code


def test_a_poll_is_open_with_nought_and_ends_with_its_counts() -> None:
    state = a_room(PollOpened(a_poll(close_s=30)))
    assert public_parts(state, ["polls"]) == {
        "polls": {
            "p1": {
                "poll_id": "p1",
                "state": "open",
                "question": "哪个颜色?",
                "options": ["红", "绿", "蓝"],
                "multiple": False,
                "open_ms": NOW_MS,
                "close_ms": NOW_MS + 30_000,
                "counts": [0, 0, 0],
                "voters": 0,
                "void": False,
            }
        }
    }
    closed = polls.told_closed(state, "p1", Tally((3, 1, 0), 4))
    state = decode(encode(after(state, closed)))
    assert (state.polls["p1"].state, state.polls["p1"].counts) == ("closed", (3, 1, 0))
    assert polls.told_closed(state, "p1", Tally((9, 9, 9), 9)) == ()
    assert after(state, [PollClosed("unknown", (), 0)]) == state


@pytest.mark.parametrize(
    ("options", "multiple", "code"),
    [
        ([], False, "bad_request"),
        ([3], False, "bad_request"),
        ([-1], False, "bad_request"),
        ([0, 1], False, "bad_request"),
        ([1, 1], True, "bad_request"),
    ],
)
def test_what_is_no_vote(options: list[int], multiple: bool, code: str) -> None:
    state = a_room(PollOpened(a_poll(multiple=multiple)))
    with pytest.raises(Refused) as refused:
        polls.choice(state, "p1", options)
    assert refused.value.code == code


def test_several_options_are_put_in_order() -> None:
    state = a_room(PollOpened(a_poll(multiple=True)))
    assert polls.choice(state, "p1", [2, 0])[1] == (0, 2)
    with pytest.raises(Refused, match="no such poll"):
        polls.choice(state, "p2", [0])
    with pytest.raises(Refused, match="ended"):
        polls.choice(after(state, [RoomEnded()]), "p1", [0])


def test_three_are_open_at_once_and_closed_ones_make_room() -> None:
    state = a_room(*(PollOpened(a_poll(f"p{n}")) for n in range(POLLS_OPEN_MAX)))
    with pytest.raises(Refused, match="close one first"):
        polls.told_opened(state, a_poll("more"))
    assert polls.told_opened(state, a_poll("p0")) == ()  # told twice is told once
    for n in range(POLLS_MAX):
        closed = replace(a_poll(f"old{n}"), state="closed")
        state = after(state, [PollOpened(closed)])
    assert len(state.polls) == POLLS_MAX
    assert {f"p{n}" for n in range(POLLS_OPEN_MAX)} < state.polls.keys()

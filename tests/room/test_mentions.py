"""Whom a comment calls."""

from __future__ import annotations

import pytest

from room.limits import MENTIONS_MAX, SPEAKERS_KNOWN_MAX
from room.mentions import RecentSpeakers, all_known, resolve

SPEAKERS = {"u1": "小明", "u2": "小明明", "u3": "Ann", "u4": "Ann", "me": "我"}


@pytest.mark.parametrize(
    ("text", "asked", "called"),
    [
        ("hello", [], ()),
        ("@小明 多少钱", [], ("u1",)),
        ("@小明明多少钱", [], ("u2",)),
        ("ask @Ann!", [], ("u4",)),
        ("ask her", ["u3"], ("u3",)),
        ("ask her", ["@Ann", "nobody"], ("u4",)),
        ("@我 @nobody a@b.c", ["me"], ()),
        ("@小明 @小明", ["u1"], ("u1",)),
    ],
)
def test_by_name_or_id_among_those_who_spoke(
    text: str, asked: list[str], called: tuple[str, ...]
) -> None:
    assert resolve(text, asked, SPEAKERS, by="me") == called


@pytest.mark.parametrize(
    ("text", "asked", "known"),
    [
        ("hello", [], True),
        ("@小明 @Ann", ["u3", "@Ann"], True),
        ("mail me @ home @", [], True),
        ("@小红", [], False),
        ("@小明 @小红", [], False),
        ("hello", ["u9"], False),
    ],
)
def test_a_call_of_somebody_unknown_is_noticed(text: str, asked: list[str], known: bool) -> None:
    assert all_known(text, asked, SPEAKERS) is known


def test_both_are_bounded() -> None:
    """A comment calls a few people; those silent longest cannot be called any more."""
    recent = RecentSpeakers()
    for nth in range(SPEAKERS_KNOWN_MAX + 1):
        recent.note(f"u{nth}", f"n{nth}")
    recent.note("u1", "new name")
    assert len(recent.names) == SPEAKERS_KNOWN_MAX
    assert "u0" not in recent.names
    assert list(recent.names.items())[-1] == ("u1", "new name")
    text = " ".join(f"@n{nth} " for nth in range(10, 30))
    assert len(resolve(text, [], recent.names, by="x")) == MENTIONS_MAX

"""Answers that come late, lost sockets and slow recoveries are caught, and seconds are measured."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.buyer import UNKNOWN, Ask
from loadtest.prove_frozen import Frozen, freeze_failures

GOOD: dict[str, Any] = {
    "asks": 9,
    "longest_ms": 910.0,
    "held_after_s": 0.1,
    "unsure_until_s": 0.4,
    "chat_after_s": [0.1, 0.2],
}
ASKS = [Ask(0.0, 1.0, "unknown_outcome"), Ask(1.0, 0.1, "")]


def test_a_freeze_well_borne_passes() -> None:
    assert freeze_failures(Frozen(3.0, 1, **GOOD), ASKS) == []


@pytest.mark.parametrize(
    ("kind", "changed", "asks"),
    [
        ("nothing_asked", {"asks": 0}, ASKS),
        ("answered_late", {"longest_ms": 1_001.0}, ASKS),
        ("unanswered", {}, [Ask(0.0, 0.1, UNKNOWN)]),
        ("socket_lost", {"sockets_lost": 1}, ASKS),
        ("sale_late", {"held_after_s": 3.1}, ASKS),
        ("sale_late", {"unsure_until_s": 3.1}, ASKS),
        ("chat_late", {"chat_after_s": [0.1, 3.1]}, ASKS),
        ("chat_late", {"chat_after_s": []}, ASKS),
    ],
)
def test_a_freeze_badly_borne_is_caught(
    kind: str, changed: dict[str, Any], asks: list[Ask]
) -> None:
    found = freeze_failures(Frozen(3.0, 1, **{**GOOD, **changed}), asks)
    assert [failure.kind for failure in found] == [kind]

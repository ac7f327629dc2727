"""What a run proves, in a reader's words: every kind of failure belongs to one promise.

Judges nothing; the checks find failures, this says which promise each of them breaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Promise(NamedTuple):
    """One line of the verdict. `key` is what a run names when it has looked at it."""

    key: str
    says: str
    kinds: frozenset[str]


class Verdict(NamedTuple):
    """A promise after a run. `broken` counts failures; `looked_at` says at what, or nothing."""

    says: str
    looked_at: str
    broken: int


PROMISES = (
    Promise("lost", "No critical event is lost",
            frozenset({"lost", "left_behind", "false_recovery", "wrong_resume",
                       "replay_without_recovery", "needless_snapshot", "not_back"})),
    Promise("doubled", "No event or comment comes twice",
            frozenset({"doubled", "comment_doubled"})),
    Promise("order", "Critical events come in order",
            frozenset({"out_of_order", "event_before_hello"})),
    Promise("same", "All see the same critical events", frozenset({"differing"})),
    Promise("chat", "Every comment is shown, or told as dropped or folded",
            frozenset({"comment_uncounted"})),
    Promise("replies", "Every command is answered once",
            frozenset({"replied_twice", "reply_to_nothing", "unanswered", "bad_frame"})),
    Promise("stock", "Never oversold, never undersold",
            frozenset({"oversold", "undersold", "limit_passed", "reservation_shared",
                       "key_answered_twice", "answer_differs", "audit_differs"})),
    Promise("conservation", "Every unit is accounted for",
            frozenset({"unbalanced", "negative"})),
    Promise("winners", "Exactly the promised winners, drawn from who entered",
            frozenset({"winner_twice", "winners_inexact", "ranks_broken", "winner_not_joined",
                       "entries_inexact", "seed_broken", "draw_refused"})),
)  # fmt: skip
OTHER = "Everything else"


def verdicts(looked_at: Mapping[str, str], broken: Mapping[str, int]) -> list[Verdict]:
    """One line a promise, in the order above; failures that belong to none come last."""
    found = []
    rest = dict(broken)
    for promise in PROMISES:
        count = sum(rest.pop(kind, 0) for kind in promise.kinds)
        found.append(Verdict(promise.says, looked_at.get(promise.key, ""), count))
    if rest:
        found.append(Verdict(OTHER, ", ".join(sorted(rest)), sum(rest.values())))
    return found

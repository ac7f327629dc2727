"""Every way a client's history can be broken is caught, and a good history passes."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from loadtest.checks import (
    Failure,
    RoomRecord,
    chat_failures,
    critical_failures,
    examples,
    reply_failures,
    summary,
    winner_failures,
)
from loadtest.history import ChatTally, History, Joined, Left, Position, Record, Saw, Told


def at(seq: int, epoch: str = "a") -> Position:
    return Position(epoch, seq)


def event(seq: int, digest: int | None = None) -> Saw:
    return Saw(seq, "card.shown", seq if digest is None else digest)


def fresh(seq: int, epoch: str = "a") -> Joined:
    return Joined(at(seq, epoch), None, recovered=False, replayed=())


def resumed(from_seq: int, to_seq: int, *seqs: int, epoch: str = "a") -> Joined:
    missed = tuple(event(seq) for seq in seqs)
    return Joined(at(to_seq, epoch), at(from_seq), recovered=True, replayed=missed)


def kinds(*records: Record, end: Position | None = None) -> list[str]:
    history = History("viewer", list(records))
    return [failure.kind for failure in critical_failures([history], end=end)]


GOOD: dict[str, tuple[Record, ...]] = {
    "stays": (fresh(3), event(4), Told(4), event(5), Told(5)),
    "resumes with nothing missed": (fresh(5), Left(1006), resumed(5, 5)),
    "resumes with the missed": (fresh(3), Left(1006), resumed(3, 5, 4, 5), Told(5)),
    "gets a snapshot of a new epoch": (fresh(3), event(4), Left(4009), fresh(5, "b")),
    "joins late": (fresh(5),),
    "left before the end": (fresh(1), Left(1000)),
}

BROKEN: dict[str, tuple[str, tuple[Record, ...]]] = {
    "a gap": ("lost", (fresh(3), event(5))),
    "a gap that a frame tells of": ("lost", (fresh(3), Told(5))),
    "missing at the end": ("lost", (fresh(3), event(4))),
    "a gap in the replay": ("lost", (fresh(2), Left(1006), resumed(2, 5, 3, 5))),
    "a short replay": ("lost", (fresh(3), Left(1006), resumed(3, 5, 4))),
    "an event twice": ("doubled", (fresh(3), event(4), event(4), event(5))),
    "the snapshot's last event again": ("doubled", (fresh(5), event(5))),
    "the replay's event again": ("doubled", (fresh(4), Left(1006), resumed(4, 5, 5), event(5))),
    "an old event": ("out_of_order", (fresh(4), event(5), event(3))),
    "an event before the hello": ("event_before_hello", (event(4), fresh(5))),
    "recovered into another epoch": (
        "false_recovery",
        (fresh(3), Left(1006), Joined(at(5, "b"), at(3), recovered=True, replayed=()), fresh(5)),
    ),
    "recovered without having asked": (
        "false_recovery",
        (Joined(at(5), None, recovered=True, replayed=()),),
    ),
    "replay beside a snapshot": (
        "replay_without_recovery",
        (Joined(at(5), at(3), recovered=False, replayed=(event(4), event(5))),),
    ),
    "still in the old epoch": ("left_behind", (fresh(7, "old"),)),
}


@pytest.mark.parametrize("records", GOOD.values(), ids=GOOD)
def test_a_good_history_has_no_failure(records: tuple[Record, ...]) -> None:
    last = next(record for record in reversed(records) if isinstance(record, Joined | Saw))
    epoch = "b" if isinstance(last, Joined) and last.at.epoch == "b" else "a"
    assert kinds(*records, end=at(5, epoch)) == []


@pytest.mark.parametrize(("kind", "records"), BROKEN.values(), ids=BROKEN)
def test_a_broken_history_is_caught(kind: str, records: tuple[Record, ...]) -> None:
    assert kind in kinds(*records, end=at(5))


def test_a_snapshot_where_the_history_must_have_reached_is_caught() -> None:
    refused = Joined(at(9), at(5), recovered=False, replayed=())
    history = History("viewer", [fresh(5), Left(1006), refused])
    assert [f.kind for f in critical_failures([history], resumable=4)] == ["needless_snapshot"]
    assert critical_failures([history], resumable=3) == []
    assert critical_failures([history]) == []


def test_one_lost_event_is_one_failure_and_later_ones_are_judged_on() -> None:
    assert kinds(fresh(1), event(2), event(4), event(5), event(5)) == ["lost", "doubled"]


def test_two_clients_must_see_the_same_event_at_the_same_place() -> None:
    one = History("one", [fresh(1), event(2, digest=111)])
    two = History("two", [fresh(1), event(2, digest=222)])
    assert [f.kind for f in critical_failures([one, two])] == ["differing"]


def test_clients_are_compared_over_several_calls_with_one_record() -> None:
    room = RoomRecord()
    first = [History("one", [fresh(1), event(2, digest=111)])]
    second = [History("two", [fresh(1), event(2, digest=222)])]
    assert critical_failures(first, room=room) == []
    assert [f.kind for f in critical_failures(second, room=room)] == ["differing"]


def test_replies_come_once_and_to_a_question() -> None:
    good = History("good", asked={1, 2, 3}, replied=[2, 1], given_up={3})
    twice = History("twice", asked={1}, replied=[1, 1])
    nothing = History("nothing", asked={1}, replied=[1, 9])
    silent = History("silent", asked={1, 2}, replied=[1])
    found = [(f.kind, f.who) for f in reply_failures([good, twice, nothing, silent])]
    assert found == [
        ("replied_twice", "twice"),
        ("reply_to_nothing", "nothing"),
        ("unanswered", "silent"),
    ]


@pytest.mark.parametrize(
    ("tally", "kind"),
    [
        (ChatTally("v", shown=7, dropped=3), []),
        (ChatTally("v", shown=7, dropped=2), ["comment_uncounted"]),
        (ChatTally("v", shown=8, dropped=3), ["comment_uncounted"]),
        (ChatTally("v", shown=10, doubled=1), ["comment_doubled"]),
        (ChatTally("v", shown=1, whole_window=False), []),
    ],
)
def test_shown_and_dropped_comments_add_up(tally: ChatTally, kind: list[str]) -> None:
    assert [f.kind for f in chat_failures([tally], published=10)] == kind


def draw(*winners: str, entries: int = 4, **changed: object) -> dict[str, Any]:
    seed = b"s" * 32
    ranked = [{"user_id": user, "rank": n + 1, "score": "0"} for n, user in enumerate(winners)]
    return {
        "lottery_id": "l",
        "entries_count": entries,
        "winners": ranked,
        "server_seed": seed.hex(),
        "seed_hash": hashlib.sha256(seed).hexdigest(),
        **changed,
    }


JOINED = ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("proof", "kind"),
    [
        (draw("a", "b"), None),
        (draw("a", "a"), "winner_twice"),
        (draw("a"), "winners_inexact"),
        (draw("a", "b", "c"), "winners_inexact"),
        (draw("a", "z"), "winner_not_joined"),
        (draw("a", "b", entries=5), "entries_inexact"),
        (draw("a", "b", seed_hash="0" * 64), "seed_broken"),
        (draw("a", "b", server_seed="no hex"), "seed_broken"),
        (draw("a", "b", winners=[{"user_id": u, "rank": 1} for u in "ab"]), "ranks_broken"),
    ],
)
def test_a_wrong_draw_is_caught(proof: dict[str, Any], kind: str | None) -> None:
    found = {failure.kind for failure in winner_failures(proof, joined=JOINED, winners_count=2)}
    assert found == ({kind} if kind else set())


def test_fewer_entrants_than_prizes_means_fewer_winners() -> None:
    assert winner_failures(draw("a", entries=1), joined=["a"], winners_count=3) == []


def test_failures_are_summed_up_by_kind_with_examples() -> None:
    failures = [Failure("lost", str(n), "") for n in range(9)] + [Failure("doubled", "x", "")]
    assert summary(failures) == {"doubled": 1, "lost": 9}
    assert [failure.who for failure in examples(failures, each=2)] == ["0", "1", "x"]

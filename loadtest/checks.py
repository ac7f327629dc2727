"""Judges what clients saw of a room: delivery, replies, chat sums, lottery winners.

Pure and apart from the load: histories in, failures out, tested on broken histories made by hand.
Stock, reservations and orders are judged in sale_checks.py.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from loadtest.history import ChatTally, History, Joined, Left, Position, Saw, Told

DETAILS_MAX = 20  # failures shown of one kind; the count says the rest


class Failure(NamedTuple):
    """One violated promise. `kind` is stable, for tests and summaries."""

    kind: str
    who: str
    detail: str


class RoomRecord:
    """What all clients together know of a room: one digest for each (epoch, seq)."""

    def __init__(self) -> None:
        self._digests: dict[Position, Saw] = {}

    def differs(self, epoch: str, event: Saw) -> bool:
        """Whether someone else saw another event at this place."""
        return self._digests.setdefault(Position(epoch, event.seq), event) != event

    def events(self) -> list[tuple[str, Saw]]:
        """Every event once, with its epoch: what another process' clients are compared with."""
        return [(at.epoch, event) for at, event in self._digests.items()]


def critical_failures(
    histories: Iterable[History],
    *,
    end: Position | None = None,
    room: RoomRecord | None = None,
    resumable: int = 0,
) -> list[Failure]:
    """Critical events lost, doubled, out of order or different between clients.

    A snapshot instead of the missed events is a failure when the epoch is the same and no more
    than `resumable` events were missed: the history cannot have been gone. `end` is where the
    room stood after the last change: a client still connected must have reached it. Give one
    `room` over several calls to compare clients of several calls.
    """
    record = room or RoomRecord()
    failures: list[Failure] = []
    for history in histories:
        failures.extend(_Follower(history.client, record, resumable).follow(history, end))
    return failures


class _Follower:
    """Walks one client's records as the client should have seen them."""

    def __init__(self, client: str, room: RoomRecord, resumable: int) -> None:
        self.client = client
        self.room = room
        self.resumable = resumable
        self.at: Position | None = None
        self.connected = False
        self.failures: list[Failure] = []

    def follow(self, history: History, end: Position | None) -> list[Failure]:
        for record in history.records:
            if isinstance(record, Saw):
                self._saw(record)
            elif isinstance(record, Told):
                self._told(record.seq)
            elif isinstance(record, Joined):
                self._joined(record)
            else:
                self.connected = not isinstance(record, Left)
        if end is not None and self.connected:
            self._must_be_at(end)
        return self.failures

    def _fail(self, kind: str, detail: str) -> None:
        self.failures.append(Failure(kind, self.client, detail))

    def _joined(self, joined: Joined) -> None:
        before = self.at
        self.connected = True
        if not joined.recovered:
            if joined.replayed:
                self._fail("replay_without_recovery", f"{len(joined.replayed)} events")
            self._snapshot_was_needed(joined)
            self.at = joined.at
            return
        resumed = joined.resumed
        if resumed is None or resumed.epoch != joined.at.epoch:
            self._fail("false_recovery", f"{resumed} answered with {joined.at}")
            self.at = joined.at
            return
        if before is not None and before != resumed:
            self._fail("wrong_resume", f"was at {before}, asked for {resumed}")
        self.at = resumed
        for event in joined.replayed:
            self._saw(event)
        self._must_be_at(joined.at)
        self.at = joined.at

    def _snapshot_was_needed(self, joined: Joined) -> None:
        asked, given = joined.resumed, joined.at
        if asked is None or asked.epoch != given.epoch or not self.resumable:
            return
        if given.seq - asked.seq <= self.resumable:
            self._fail("needless_snapshot", f"asked from {asked.seq}, stands at {given.seq}")

    def _saw(self, event: Saw) -> None:
        if self.at is None:
            self._fail("event_before_hello", str(event))
            return
        epoch, seq = self.at
        if self.room.differs(epoch, event):
            self._fail("differing", f"{epoch}/{event.seq} is {event.kind} here")
        if event.seq == seq + 1:
            self.at = Position(epoch, event.seq)
        elif event.seq > seq + 1:
            self._fail("lost", f"{epoch}: {seq + 1}..{event.seq - 1} before {event.kind}")
            self.at = Position(epoch, event.seq)
        elif event.seq == seq:
            self._fail("doubled", f"{epoch}/{event.seq} {event.kind}")
        else:
            self._fail("out_of_order", f"{epoch}/{event.seq} {event.kind} after {seq}")

    def _told(self, seq: int) -> None:
        if self.at is not None and seq > self.at.seq:
            self._fail("lost", f"{self.at.epoch}: {self.at.seq + 1}..{seq} told, not sent")
            self.at = Position(self.at.epoch, seq)

    def _must_be_at(self, end: Position) -> None:
        if self.at is None or self.at.epoch != end.epoch:
            self._fail("left_behind", f"stands at {self.at}, the room at {end}")
        elif self.at.seq < end.seq:
            self._fail("lost", f"{end.epoch}: {self.at.seq + 1}..{end.seq} at the end")


def reply_failures(histories: Iterable[History]) -> list[Failure]:
    """Commands answered twice, answers to nothing, commands never answered on a live connection."""
    failures: list[Failure] = []
    for history in histories:
        counts = Counter(history.replied)
        for command_id, count in counts.items():
            if count > 1:
                failures.append(Failure("replied_twice", history.client, f"{command_id}: {count}"))
            if command_id not in history.asked:
                failures.append(Failure("reply_to_nothing", history.client, str(command_id)))
        silent = history.asked - counts.keys() - history.given_up
        if silent:
            shown = sorted(silent)[:DETAILS_MAX]
            failures.append(Failure("unanswered", history.client, f"{len(silent)}: {shown}"))
    return failures


def chat_failures(tallies: Iterable[ChatTally], *, published: int) -> list[Failure]:
    """Comments that were neither shown nor told as dropped or folded, or shown twice."""
    failures: list[Failure] = []
    for tally in tallies:
        if tally.doubled:
            failures.append(Failure("comment_doubled", tally.client, f"{tally.doubled} comments"))
        if tally.whole_window and tally.told != published:
            parts = f"shown {tally.shown} + dropped {tally.dropped} + folded {tally.folded}"
            detail = f"{parts} of {published}"
            failures.append(Failure("comment_uncounted", tally.client, detail))
    return failures


def winner_failures(
    draw: Mapping[str, Any], *, joined: Sequence[str] | None, winners_count: int
) -> list[Failure]:
    """A public proof (GET /v1/draws/{id}) against who joined: distinct winners, exactly enough.

    `joined` are the users whose join was answered; None when others took part whom we do not know.
    """
    who = str(draw.get("lottery_id"))
    winners = [winner["user_id"] for winner in draw.get("winners", ())]
    failures: list[Failure] = []

    def fail(kind: str, detail: str) -> None:
        failures.append(Failure(kind, who, detail))

    if len(set(winners)) != len(winners):
        fail("winner_twice", f"{[user for user, n in Counter(winners).items() if n > 1]}")
    expected = min(winners_count, int(draw.get("entries_count", 0)))
    if len(winners) != expected:
        fail("winners_inexact", f"{len(winners)} winners, {expected} due")
    if [winner["rank"] for winner in draw.get("winners", ())] != list(range(1, len(winners) + 1)):
        fail("ranks_broken", f"{[winner['rank'] for winner in draw.get('winners', ())]}")
    if joined is not None:
        strangers = set(winners) - set(joined)
        if strangers:
            fail("winner_not_joined", f"{sorted(strangers)[:DETAILS_MAX]}")
        if draw.get("entries_count") != len(set(joined)):
            fail("entries_inexact", f"{draw.get('entries_count')} for {len(set(joined))} joins")
    if not _seed_matches(draw):
        fail("seed_broken", "server_seed is not what seed_hash promised")
    return failures


def _seed_matches(draw: Mapping[str, Any]) -> bool:
    try:
        seed = bytes.fromhex(str(draw.get("server_seed", "")))
    except ValueError:
        return False
    return hashlib.sha256(seed).hexdigest() == draw.get("seed_hash")


def summary(failures: Sequence[Failure]) -> dict[str, int]:
    """How often each kind occurred."""
    return dict(sorted(Counter(failure.kind for failure in failures).items()))


def examples(failures: Sequence[Failure], *, each: int = 3) -> list[Failure]:
    """The first few of each kind."""
    taken: Counter[str] = Counter()
    chosen: list[Failure] = []
    for failure in failures:
        taken[failure.kind] += 1
        if taken[failure.kind] <= each:
            chosen.append(failure)
    return chosen

"""One place in the swarm: a viewer, what it saw of the chat, and how it comes back.

The measuring path: `hear` runs for every frame of every viewer, so it does next to nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from loadtest.client import Viewer
from loadtest.history import ChatTally
from loadtest.messages import Message
from loadtest.plan import comment_index

if TYPE_CHECKING:
    from loadtest.crowd import Crowd


def clock_us() -> int:
    """Microseconds of the machine's wall clock, which server and swarm share."""
    return time.time_ns() // 1000


class Note(NamedTuple):
    """A frame boiled down, once for all viewers that get it."""

    comments: tuple[tuple[int, int], ...]  # (index, when it was meant to be sent)
    critical_ts: tuple[int, ...]  # server time of each critical event, ms
    state_ms: int  # server time of the state in it; 0 without


class Seat:
    """A viewer of the swarm."""

    __slots__ = ("crowd", "leaving", "seen", "tally", "user_id", "viewer")

    def __init__(self, crowd: Crowd, name: str, *, token: str | None, user_id: str = "") -> None:
        self.crowd = crowd
        self.user_id = user_id
        self.tally = ChatTally(name)
        self.seen = bytearray(crowd.plan.comments)
        self.leaving = False
        self.viewer = Viewer(
            crowd.address,
            name=name,
            token=token,
            messages=crowd.messages,
            on_message=self.hear,
            on_lost=self.lost,
        )

    def hear(self, viewer: Viewer, message: Message) -> None:
        crowd = self.crowd
        now = clock_us()
        note: Note | None = message.note
        if note is None:
            note = message.note = crowd.note_of(message)
        crowd.frames += 1
        if note.comments:
            self._count(note.comments, now)
        for ts in note.critical_ts:
            crowd.critical_us.record(now - ts * 1000)
        if note.state_ms:
            crowd.state_us.record(now - note.state_ms * 1000)
        if message.drops:
            self.tally.dropped += message.drops.get("comment", 0)
        if message.folds:
            self.tally.folded += message.folds.get("comment", 0)

    def _count(self, comments: tuple[tuple[int, int], ...], now: int) -> None:
        record, seen = self.crowd.comment_us.record, self.seen
        for index, sent_us in comments:
            record(now - sent_us)
            if seen[index]:
                self.tally.doubled += 1
            seen[index] = 1
        self.tally.shown += len(comments)

    def lost(self, viewer: Viewer, code: int) -> None:
        if self.crowd.over:
            return
        self.tally.whole_window = False
        self.crowd.closed(self, code)


def note_of(message: Message, crowd: Crowd) -> Note:
    comments: list[tuple[int, int]] = []
    critical_ts: list[int] = []
    for event in message.events:
        if event["t"] == "comment":
            index = comment_index(event["d"]["text"])
            if index is not None and index < crowd.plan.comments:
                comments.append((index, crowd.plan.due_us(index, crowd.begin_us)))
        elif "seq" in event:
            critical_ts.append(event["ts"])
            crowd.critical_event(event)
    state_ms = int(message.body.get("st", {}).get("server_ms", 0))
    return Note(tuple(comments), tuple(critical_ts), state_ms)

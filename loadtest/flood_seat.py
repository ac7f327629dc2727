"""One viewer of the flood: speaks, counts what it is shown and told, and misses nothing of its own.

The measuring path: `_hear` runs for every frame of every viewer, so it does next to nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from loadtest.client import Address, Viewer
from loadtest.history import ChatTally, Position
from loadtest.messages import Message, MessageCache
from loadtest.report import Histogram
from loadtest.seat import clock_us


class Note(NamedTuple):
    """A frame boiled down, once for all viewers that get it."""

    shown: tuple[str, ...]  # comments, by id
    critical_us: tuple[int, ...]  # server time of each critical event
    dropped: int
    folded: int


class FloodSeat:
    """Adds up the chat lane; `tally.told` is all it knows to have been said."""

    __slots__ = ("_critical", "_own", "_seen", "tally", "viewer")

    def __init__(self, address: Address, name: str, token: str, messages: MessageCache) -> None:
        self.tally = ChatTally(name)
        self._own: set[str] = set()  # accepted, by the answers
        self._seen: set[str] = set()
        self._critical: Histogram | None = None
        self.viewer = Viewer(
            address,
            name=name,
            token=token,
            messages=messages,
            on_message=self._hear,
            on_lost=self._lost,
        )

    def knows(self, said: int, end: Position) -> bool:
        """Whether it was told of everything."""
        return self.tally.told >= said and self.viewer.position == end

    @property
    def unheard(self) -> int:
        """Own comments that were accepted and never came back."""
        return len(self._own - self._seen)

    def begin(self, critical: Histogram) -> None:
        """From now on critical events are timed."""
        self._critical = critical

    def _hear(self, viewer: Viewer, message: Message) -> None:
        for reply in message.replies:
            comment_id = (reply.get("ok") or {}).get("comment_id")
            if comment_id:
                self._own.add(comment_id)
        note: Note | None = message.note
        if note is None:
            note = message.note = note_of(message)
        if note.shown:
            self._show(note.shown)
        if self._critical is not None:
            for ts_us in note.critical_us:
                self._critical.record(clock_us() - ts_us)
        self.tally.dropped += note.dropped
        self.tally.folded += note.folded

    def _show(self, comment_ids: tuple[str, ...]) -> None:
        tally, seen = self.tally, self._seen
        known = len(seen)
        seen.update(comment_ids)
        tally.shown += len(comment_ids)
        tally.doubled += len(comment_ids) - (len(seen) - known)

    def _lost(self, viewer: Viewer, code: int) -> None:
        self.tally.whole_window = False


def note_of(message: Message) -> Note:
    events = message.events
    return Note(
        shown=tuple(event["d"]["id"] for event in events if event["t"] == "comment"),
        critical_us=tuple(event["ts"] * 1000 for event in events if "seq" in event),
        dropped=message.drops.get("comment", 0),
        folded=message.folds.get("comment", 0),
    )

"""One tick on its way to a room's viewers: the same bytes to everybody whose socket is free.

The loop in `_spread` runs for every frame of every viewer, so what it needs is bound beforehand and
nothing else is asked. Whoever needs anything but those bytes (own words, an owed count, a socket
that is behind) is handed back to the room. A delivery may be carried on in parts, so that a large
room does not keep everybody else waiting for as long as its writes take.

`Rows` says who is told when. As a rule that is everybody, each tick. Where writing to all takes a
good part of a long tick, one would wait for the tick and then for all the others; there a row is
told every quarter of a tick, in one write, all that was said since its own last turn. That is as
many writes as before, and nobody waits for more than a tick and a quarter of the writes. What is
told to one person alone may come before the ticks that wait for the turn of that row.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from server.direct_write import NO_DESCRIPTOR
from server.outbox import ChatItem, Tick
from server.viewer import Viewer
from server.wire import Codec

Own = Mapping[Viewer, list[ChatItem]]
Line = tuple[Viewer, Codec, int, Callable[[], int], Callable[[], bool]]  # fd, unsent, is closing
Told = tuple[Tick, Own]  # a tick, and the words of their own that it leaves out for the others
ROWS = 4  # 8 would take some 20 ms off 230, and send twice as many frames in each write


class DeliverApart(Protocol):
    def __call__(
        self, viewer: Viewer, tick: Tick, own: list[ChatItem] | None, *, last: bool
    ) -> None:
        """`last`: nothing else is on its way to this viewer, so it may be told the whole state."""
        ...


def line_of(viewer: Viewer) -> Line:
    """What writing to a viewer takes, looked up once."""
    transport, fd = viewer.transport, viewer.fd
    unsent = _never_free if fd == NO_DESCRIPTOR else transport.get_write_buffer_size
    return viewer, viewer.codec, fd, unsent, transport.is_closing


def _never_free() -> int:
    """Where only the transport may write, the room's own way is always taken."""
    return 1


class Delivery:
    """A tick, or some that are told together, and those who have not been told them yet."""

    __slots__ = ("_deliver_apart", "_lines", "_owing", "_told")

    def __init__(
        self,
        told: Sequence[Told],
        lines: list[Line],
        owing: Collection[Viewer],
        deliver_apart: DeliverApart,
    ) -> None:
        self._told = told
        self._lines = lines
        self._owing = owing  # the room's own set: it changes while this goes on
        self._deliver_apart = deliver_apart

    @property
    def done(self) -> bool:
        return not self._lines

    def carry_on(self, viewers_max: int | None = None) -> None:
        """Write to so many more; to all that are left when no number is given."""
        lines = self._lines
        if viewers_max is None or viewers_max >= len(lines):
            part, self._lines = lines, []
        else:
            part = lines[-viewers_max:]
            del lines[-viewers_max:]
        last, _ = self._told[-1]
        for viewer in self._spread(part):
            for tick, own in self._told:
                self._deliver_apart(viewer, tick, own.get(viewer), last=tick is last)

    def _spread(self, lines: list[Line]) -> list[Viewer]:
        """Write to each of these that is free; the others are returned."""
        apart, write = set(self._owing).union(*(own for _, own in self._told)), os.write
        codec, data, size = None, b"", 0
        others = []
        for viewer, its_codec, fd, unsent, is_closing in lines:
            if unsent() or viewer.closing or is_closing() or viewer in apart:
                others.append(viewer)
                continue
            if its_codec is not codec:
                codec = its_codec
                data = b"".join([tick.frame(codec) for tick, _ in self._told])
                size = len(data)
            try:
                sent = write(fd, data)
            except BlockingIOError:
                viewer.transport.write(data)
            except OSError:
                viewer.transport.abort()
            else:
                if sent != size:
                    viewer.transport.write(memoryview(data)[sent:])
        return others


class Rows:
    """A room's viewers, what each row of them has not been told yet, and what is on its way."""

    def __init__(self, *, owing: Collection[Viewer], deliver_apart: DeliverApart) -> None:
        self._lines: list[dict[Viewer, Line]] = [{} for _ in range(ROWS)]
        self._untold: list[list[Told]] = [[] for _ in range(ROWS)]  # the newest, at most ROWS
        self._turn = 0
        self._begun: deque[Delivery] = deque()
        self._owing = owing
        self._deliver_apart = deliver_apart

    def add(self, viewer: Viewer) -> None:
        """Into a row that knows all: a newcomer is greeted with what the others are yet to be told.

        There is such a row: `tell` empties at least the one whose turn it is.
        """
        rows = [row for row in range(ROWS) if not self._untold[row]]
        smallest = min(rows, key=lambda row: len(self._lines[row]))
        self._lines[smallest][viewer] = line_of(viewer)

    def discard(self, viewer: Viewer) -> None:
        for lines in self._lines:
            lines.pop(viewer, None)

    @property
    def behind(self) -> bool:
        """Whether a row waits for its turn."""
        return any(map(_both, self._untold, self._lines))

    def tell(self, tick: Tick, own: Own, *, everybody: bool, viewers_max: int | None) -> None:
        """Take in a tick, and tell it as `serve` does."""
        for untold in self._untold:
            untold.append((tick, own))
        self.serve(everybody=everybody, viewers_max=viewers_max)

    def serve(self, *, everybody: bool, viewers_max: int | None = None) -> None:
        """Tell the row whose turn it is, or everybody, all they have not been told; of them only
        `viewers_max` at once, when it is given: `carry_on` tells the others."""
        self.carry_on()
        rows = range(ROWS) if everybody else (self._turn,)
        self._turn = (self._turn + 1) % ROWS
        parts: dict[int, tuple[list[Told], list[Line]]] = {}
        for row in rows:
            untold, self._untold[row] = self._untold[row], []
            if untold and self._lines[row]:
                # What is untold is always the newest: as many ticks are the same ticks.
                _, lines = parts.setdefault(len(untold), (untold, []))
                lines += self._lines[row].values()
        for untold, lines in parts.values():
            self._begun.append(Delivery(untold, lines, self._owing, self._deliver_apart))
        self.carry_on(viewers_max)

    def carry_on(self, viewers_max: int | None = None) -> bool:
        """Tell what was begun to more viewers; whether all of it is told."""
        while self._begun:
            self._begun[0].carry_on(viewers_max)
            if self._begun[0].done:
                self._begun.popleft()
            if viewers_max is not None:
                break
        return not self._begun


def _both(untold: Sequence[Told], lines: Mapping[Viewer, Line]) -> bool:
    return bool(untold and lines)

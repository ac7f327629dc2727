"""What one client saw, in the order it saw it: plain facts for the checks.

Nothing here judges (see checks.py) and nothing here opens a socket (see client.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Position(NamedTuple):
    """How far a client has followed a room's critical events."""

    epoch: str
    seq: int


class Saw(NamedTuple):
    """A critical event arrived; equal events have equal digests."""

    seq: int
    kind: str
    digest: int


class Told(NamedTuple):
    """A frame said that the room's last critical event is `seq`."""

    seq: int


class Joined(NamedTuple):
    """A hello was answered: the state stands at `at`; `replayed` are the missed events."""

    at: Position
    resumed: Position | None
    recovered: bool
    replayed: tuple[Saw, ...]


class Left(NamedTuple):
    """The connection ended, with the close code (1006 when there was none)."""

    code: int


Record = Joined | Saw | Told | Left


@dataclass(slots=True)
class History:
    """One client's records over all its connections. Command ids never repeat over reconnects."""

    client: str
    records: list[Record] = field(default_factory=list)
    asked: set[int] = field(default_factory=set)
    replied: list[int] = field(default_factory=list)
    given_up: set[int] = field(default_factory=set)  # asked on a connection that was then lost


@dataclass(slots=True)
class ChatTally:
    """The chat lane of one client over a window in which it stayed connected."""

    client: str
    shown: int = 0
    dropped: int = 0
    doubled: int = 0
    folded: int = 0  # told as a count on an earlier comment
    whole_window: bool = True  # False once it was away: its sum then proves nothing

    @property
    def told(self) -> int:
        """Comments it knows to have been said: shown, dropped or folded."""
        return self.shown + self.dropped + self.folded

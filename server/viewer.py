"""One connected viewer as the fan-out sees it: a socket, an identity and what it has missed."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from server import direct_write
from server.origin import NOWHERE, Origin
from server.rate_limit import TokenBucket
from server.tokens import Identity
from server.wire import Codec, message_frame

OUTBOX_BYTES_MAX = 256 * 1024  # unsent bytes one viewer may cause; a phone that is further behind
# than this is better served by a fresh snapshot than by waiting for old events


class Pace(enum.Enum):
    """Whether a viewer's socket takes bytes as fast as the room makes them."""

    KEEPING_UP = enum.auto()
    BEHIND = enum.auto()
    TOO_SLOW = enum.auto()


@dataclass(slots=True, eq=False)
class Viewer:
    """A socket after a successful hello."""

    user: Identity
    transport: asyncio.Transport
    codec: Codec
    joined_ms: int
    commands: TokenBucket  # what this one socket may ask for
    origin: Origin = NOWHERE
    fd: int = field(init=False)
    heard_ms: int = field(init=False)
    watched_to_ms: int = field(init=False)
    missed: dict[str, int] = field(default_factory=dict)
    missed_state: bool = False
    closing: bool = False
    answering: bool = False  # a command of this socket is in progress
    leaving: int | None = None  # close with this code as soon as it is answered

    def __post_init__(self) -> None:
        self.fd = direct_write.descriptor(self.transport)
        self.heard_ms = self.watched_to_ms = self.joined_ms

    @property
    def pace(self) -> Pace:
        """How far this socket is behind, judged by its unsent bytes."""
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0:
            return Pace.KEEPING_UP
        return Pace.BEHIND if unsent <= OUTBOX_BYTES_MAX else Pace.TOO_SLOW

    @property
    def reachable(self) -> bool:
        """Whether bytes written now could still arrive."""
        return not (self.closing or self.transport.is_closing())

    @property
    def owed(self) -> bool:
        """Whether an earlier tick passed this viewer by."""
        return self.missed_state or bool(self.missed)

    def write(self, data: bytes) -> None:
        """Hand finished frames to the socket, after everything written before."""
        if self.reachable:
            direct_write.write(self.transport, self.fd, data)

    def send(self, message: dict[str, Any]) -> None:
        """Encode one message for this viewer alone: a reply or a private event."""
        self.write(message_frame(message, self.codec))

    def miss(self, counts: Mapping[str, int]) -> None:
        """Remember chat that was not shown here, to be told with the next frame."""
        for kind, count in counts.items():
            self.missed[kind] = self.missed.get(kind, 0) + count

    def settle(self) -> dict[str, int]:
        """What was missed so far, forgotten here because it is being told now."""
        missed, self.missed = self.missed, {}
        self.missed_state = False
        return missed

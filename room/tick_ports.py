"""What ticks over plain HTTP need from the outside: where they stand, and a minute of them.

A room's ticks are numbered objects that never change. Whoever holds the room's lease makes them;
everybody else reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

Said = Mapping[str, Mapping[str, int]]  # worker → kind of chat → how much of it was said there


@dataclass(frozen=True, slots=True)
class TickHead:
    """Where a room's ticks stand. `fence` is the asking worker's right to make the next one, 0
    while another has it. `epoch` is empty until a first tick is made."""

    fence: int
    n: int
    epoch: str
    seq: int
    said: Said


@dataclass(frozen=True, slots=True)
class MadeTick:
    """One tick as it is kept. `start` is the object that later ticks build upon, when wanted."""

    n: int
    epoch: str
    seq: int
    said: Said
    body: bytes
    start: bytes | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """For how long yet somebody wants ticks and start objects."""

    ticks_ms: int
    starts_ms: int


class TickStore(Protocol):
    """Every method raises `Unavailable` when the store is silent."""

    async def want(
        self, room_id: str, *, holder: str, lease_ms: int, ticks_ms: int, starts_ms: int
    ) -> TickHead:
        """Say for how long ticks and starts are wanted; take or keep the lease if it is free."""
        ...

    async def give_up(self, room_id: str, holder: str) -> None:
        """Let another worker make the ticks at once."""
        ...

    async def append(
        self, room_id: str, made: MadeTick, *, holder: str, fence: int, lease_ms: int
    ) -> Demand | None:
        """Keep the next tick. None: the lease is another's, or this is not the next number."""
        ...

    async def tick(self, room_id: str, n: int) -> bytes | None:
        """A tick that is still kept."""
        ...

    async def start(self, room_id: str) -> bytes | None:
        """The newest start object that is still kept."""
        ...

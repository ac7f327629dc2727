"""One worker's copy of a room, kept right by the order of sequence numbers.

Pure: it neither reads nor writes anything. Whoever owns it feeds it what arrived and fills gaps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from room.events import from_wire
from room.limits import RING_EVENTS_MAX
from room.ports import Sequenced, Stored
from room.state import apply


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a delivery. After `gap` or `other_epoch` the caller must catch up."""

    applied: list[Sequenced] = field(default_factory=list)
    gap: bool = False
    other_epoch: bool = False


class Replica:
    """A room as this worker knows it: place, state, and the newest events for replays."""

    def __init__(self, stored: Stored, history: Sequence[Sequenced] = ()) -> None:
        """`history`: the events that led to `stored`, as many as are known, in order."""
        self.reset(stored)
        self.ring.extend(event for event in history if event.seq <= stored.seq)

    def reset(self, stored: Stored) -> None:
        """Start over from a snapshot, under its epoch; earlier events can no longer be replayed."""
        self.epoch = stored.epoch
        self.seq = stored.seq
        self.state = stored.state
        self.ring: deque[Sequenced] = deque(maxlen=RING_EVENTS_MAX)

    @property
    def room_id(self) -> str:
        return self.state.room_id

    @property
    def stored(self) -> Stored:
        return Stored(self.epoch, self.seq, self.state)

    def receive(self, epoch: str, events: Sequence[Sequenced]) -> Received:
        """Apply what is next in order; ignore what is known; stop at a gap."""
        if epoch != self.epoch:
            return Received(other_epoch=True)
        applied: list[Sequenced] = []
        for event in events:
            if event.seq <= self.seq:
                continue
            if event.seq != self.seq + 1:
                return Received(applied, gap=True)
            self.state = apply(self.state, from_wire(event.t, event.d))
            self.seq = event.seq
            self.ring.append(event)
            applied.append(event)
        return Received(applied)

    def since(self, epoch: str, seq: int) -> list[Sequenced] | None:
        """The events after `seq`, or None when memory does not reach back that far."""
        if epoch != self.epoch or seq > self.seq:
            return None
        if seq == self.seq:
            return []
        if not self.ring or self.ring[0].seq > seq + 1:
            return None
        return [event for event in self.ring if event.seq > seq]

"""What one tick over plain HTTP says: a room's flushes since the last one, joined into one object.

A maker is a subscriber of a room beside its viewers. It records what each flush tells them, takes
the state as the difference between two snapshots, and so "a start object and the ticks after it"
always equals a fresh start object. No sockets, no store, no clock: see `tick_shelf.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import orjson

from room.epochs import is_newer
from room.ports import Sequenced
from room.tick_ports import MadeTick, Said, TickHead
from server.fanout import LiveRoom
from server.outbox import Drops, Tick, count_by_kind
from server.wire import Codec, tick_json

CHAT_PER_TICK_MAX = 500  # without a budget in the room; a page shows fewer of them in a second
CRITICAL_MISSED_MAX = 1_000  # in one tick; who needs more asks for the history


class TickMaker:
    """Cuts the ticks of one room, from where the last maker stopped.

    The first one, and one in a new epoch, is `full`: its `st` is the whole state, not a change.
    """

    def __init__(self, room: LiveRoom, head: TickHead, hear: Callable[[], Said]):
        """`hear` tells what was said so far. The caller has just flushed the room."""
        self.room = room
        self._hear, self._said = hear, hear()
        self.fence = head.fence
        self.n, self.epoch, self.seq = head.n, head.epoch, head.seq
        self._told: dict[str, Any] | None = None  # the state as of the last tick
        self._events: list[tuple[int, bytes]] = []  # 0 stands for an event without a number
        self._chat = 0
        self._drops: Drops = unheard(head.said, self._said) if head.epoch else {}
        self._folds: Drops = {}
        room.recorder = self._record

    def close(self) -> None:
        """Stop listening to the room."""
        if self.room.recorder == self._record:
            self.room.recorder = None

    def is_behind(self) -> bool:
        """Whether this worker has yet to hear what an earlier tick has told."""
        return is_newer((self.epoch, self.seq), (self.room.replica.epoch, self.room.shown_seq))

    def _record(self, tick: Tick) -> None:
        self._said = self._hear()  # of it nothing waits any more: the flush has taken it all
        self._events += [(event.seq, event.raw) for event in tick.critical]
        for item in tick.chosen:
            if self._chat < CHAT_PER_TICK_MAX:
                self._chat += 1
                self._events.append((0, item.raw))
            else:
                self._drops[item.kind] = self._drops.get(item.kind, 0) + 1
        self._events += [(0, raw) for raw in tick.repeats]
        for kind, count in tick.drops.items():
            self._drops[kind] = self._drops.get(kind, 0) + count
        for kind, count in count_by_kind(tick.folded).items():
            self._folds[kind] = self._folds.get(kind, 0) + count

    def cut(self, *, now_ms: int, pace_ms: int, with_start: bool) -> MadeTick:
        """The next tick, of all that the room has been told since the last. Who cannot keep it
        closes this maker."""
        room = self.room
        renewed = room.replica.epoch != self.epoch
        shown, events = room.snapshot(), self._in_order(renewed=renewed)
        full = renewed or self._told is None
        state = shown if full else changes(self._told or {}, shown)
        self.n, self.epoch, self.seq = self.n + 1, room.replica.epoch, room.shown_seq
        head: dict[str, Any] = {"n": self.n, "ts": now_ms, "epoch": self.epoch}
        if full:
            head["full"] = True
        rest = tick_json(
            events, state=state, seq=self.seq, drop=_told_counts(self._drops), fold=self._folds
        )
        body = orjson.dumps(head)[:-1] + b"," + rest[1:]
        self._told, self._events, self._chat, self._drops, self._folds = shown, [], 0, {}, {}
        start = start_object(room, self.n + 1, now_ms, pace_ms) if with_start else None
        return MadeTick(self.n, self.epoch, self.seq, self._said, body, start)

    def _in_order(self, *, renewed: bool) -> list[bytes]:
        """The events to tell: each critical one after the last tick once and in order.

        What this maker was not there to record stands before the rest. Where that cannot be had
        from memory the tick says `seq` alone, and readers fetch the history.
        """
        if renewed:
            return [raw for seq, raw in self._events if not seq]
        news = [(seq, raw) for seq, raw in self._events if not seq or seq > self.seq]
        recorded = [seq for seq, _ in news if seq]
        missed = self._missed(recorded[0] if recorded else self.room.shown_seq + 1)
        return [*(event.raw for event in missed), *(raw for _, raw in news)]

    def _missed(self, before: int) -> Sequence[Sequenced]:
        if self.seq + 1 >= before or before - self.seq > CRITICAL_MISSED_MAX:
            return ()
        known = self.room.replica.since(self.epoch, self.seq) or ()
        return [event for event in known if event.seq < before]


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a state that differ; of the stock, the SKUs that do."""
    changed = {
        part: value
        for part, value in after.items()
        if part not in before or (before[part] is not value and before[part] != value)
    }
    if "stock" in changed:
        known = before.get("stock", {})
        changed["stock"] = {s: v for s, v in after["stock"].items() if known.get(s) != v}
    return changed


def unheard(before: Said, now: Said) -> Drops:
    """What was said between the last tick of another maker and the first of this one.

    Of a worker the other had never heard it is not known when it spoke: none of that is counted.
    """
    counts: Drops = {}
    for worker in before.keys() & now.keys():
        for kind, count in now[worker].items():
            fresh = count - before[worker].get(kind, 0)
            if fresh > 0:
                counts[kind] = counts.get(kind, 0) + fresh
    return counts


def _told_counts(counts: Drops) -> Drops:
    return {kind: count for kind, count in counts.items() if count > 0}


def start_object(room: LiveRoom, following: int, now_ms: int, pace_ms: int) -> bytes:
    """What a newcomer begins with: the room as of its last flush, and the next tick's number."""
    state, recent = room.greeting(Codec.JSON)
    return orjson.dumps(
        {
            "room_id": room.room_id,
            "epoch": room.replica.epoch,
            "next": following,
            "seq": room.shown_seq,
            "state": state,
            "recent": recent,
            "server_ms": now_ms,
            "tick_ms": pace_ms,
        }
    )


class _Start(msgspec.Struct):
    next: int


_START = msgspec.json.Decoder(_Start)


def following_of(start: bytes) -> int:
    """The number of the tick that follows a start object."""
    return _START.decode(start).next

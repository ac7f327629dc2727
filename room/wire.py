"""Critical events as bytes: the JSON viewers get, and the MessagePack workers tell each other.

Pure; which socket or channel the bytes go to is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from room.events import Event, to_wire
from room.ports import Sequenced

_JSON: Final = msgspec.json.Encoder()
_MSGPACK: Final = msgspec.msgpack.Encoder()


class _Wire(msgspec.Struct):
    t: str
    ts: int
    seq: int
    d: dict[str, object]


_DECODER: Final = msgspec.json.Decoder(_Wire)


def sequence(seq: int, ts: int, event: Event) -> Sequenced:
    """Give an event its place and its bytes. `ts` is Unix ms."""
    d = to_wire(event)
    return Sequenced(seq, ts, event.t, d, _JSON.encode(_Wire(event.t, ts, seq, d)))


def sequenced(raw: bytes) -> Sequenced:
    """A critical event from its bytes. Raises ValueError when they are not one."""
    event = _DECODER.decode(raw)
    return Sequenced(event.seq, event.ts, event.t, event.d, raw)


def critical_payload(epoch: str, events: Sequence[Sequenced]) -> bytes:
    """What is published on a room's bus after a commit."""
    pairs = [[event.seq, event.raw] for event in events]
    return _MSGPACK.encode({"k": "critical", "e": epoch, "s": pairs})


def rebased_payload(epoch: str) -> bytes:
    """What is published when a room begins a new epoch."""
    return _MSGPACK.encode({"k": "rebased", "e": epoch})

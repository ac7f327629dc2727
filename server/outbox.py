"""What happened in a room since its last tick, and the bytes that tell it.

The four lanes meet here: critical events are all kept in order, state parts overwrite each other,
chat is sampled under the room's budget with every omission counted. Pure: no sockets, no clock.
Who gets which bytes, and who is too slow for them, is `fanout.py`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from server.wire import Codec, frame, tick_json, tick_msgpack

CHAT_PENDING_MAX = 5_000  # chat items one room may hold between two ticks; the oldest go first
Drops = dict[str, int]


@dataclass(frozen=True, slots=True)
class ChatItem:
    """One event of the lossy lane, encoded once."""

    kind: str  # "comment" or "notice": the class under which an omission is counted
    user_id: str
    role: str
    raw: bytes
    buyer: bool = False
    first: bool = False  # the speaker's first words in this room


@dataclass(frozen=True, slots=True)
class Critical:
    """One sequenced event, encoded once by whoever gave it its number."""

    seq: int
    raw: bytes


Choose = Callable[[Sequence[ChatItem], int], tuple[list[ChatItem], list[ChatItem]]]


@dataclass(slots=True)
class Tick:
    """Everything one flush tells a room, with each variant's bytes made at most once."""

    critical: list[Critical]
    chosen: list[ChatItem]
    omitted: list[ChatItem]
    state: dict[str, Any]
    lost: Drops = field(default_factory=dict)  # said elsewhere and never heard here
    _frames: dict[Codec, bytes] = field(default_factory=dict)
    _critical_frames: dict[Codec, bytes] = field(default_factory=dict)

    @property
    def seq(self) -> int | None:
        """The room's last sequence number after this tick, when it moved."""
        return self.critical[-1].seq if self.critical else None

    @property
    def drops(self) -> Drops:
        """How many chat events this tick leaves out, by kind."""
        drops = count_by_kind(self.omitted)
        for kind, count in self.lost.items():
            drops[kind] = drops.get(kind, 0) + count
        return drops

    def frame(self, codec: Codec) -> bytes:
        """The frame for every viewer who is keeping up."""
        if codec not in self._frames:
            self._frames[codec] = self._build(codec, self.chosen, self.state, self.drops)
        return self._frames[codec]

    def critical_frame(self, codec: Codec) -> bytes | None:
        """Only what may never be left out, for a viewer whose socket is behind."""
        if not self.critical:
            return None
        if codec not in self._critical_frames:
            self._critical_frames[codec] = self._build(codec, (), {}, {})
        return self._critical_frames[codec]

    def personal_frame(
        self,
        codec: Codec,
        *,
        own: Sequence[ChatItem] = (),
        missed: Mapping[str, int] | None = None,
        full_state: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The tick as one viewer needs it: with own words that were sampled out for the others,
        with what this socket missed earlier, and with the whole state after a missed delta."""
        drops = self.drops
        for item in own:
            drops[item.kind] -= 1
        for kind, count in (missed or {}).items():
            drops[kind] = drops.get(kind, 0) + count
        told = {kind: count for kind, count in drops.items() if count}
        state = {**full_state, **self.state} if full_state is not None else self.state
        return self._build(codec, [*self.chosen, *own], state, told)

    def _build(
        self, codec: Codec, chat: Iterable[ChatItem], state: Mapping[str, Any], drops: Drops
    ) -> bytes:
        events = [event.raw for event in self.critical]
        events += [item.raw for item in chat]
        join = tick_json if codec is Codec.JSON else tick_msgpack
        return frame(join(events, state=state, seq=self.seq, drop=drops), codec)


class Outbox:
    """What one room still has to tell its viewers."""

    __slots__ = ("_chat", "_critical", "_lost", "_overflow", "_state")

    def __init__(self) -> None:
        self._critical: list[Critical] = []
        self._chat: list[ChatItem] = []
        self._overflow: list[ChatItem] = []
        self._lost: Drops = {}
        self._state: dict[str, Any] = {}

    def add_critical(self, events: Iterable[Critical]) -> None:
        """Append sequenced events; nothing ever removes one but `take`."""
        self._critical.extend(events)

    def add_chat(self, item: ChatItem) -> None:
        """Append a chat event; past `CHAT_PENDING_MAX` the oldest is omitted and counted."""
        self._chat.append(item)
        if len(self._chat) > CHAT_PENDING_MAX:
            self._overflow.append(self._chat.pop(0))

    def add_lost(self, counts: Mapping[str, int]) -> None:
        """Chat that was said but did not get here: nobody can be shown it, everybody is told."""
        for kind, count in counts.items():
            self._lost[kind] = self._lost.get(kind, 0) + count

    def set_state(self, part: str, value: Any) -> None:  # noqa: ANN401 - any part of the vector
        """Replace one part of the state vector; only the latest value is told."""
        self._state[part] = value

    def merge_stock(self, levels: Mapping[str, Mapping[str, int]]) -> None:
        """Add changed stock levels beside those already waiting."""
        self._state["stock"] = {**self._state.get("stock", {}), **levels}

    def __bool__(self) -> bool:
        return bool(self._critical or self._chat or self._lost or self._state)

    def take(self, chat_allowance: int | None, choose: Choose) -> Tick:
        """Empty the outbox into a tick that shows at most `chat_allowance` chat events."""
        if chat_allowance is None or len(self._chat) <= chat_allowance:
            chosen, omitted = self._chat, self._overflow
        else:
            chosen, left_out = choose(self._chat, chat_allowance)
            omitted = self._overflow + left_out
        tick = Tick(self._critical, chosen, omitted, self._state, self._lost)
        self._critical, self._chat, self._overflow = [], [], []
        self._state, self._lost = {}, {}
        return tick


def count_by_kind(items: Iterable[ChatItem]) -> Drops:
    """How many items there are of each kind."""
    counts: Drops = {}
    for item in items:
        counts[item.kind] = counts.get(item.kind, 0) + 1
    return counts

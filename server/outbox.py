"""What happened in a room since its last tick, and the bytes that tell it.

The four lanes meet here: critical events are all kept in order, state parts overwrite each other,
chat is sampled under the room's budget with every omission counted. Pure: no sockets, no clock.
Who gets which bytes, and who is too slow for them, is `fanout.py`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from room.folding import Folds
from server.wire import Codec, event_json, frame, tick_json, tick_msgpack

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
    name: str = ""
    comment_id: str = ""
    fold: str = ""  # what it has in common with others that say the same; empty: never folded


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
    folded: list[ChatItem] = field(default_factory=list)  # told as a count on an earlier comment
    repeats: list[bytes] = field(default_factory=list)  # the events with those counts
    said: list[ChatItem] = field(default_factory=list)  # all of it, in the order it was said
    _places: dict[int, int] = field(default_factory=dict)
    _folded_ids: set[str] | None = None
    _drops: Drops | None = None
    _folds: Drops | None = None
    _state_json: orjson.Fragment | None = None
    _frames: dict[Codec, bytes] = field(default_factory=dict)
    _critical_frames: dict[Codec, bytes] = field(default_factory=dict)

    @property
    def seq(self) -> int | None:
        """The room's last sequence number after this tick, when it moved."""
        return self.critical[-1].seq if self.critical else None

    @property
    def drops(self) -> Mapping[str, int]:
        """How many chat events this tick leaves out, by kind; counted once, for hundreds ask."""
        if self._drops is None:
            self._drops = count_by_kind(self.omitted)
            for kind, count in self.lost.items():
                self._drops[kind] = self._drops.get(kind, 0) + count
        return self._drops

    @property
    def folds(self) -> Mapping[str, int]:
        """How many it tells as counts on earlier comments, by kind."""
        if self._folds is None:
            self._folds = count_by_kind(self.folded)
        return self._folds

    def is_folded(self, item: ChatItem) -> bool:
        """Whether an item is told as a count in this tick."""
        if self._folded_ids is None:
            self._folded_ids = {folded.comment_id for folded in self.folded}
        return item.comment_id in self._folded_ids

    def frame(self, codec: Codec) -> bytes:
        """The frame for every viewer who is keeping up."""
        if codec not in self._frames:
            built = self._build(codec, self.chosen, self.state, self.drops, self.folds)
            self._frames[codec] = built
        return self._frames[codec]

    def critical_frame(self, codec: Codec) -> bytes | None:
        """Only what may never be left out, for a viewer whose socket is behind."""
        if not self.critical:
            return None
        if codec not in self._critical_frames:
            self._critical_frames[codec] = self._build(codec, None, {}, {}, {})
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
        drops, folds = dict(self.drops), dict(self.folds)
        for item in own:
            counted = folds if self.is_folded(item) else drops
            counted[item.kind] -= 1
        for kind, count in (missed or {}).items():
            drops[kind] = drops.get(kind, 0) + count
        told = {kind: count for kind, count in drops.items() if count}
        state = {**full_state, **self.state} if full_state is not None else self.state
        return self._build(codec, self._in_order([*self.chosen, *own]), state, told, folds)

    def _in_order(self, items: list[ChatItem]) -> list[ChatItem]:
        """As they were said: one's own words must not come after what one said later."""
        if not self._places:
            self._places = {id(item): place for place, item in enumerate(self.said)}
        return sorted(items, key=lambda item: self._places.get(id(item), -1))

    def _build(
        self,
        codec: Codec,
        chat: Iterable[ChatItem] | None,
        state: Mapping[str, Any],
        drops: Mapping[str, int],
        folds: Mapping[str, int],
    ) -> bytes:
        events = [event.raw for event in self.critical]
        if chat is not None:
            events += [item.raw for item in chat]
            events += self.repeats
        fold = {kind: count for kind, count in folds.items() if count}
        if codec is Codec.JSON:
            shown = self._encoded_state() if state is self.state else state
            return frame(tick_json(events, state=shown, seq=self.seq, drop=drops, fold=fold), codec)
        return frame(tick_msgpack(events, state=state, seq=self.seq, drop=drops, fold=fold), codec)

    def _encoded_state(self) -> orjson.Fragment | None:
        """The changed parts as JSON, made once: in a hot room hundreds get frames of their own."""
        if self._state_json is None and self.state:
            self._state_json = orjson.Fragment(orjson.dumps(self.state))
        return self._state_json


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

    def take(
        self,
        chat_allowance: int | None,
        choose: Choose,
        folds: Folds | None = None,
        now_ms: int = 0,
    ) -> Tick:
        """Empty the outbox into a tick that shows at most `chat_allowance` chat events.

        Without an allowance everything is shown as it was said: nothing is omitted or folded.
        """
        tick = Tick(self._critical, self._chat, list(self._overflow), self._state, self._lost)
        tick.said = self._overflow + self._chat
        if chat_allowance is not None:
            _sample(tick, chat_allowance, choose, folds, now_ms)
        self._critical, self._chat, self._overflow = [], [], []
        self._state, self._lost = {}, {}
        return tick


def _sample(tick: Tick, allowance: int, choose: Choose, folds: Folds | None, now_ms: int) -> None:
    """Show what the allowance takes, count what says the same, omit the rest."""
    offered, repeating = folds.part(tick.chosen, now_ms) if folds else (tick.chosen, [])
    left_out: list[ChatItem] = []
    if len(offered) > allowance:
        offered, left_out = choose(offered, allowance)
    tick.chosen = offered
    if folds is not None:
        tick.folded, left_out = folds.settle(offered, [*left_out, *repeating], now_ms)
        counts = folds.take_counts()
        tick.repeats = [
            event_json("comment.repeated", now_ms, {"id": comment_id, "n": n})
            for comment_id, n in counts.items()
        ]
    tick.omitted += left_out


def count_by_kind(items: Iterable[ChatItem]) -> Drops:
    """How many items there are of each kind."""
    counts: Drops = {}
    for item in items:
        counts[item.kind] = counts.get(item.kind, 0) + 1
    return counts

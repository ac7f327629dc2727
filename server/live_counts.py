"""Counts that move between critical events: entrants, votes, bids, what is left of a gift.

They are laid over the parts of the room's state by the id of what they count, as absolute values,
and only while that is still open; what a critical event says at the end is final. Each worker asks
for them about once a second; who has just changed one may push it to all workers at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from room.errors import Unavailable
from room.replica import Replica

if TYPE_CHECKING:
    from server.fanout import LiveRoom
    from server.hub import Hub

log = structlog.get_logger(__name__)

OPEN_STATES = frozenset({"open", "live"})
SINGLE = {"rain": "rain_id"}  # parts that are one item, or nothing, and what names it

Values = Mapping[str, Mapping[str, Any]]  # id → fields; one of them may be a version `v`
Ask = Callable[[Replica], Awaitable[Values]]


class Board(Protocol):
    """A part of its own that is counted rather than folded from events."""

    async def show(self, room: LiveRoom) -> None:
        """Of a room that is being opened."""
        ...

    async def show_all(self, rooms: Sequence[LiveRoom]) -> None:
        """Of all rooms, in few calls: there may be thousands, and most are quiet."""
        ...


class Overlay:
    """The counts of one room on this worker."""

    def __init__(self) -> None:
        self._by_part: dict[str, dict[str, dict[str, Any]]] = {}

    def note(self, part: str, values: Values) -> bool:
        """Take counts in, each unless a newer version is known; says whether any changed."""
        known = self._by_part.setdefault(part, {})
        news = {key: dict(fields) for key, fields in values.items() if _is_news(known, key, fields)}
        known.update(news)
        return bool(news)

    def over(self, parts: Mapping[str, Any]) -> dict[str, Any]:
        """The parts with the counts laid over them; counts of what is over are forgotten."""
        shown = dict(parts)
        for part, known in self._by_part.items():
            items = _items(part, shown[part])
            kept = {key: v for key, v in known.items() if _is_open(items.get(key))}
            fresh = {key: {**items[key], **fields} for key, fields in kept.items()}
            if fresh:
                shown[part] = _part(part, {**items, **fresh})
            self._by_part[part] = kept
        return shown


def _is_news(known: Mapping[str, Mapping[str, Any]], key: str, fields: Mapping[str, Any]) -> bool:
    before = known.get(key)
    if before is None:
        return True
    return bool(fields.get("v", 0) >= before.get("v", 0) and fields != before)


def _items(part: str, value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a part of the state
    """What a part holds, by id."""
    if part not in SINGLE:
        return value or {}
    return {value[SINGLE[part]]: value} if value else {}


def _part(part: str, items: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a part of the state
    return items if part not in SINGLE else next(iter(items.values()))


def _is_open(item: Mapping[str, Any] | None) -> bool:
    return item is not None and item["state"] in OPEN_STATES


class LiveCounts:
    """Asks for the counts of every room of this worker. `asks` says how, by part of the state."""

    def __init__(self, hub: Hub, asks: Mapping[str, Ask], boards: Sequence[Board] = ()):
        self._hub = hub
        self._asks = asks
        self._boards = boards

    async def beat(self) -> None:
        """One round; a store that is silent leaves the counts as they were."""
        rooms = tuple(self._hub.rooms.values())
        for room in rooms:
            await self._ask(room)
        for board in self._boards:
            with contextlib.suppress(Unavailable):
                await board.show_all(rooms)

    async def show(self, room: LiveRoom) -> None:
        """Everything of one room."""
        await self._ask(room)
        for board in self._boards:
            with contextlib.suppress(Unavailable):  # its part stays as it was
                await board.show(room)

    async def _ask(self, room: LiveRoom) -> None:
        for part, ask in self._asks.items():
            try:
                values = await ask(room.replica)
            except Unavailable:
                log.warning("counts_not_read", room_id=room.room_id, part=part)
                continue
            if values:
                self._hub.show_live(room, part, values)

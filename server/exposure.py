"""Who has seen and opened which card: each person counts once for every time a card is shown.

Counts what viewers acknowledge, on this worker; the sums over workers travel with the pulses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from room.state import RoomState

PEOPLE_REMEMBERED_MAX = 50_000  # a card and worker; more people are not counted for this showing
PRODUCTS_COUNTED_MAX = 100  # products with figures of their own; the room's sums count them all


@dataclass(slots=True)
class _Showing:
    """One card from when it was shown until it is shown again."""

    shown_ms: int
    seen: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)


class Exposure:
    """The cards of one room on this worker; `counters` are the room's."""

    def __init__(self, counters: dict[str, int]):
        self._counters = counters
        self._showings: dict[str, _Showing] = {}

    def saw(self, state: RoomState, user_id: str, product_ids: Iterable[str]) -> None:
        """Count who has not seen this showing of a card before."""
        for product_id in set(product_ids):
            showing = self._showing(state, product_id)
            if showing is not None and _is_new(showing.seen, user_id):
                self._count("exposures", product_id)

    def opened(self, state: RoomState, user_id: str, product_id: str) -> None:
        """Count who has not opened this showing of a card before."""
        showing = self._showing(state, product_id)
        if showing is not None and _is_new(showing.opened, user_id):
            self._count("clicks", product_id)

    def _showing(self, state: RoomState, product_id: str) -> _Showing | None:
        """The card's present showing; None for a product that this room does not have."""
        if product_id not in state.products:
            return None
        shown_ms = next((c.shown_ms for c in state.cards if c.product_id == product_id), 0)
        showing = self._showings.get(product_id)
        if showing is None or showing.shown_ms != shown_ms:
            showing = self._showings[product_id] = _Showing(shown_ms)
        return showing

    def _count(self, what: str, product_id: str) -> None:
        self._counters[what] += 1
        key = f"{what}:{product_id}"
        if key in self._counters or len(self._showings) <= PRODUCTS_COUNTED_MAX:
            self._counters[key] = self._counters.get(key, 0) + 1


def _is_new(people: set[str], user_id: str) -> bool:
    if user_id in people or len(people) >= PEOPLE_REMEMBERED_MAX:
        return False
    people.add(user_id)
    return True

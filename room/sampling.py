"""Which comments of a tick a viewer is shown when there are more than their budget allows.

Host and staff first, then buyers, then people who speak for the first time, then the others spread
evenly over the tick, so that neither its beginning nor its end is favoured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from room.shapes import STAFF_ROLES

RANK_STAFF: Final = 0
RANK_BUYER: Final = 1
RANK_FIRST_TIME: Final = 2
RANK_OTHER: Final = 3
_RANKS: Final = (RANK_STAFF, RANK_BUYER, RANK_FIRST_TIME, RANK_OTHER)


@dataclass(frozen=True, slots=True)
class Choice:
    """Indexes into the comments offered, both in the order of time. Together they are all."""

    chosen: tuple[int, ...]
    dropped: tuple[int, ...]


def rank(role: str, *, buyer: bool, first_time: bool) -> int:
    """How much a comment weighs: lower is shown first."""
    if role in STAFF_ROLES:
        return RANK_STAFF
    if buyer:
        return RANK_BUYER
    return RANK_FIRST_TIME if first_time else RANK_OTHER


def choose(ranks: Sequence[int], budget: int) -> Choice:
    """Split comments, given by rank in the order of time, into shown and dropped."""
    if budget >= len(ranks):
        return Choice(tuple(range(len(ranks))), ())
    chosen: set[int] = set()
    for wanted in _RANKS:
        places = [at for at, each in enumerate(ranks) if each == wanted]
        chosen.update(_spread(places, budget - len(chosen)))
    dropped = tuple(at for at in range(len(ranks)) if at not in chosen)
    return Choice(tuple(sorted(chosen)), dropped)


def _spread(places: Sequence[int], count: int) -> Sequence[int]:
    """`count` of the places, evenly apart; all of them when they fit."""
    if count >= len(places):
        return places
    if count <= 0:
        return ()
    return [places[(2 * nth + 1) * len(places) // (2 * count)] for nth in range(count)]

"""What a lottery may ask of its entrants, and how far each of them has come.

All conditions but one are judged when somebody enters. `present` is judged when the entries are
frozen: whoever is not in the room then cannot win. What is known of a person is handed in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from room.errors import Refused
from room.limits import PHRASE_GRAPHEMES_MAX, TIER_CHARACTERS_MAX, TIERS_MAX, WATCH_S_MAX
from room.shapes import Conditions
from room.text import clean, normalise

_SAID_CHARACTERS_MAX: Final = 1_000  # looked at of what somebody gives as the phrase


@dataclass(frozen=True, slots=True)
class Standing:
    """What the server knows of somebody who wants to enter. `said`: the phrase, in a comment."""

    phrase: str | None = None
    said: bool = False
    follows: bool = False
    watched_ms: int = 0
    bought: bool = False
    tier: str | None = None
    here: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far somebody is with one condition; `have_s` of `need_s` where it is counted."""

    condition: str
    met: bool
    have_s: int | None = None
    need_s: int | None = None

    def to_wire(self) -> dict[str, object]:
        told: dict[str, object] = {"condition": self.condition, "met": self.met}
        if self.need_s is not None:
            told |= {"have_s": self.have_s, "need_s": self.need_s}
        return told


def parse(asked: object) -> Conditions:
    """Check what the host asked for; None, {}, [] and "everyone" ask for nothing.

    Refuses bad_request and too_long. `tier: "x"` is another way to say `tiers: ["x"]`.
    """
    if asked is None or asked in ({}, [], "everyone"):
        return Conditions()
    if isinstance(asked, dict) and "tier" in asked:
        tier = asked["tier"]
        asked = {key: value for key, value in asked.items() if key != "tier"} | {"tiers": [tier]}
    try:
        given = msgspec.convert(asked, Conditions, strict=True)
    except msgspec.ValidationError as wrong:
        raise Refused("bad_request", f"conditions: {wrong}") from wrong
    if isinstance(given.phrase, str):
        phrase = clean(given.phrase, graphemes_max=PHRASE_GRAPHEMES_MAX, field="phrase")
        given = replace(given, phrase=phrase)
    if isinstance(given.watch_s, int) and not 1 <= given.watch_s <= WATCH_S_MAX:
        raise Refused("bad_request", f"watch_s must be between 1 and {WATCH_S_MAX}")
    if isinstance(given.tiers, tuple):
        _check_tiers(given.tiers)
    return replace(
        given,
        follow=given.follow or UNSET,
        bought=given.bought or UNSET,
        present=given.present or UNSET,
        tiers=given.tiers or UNSET,
    )


def _check_tiers(tiers: tuple[str, ...]) -> None:
    lengths = [len(tier) for tier in tiers]
    if len(tiers) > TIERS_MAX or not all(0 < length <= TIER_CHARACTERS_MAX for length in lengths):
        raise Refused("bad_request", f"tiers must be {TIERS_MAX} short names at most")


def same_phrase(given: str | None, wanted: str) -> bool:
    """Case, width and spaces around do not matter."""
    if given is None:
        return False
    return normalise(given[:_SAID_CHARACTERS_MAX]).casefold() == wanted.casefold()


def progress(conditions: Conditions, standing: Standing) -> tuple[Progress, ...]:
    """Every condition the lottery asks for, in a fixed order."""
    return tuple(_progress(conditions, standing))


def _progress(conditions: Conditions, standing: Standing) -> Iterator[Progress]:
    if isinstance(conditions.phrase, str):
        said = standing.said or same_phrase(standing.phrase, conditions.phrase)
        yield Progress("phrase", said)
    if conditions.follow is True:
        yield Progress("follow", standing.follows)
    if isinstance(conditions.watch_s, int):
        need_s = conditions.watch_s
        met = standing.watched_ms >= need_s * 1_000
        yield Progress("watch_s", met, min(standing.watched_ms // 1_000, need_s), need_s)
    if conditions.bought is True:
        yield Progress("bought", standing.bought)
    if isinstance(conditions.tiers, tuple):
        yield Progress("tiers", standing.tier in conditions.tiers)
    if conditions.present is True:
        yield Progress("present", standing.here)


def require_qualified(conditions: Conditions, standing: Standing) -> None:
    """Refuse with not_qualified; the details hold every condition, and the first that lacks.

    Who waits for `watch_s` alone is told when to ask again.
    """
    known = progress(conditions, standing)
    lacking = [each for each in known if not each.met and each.condition != "present"]
    if not lacking:
        return
    first = lacking[0]
    retry_ms = 0
    if [each.condition for each in lacking] == ["watch_s"] and isinstance(conditions.watch_s, int):
        retry_ms = conditions.watch_s * 1_000 - standing.watched_ms
    told = {key: value for key, value in first.to_wire().items() if key != "met"}
    raise Refused(
        "not_qualified",
        f"not fulfilled yet: {', '.join(each.condition for each in lacking)}",
        retry_ms=retry_ms,
        details={**told, "conditions": [each.to_wire() for each in known]},
    )

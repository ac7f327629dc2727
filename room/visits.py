"""Who comes to a room, from where, and how long they stay: the counting behind the traffic figures.

A visit is one arrival; a visitor is one person, however often they arrive. Nothing here is claimed
by a client but the labels of the link they followed: people, times and staying are the server's.
The counting itself is `note_visits.lua` and `credit_watch.lua`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

STAYED_MINUTES: Final = (1, 3, 5, 10)
RETURNED_AFTER_MS: Final = 60_000  # away for longer than a lost line takes to mend
LABELS_MAX: Final = 400  # different counters a room keeps; later sources are counted as OTHER
INVITERS_SHOWN: Final = 10
DIRECT: Final = "direct"
OTHER: Final = "other"
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Visit:
    """One arrival. `src`, `channel`, `bucket` and `inviter` are ids from the link, or empty."""

    user_id: str
    at_ms: int
    src: str = DIRECT
    channel: str = ""
    bucket: str = ""
    inviter: str = ""


@dataclass(frozen=True, slots=True)
class Retention:
    """Of those who came at least so long ago, how many were watching for that long."""

    minutes: int
    stayed: int
    of: int


@dataclass(frozen=True, slots=True)
class Label:
    """What is known of one source, channel or bucket. `stayed` follows STAYED_MINUTES."""

    name: str
    entries: int
    visitors: int
    stayed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Audience:
    """The counts of a room as the store keeps them; `arrivals` is new visitors by Unix minute."""

    visitors: int = 0
    returned: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    arrivals: Mapping[int, int] = field(default_factory=dict)
    inviters: Sequence[tuple[str, int]] = ()

    def retention(self, now_ms: int) -> tuple[Retention, ...]:
        """One entry for each of STAYED_MINUTES. Who came too lately to know is in no denominator.

        Arrivals are kept by the minute: someone counts once the whole minute they came in is over
        for so long, so up to a minute later than the moment they could have stayed.
        """
        return tuple(
            Retention(minutes, min(self._stayed(minutes), of), of)
            for minutes in STAYED_MINUTES
            for of in [self._arrived_before(now_ms - minutes * _MINUTE_MS)]
        )

    def labels(self, kind: str) -> tuple[Label, ...]:
        """The labels of a kind (`src`, `channel`, `bucket`), most visitors first."""
        prefix = f"entries:{kind}:"
        names = [key.removeprefix(prefix) for key in self.counts if key.startswith(prefix)]
        found = [
            Label(
                name,
                entries=self.counts[prefix + name],
                visitors=self.counts.get(f"visitors:{kind}:{name}", 0),
                stayed=tuple(self.counts.get(f"stayed:{m}:{name}", 0) for m in STAYED_MINUTES)
                if kind == "src"
                else (),
            )
            for name in names
        ]
        return tuple(sorted(found, key=lambda label: (-label.visitors, -label.entries, label.name)))

    def _stayed(self, minutes: int) -> int:
        return self.counts.get(f"stayed:{minutes}", 0)

    def _arrived_before(self, at_ms: int) -> int:
        last = at_ms // _MINUTE_MS - 1  # the last minute that was over by then
        return sum(count for minute, count in self.arrivals.items() if minute <= last)

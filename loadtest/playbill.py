"""What a replay will do and when: a recording, a speed and a size turned into a plan. Pure."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass
from typing import Self

from loadtest.recording import (
    BadRecording,
    Commented,
    Happening,
    LotteryOpened,
    Online,
    SaleStarted,
    Sku,
    Sold,
    Whole,
)

SPEED_MAX = 100.0  # beyond this even a long evening is over in minutes
RUN_S_MAX = 3000.0  # below the hold of the replayed sales: nothing may lapse and be sold again
SPEAKERS_MAX = 500  # logged-in people; who spoke beyond that shares a seat
BUYERS_MAX = 2000
GUESTS_MAX = 10_000  # sockets of one process
TAIL_S = 1.0  # after the last line


@dataclass(frozen=True)
class SalePlan:
    """A sale of the recording under ids of its own."""

    sale_id: str
    sku_ids: dict[str, str]  # by label
    skus: dict[str, Sku]  # by id
    countdown_s: int


@dataclass(frozen=True)
class Playbill:
    """The plan of one run. `acts` are in order, with their due time in seconds."""

    title: str
    acts: list[tuple[float, Happening]]
    sales: dict[str, SalePlan]
    seconds: float
    speakers: int
    buyers: int
    peak_guests: int
    _peak_recorded: int

    @classmethod
    def of(cls, whole: Whole, *, speed: float, viewers: int | None, rush: int) -> Self:
        """Raises BadRecording when it cannot be played so."""
        if not 0 < speed <= SPEED_MAX:
            raise BadRecording(f"speed {speed:g} is not above 0 and at most {SPEED_MAX:g}")
        seconds = whole.duration_ms / 1000 / speed + TAIL_S
        if seconds > RUN_S_MAX:
            raise BadRecording(f"{seconds:.0f} s are more than {RUN_S_MAX:.0f}: raise the speed")
        levels = [each.viewers for each in whole.happenings if isinstance(each, Online)]
        peak = max(levels, default=0)
        sales = {
            each.sale: _sale_plan(each, speed)
            for each in whole.happenings
            if isinstance(each, SaleStarted)
        }
        acts = [act for each in whole.happenings for act in _acts(each, speed, sales, rush)]
        return cls(
            title=whole.title,
            acts=sorted(acts, key=lambda act: act[0]),
            sales=sales,
            seconds=round(max(seconds, max((at for at, _ in acts), default=0.0) + TAIL_S), 1),
            speakers=_speakers(whole),
            buyers=_buyers(acts),
            peak_guests=min(GUESTS_MAX, peak if viewers is None else viewers),
            _peak_recorded=peak,
        )

    def guests_for(self, recorded: int) -> int:
        """How many guests stand for so many recorded viewers."""
        if not self._peak_recorded:
            return self.peak_guests
        return max(1, round(recorded / self._peak_recorded * self.peak_guests))

    @property
    def guests_at_first(self) -> int:
        first = next((each for _, each in self.acts if isinstance(each, Online)), None)
        return self.guests_for(first.viewers if first else 0)

    @property
    def comments(self) -> int:
        return sum(isinstance(each, Commented) for _, each in self.acts)

    @property
    def stock(self) -> int:
        return sum(sku.stock for sale in self.sales.values() for sku in sale.skus.values())


def _sale_plan(sale: SaleStarted, speed: float) -> SalePlan:
    sale_id = f"replay-{secrets.token_hex(6)}"
    sku_ids = {sku.sku: f"{sale_id}-{sku.sku}" for sku in sale.skus}
    return SalePlan(
        sale_id,
        sku_ids,
        {sku_ids[sku.sku]: sku for sku in sale.skus},
        int(sale.countdown_ms / speed / 1000),
    )


def _acts(
    each: Happening, speed: float, sales: dict[str, SalePlan], rush: int
) -> list[tuple[float, Happening]]:
    """When it is due. A countdown has whole seconds: what is over is waited before it begins."""
    at_s = each.at_ms / 1000 / speed
    if not isinstance(each, SaleStarted):
        return [(at_s, each)]
    opens_s = at_s + each.countdown_ms / 1000 / speed
    first = each.skus[0].sku
    more = [Sold(each.at_ms, sale=each.sale, sku=first, units=rush)] if rush else []
    return [
        (opens_s - sales[each.sale].countdown_s, each),
        *((opens_s, rushing) for rushing in more),
    ]


def _speakers(whole: Whole) -> int:
    """At least as many as a draw needs to have somebody to draw from."""
    people = {each.who for each in whole.happenings if isinstance(each, Commented)}
    winners = [each.winners for each in whole.happenings if isinstance(each, LotteryOpened)]
    return max(1, min(SPEAKERS_MAX, max([len(people), *(2 * each for each in winners)])))


def _buyers(acts: list[tuple[float, Happening]]) -> int:
    units: Counter[tuple[str, str]] = Counter()
    for _, each in acts:
        if isinstance(each, Sold):
            units[each.sale, each.sku] += each.units
    return min(BUYERS_MAX, max(units.values(), default=0))

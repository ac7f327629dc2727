"""A sale: what is sold, at what price, in which window, and which phase the clock makes of it.

Pure: no I/O, the time is an argument. Stock decisions live in the scripts (and `stock.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from flash_sale.channels import LIVE, check_channels, shares
from flash_sale.eligibility import EVERYBODY, Eligibility
from flash_sale.errors import Refused

ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")
SKUS_PER_SALE_MAX = 100  # a sale's stock is read whole for audits and pushes
STOCK_UNITS_MAX = 1_000_000  # keeps a generation's stock versions inside their range
PRICE_CENTS_MAX = 1_000_000_000  # 20 lines × 999 pieces × this stays far below 2^53
COUNTDOWN_S_MAX = 300
DURATION_S_MAX = 7 * 86_400
HOLD_S_MAX = 86_400
FREEZE_S_MAX = 120  # how much longer a hold may last because its payment has begun
TEXT_CHARS_MAX = 500  # titles and image addresses
COUNTDOWN_SHOWN_MS = COUNTDOWN_S_MAX * 1000  # a sale planned for later counts down from here


class Stage(StrEnum):
    """What staff decided. The clock makes a `Phase` of it."""

    DRAFT = "draft"
    PREHEAT = "preheat"
    SCHEDULED = "scheduled"
    STOPPED = "stopped"


class Phase(StrEnum):
    DRAFT = "draft"
    PREHEAT = "preheat"
    COUNTDOWN = "countdown"
    LIVE = "live"
    SOLD_OUT = "sold_out"
    ENDED = "ended"


class Level(NamedTuple):
    """Stock left of one SKU; a higher `v` is newer, whatever the order of arrival."""

    left: int
    v: int


@dataclass(frozen=True, slots=True)
class SkuSpec:
    """One SKU on sale. Money in cents; `per_user` 0 means no limit per person.

    `channels` are the pieces out of `stock` that others than the live room begin with.
    """

    sku_id: str
    product_id: str
    title: str
    stock: int
    sale_cents: int
    list_cents: int = 0
    image: str = ""
    per_user: int = 0
    channels: Mapping[str, int] = field(default_factory=dict)

    @property
    def shares(self) -> dict[str, int]:
        """What each channel begins with."""
        return shares(self.stock, self.channels)


@dataclass(frozen=True, slots=True)
class SaleSpec:
    """What staff ask for. `start` is "manual", "now" or the start in epoch milliseconds."""

    sale_id: str
    skus: tuple[SkuSpec, ...]
    start: str | int = "manual"
    duration_s: int = 600
    hold_s: int = 330
    pay_s: int = 300
    currency: str = "CNY"
    eligibility: Eligibility = EVERYBODY

    def check(self) -> None:
        """Raise `Refused("bad_request")` unless every number, id and text is within its limits."""
        _require(_is_id(self.sale_id), "sale_id")
        _require(1 <= len(self.skus) <= SKUS_PER_SALE_MAX, "skus")
        _require(len({sku.sku_id for sku in self.skus}) == len(self.skus), "skus: repeated sku_id")
        for sku in self.skus:
            _check_sku(sku)
        self.eligibility.check()
        _require(self.start in ("manual", "now") or _is_whole(self.start, 1, 2**52), "start")
        _require(_is_whole(self.duration_s, 1, DURATION_S_MAX), "duration_s")
        _require(_is_whole(self.hold_s, 1, HOLD_S_MAX), "hold_s")
        _require(_is_whole(self.pay_s, 1, self.hold_s), "pay_s: longer than hold_s")
        _require(re.fullmatch(r"[A-Z]{3}", self.currency) is not None, "currency")


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale as SQL knows it. `number` is short and unique: order ids begin with it."""

    sale_id: str
    number: int
    room_id: str
    stage: Stage
    start_ms: int | None
    end_ms: int | None
    duration_s: int
    hold_s: int
    pay_s: int
    currency: str
    generation: int
    created_ms: int
    announced: Phase
    skus: tuple[SkuSpec, ...]
    retired: bool = False  # over for good: only SQL still has it
    paused: bool = False  # new buys are refused; everything else goes on
    rev: int = 0  # journal number of the last change of stage: orders what is told of a sale
    announced_rev: int = 0
    eligibility: Eligibility = EVERYBODY
    life: int = 0  # of Redis: what was read from an earlier one may not be written down any more

    @property
    def freeze_ms(self) -> int:
        """How long a hold is kept from the moment its payment begins, if that is longer."""
        return min(self.hold_s, FREEZE_S_MAX) * 1000

    def hold_cap_ms(self, created_ms: int) -> int:
        """When a hold made at `created_ms` ends whatever happens to its payment."""
        return created_ms + self.hold_s * 1000 + self.freeze_ms

    def is_made_by(self, spec: SaleSpec, room_id: str) -> bool:
        """Whether this is what `spec` asks for, whatever has become of it since."""
        asked = (spec.skus, spec.duration_s, spec.hold_s, spec.pay_s, spec.currency)
        made = (self.skus, self.duration_s, self.hold_s, self.pay_s, self.currency)
        return asked == made and self.room_id == room_id and self.eligibility == spec.eligibility

    def phase(self, now_ms: int, levels: Mapping[str, Level]) -> Phase:
        """The phase at `now_ms`; `levels` must hold every SKU to tell sold out from live."""
        if self.stage is Stage.STOPPED:
            return Phase.ENDED
        if self.stage is not Stage.SCHEDULED or self.start_ms is None or self.end_ms is None:
            return Phase.PREHEAT if self.stage is Stage.PREHEAT else Phase.DRAFT
        if now_ms >= self.end_ms:
            return Phase.ENDED
        if now_ms < self.start_ms - COUNTDOWN_SHOWN_MS:
            return Phase.PREHEAT
        if now_ms < self.start_ms:
            return Phase.COUNTDOWN
        sold_out = bool(levels) and all(level.left == 0 for level in levels.values())
        return Phase.SOLD_OUT if sold_out else Phase.LIVE

    def sku(self, sku_id: str) -> SkuSpec | None:
        return next((sku for sku in self.skus if sku.sku_id == sku_id), None)

    def to_wire(self, phase: Phase, levels: Mapping[str, Level] | None = None) -> dict[str, object]:
        """The entry of the state vector's `sales`."""
        return {
            "sale_id": self.sale_id,
            "phase": phase.value,
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "duration_s": self.duration_s,
            "hold_s": self.hold_s,
            "pay_s": self.pay_s,
            "paused": self.paused,
            "rev": self.rev,
            "eligibility": self.eligibility.to_wire(),
            "skus": [self._sku_to_wire(sku, levels or {}) for sku in self.skus],
        }

    def _sku_to_wire(self, sku: SkuSpec, levels: Mapping[str, Level]) -> dict[str, object]:
        level = levels.get(sku.sku_id)
        return {
            "sku_id": sku.sku_id,
            "product_id": sku.product_id,
            "title": sku.title,
            "image": sku.image,
            "list_cents": sku.list_cents,
            "sale_cents": sku.sale_cents,
            "per_user": sku.per_user,
            "stock": sku.shares[LIVE],
            "currency": self.currency,
            "sold_out": level is not None and level.left == 0,
        }


def first_version(number: int, generation: int) -> int:
    """The first stock version of a generation of a sale.

    A later sale, and a sale rebuilt after its data was lost, must start above every version ever
    pushed, or viewers would take the new stock for the older one. Room for 10^7 changes a
    generation and 100 generations; below 2^53 for nine million sales.
    """
    return number * 1_000_000_000 + generation * 10_000_000


def _check_sku(sku: SkuSpec) -> None:
    _require(_is_id(sku.sku_id), "sku_id")
    _require(_is_id(sku.product_id), "product_id")
    _require(_is_text(sku.title) and _is_text(sku.image), "title or image")
    _require(_is_whole(sku.stock, 0, STOCK_UNITS_MAX), "stock")
    _require(_is_whole(sku.sale_cents, 0, PRICE_CENTS_MAX), "sale_cents")
    _require(_is_whole(sku.list_cents, 0, PRICE_CENTS_MAX), "list_cents")
    _require(_is_whole(sku.per_user, 0, STOCK_UNITS_MAX), "per_user")
    check_channels(sku.stock, sku.channels)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and ID_PATTERN.fullmatch(value) is not None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= TEXT_CHARS_MAX


def _is_whole(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _require(holds: bool, what: str) -> None:  # noqa: FBT001 - an assertion's subject
    if not holds:
        raise Refused("bad_request", f"Not acceptable: {what}.")

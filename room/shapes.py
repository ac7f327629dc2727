"""The values a room is made of, exactly as they look on the wire. No rule lives here."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

Status = Literal["live", "ended"]
CardMode = Literal["listed", "explaining"]
SalePhase = Literal["draft", "preheat", "countdown", "live", "sold_out", "ended"]
LotteryState = Literal["open", "frozen", "drawn", "void"]

STAFF_ROLES: Final = frozenset({"assistant", "host", "operator", "admin"})


def plain(value: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """The value as JSON reads it back: dicts, lists, strings, integers, booleans, None."""
    return msgspec.json.decode(msgspec.json.encode(value))


class User(msgspec.Struct, frozen=True):
    """Who acts. `role` is one of guest, viewer, member, assistant, host, operator, admin."""

    id: str
    name: str
    role: str

    @property
    def staff(self) -> bool:
        return self.role in STAFF_ROLES


class Speaker(msgspec.Struct, frozen=True):
    """The author of a comment; `buyer` is present only when they have paid in this room."""

    id: str
    name: str
    role: str
    buyer: bool | UnsetType = UNSET


class Quote(msgspec.Struct, frozen=True):
    """The comment a reply answers, cut to a line."""

    id: str
    name: str
    text: str


class Comment(msgspec.Struct, frozen=True):
    id: str
    user: Speaker
    text: str
    reply_to: Quote | UnsetType = UNSET


class Announcement(msgspec.Struct, frozen=True):
    text: str
    ts: int


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the host may turn. 0 means no limit."""

    slow_mode_s: int = 0
    followers_only: bool = False
    comments_per_user_per_s: int = 2
    chat_per_viewer_per_s: int = 20


class Product(msgspec.Struct, frozen=True):
    product_id: str
    title: str
    title_en: str
    image: str
    price_cents: int
    list_cents: int
    currency: str


class Card(msgspec.Struct, frozen=True):
    """A product on the shelf. `explain_since_ms` is set while the host is talking about it."""

    product_id: str
    title: str
    image: str
    price_cents: int
    list_cents: int
    currency: str
    mode: CardMode
    shown_ms: int
    explain_since_ms: int | None
    sale_id: str | None
    sku_id: str | None
    sold_out: bool
    title_en: str = ""


class SaleSku(msgspec.Struct, frozen=True):
    sku_id: str
    product_id: str
    list_cents: int
    sale_cents: int
    stock: int
    per_user: int = 1
    title: str = ""
    image: str = ""
    currency: str = "CNY"
    sold_out: bool = False


class SaleDoor(msgspec.Struct, frozen=True):
    """How people get to a sale: 0 means that there is no line, or no puzzle."""

    rate_per_s: int
    opens_before_s: int
    pow_bits: int
    seed_hash: str


class Sale(msgspec.Struct, frozen=True):
    """The room's public copy of a sale. Stock left is not here: it is pushed by version."""

    sale_id: str
    phase: SalePhase
    start_ms: int | None
    end_ms: int | None
    duration_s: int
    hold_s: int
    pay_s: int
    skus: tuple[SaleSku, ...]
    door: SaleDoor | None = None
    paused: bool = False
    rev: int = 0  # grows with every act of staff on the sale: an older copy is no news
    eligibility: dict[str, Any] = {}


class Conditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an entrant must fulfil. Absent fields ask for nothing."""

    phrase: str | UnsetType = UNSET
    watch_s: int | UnsetType = UNSET


class Winner(msgspec.Struct, frozen=True):
    """`rank` counts from 1; `score` is 64 hex digits, lowest first."""

    user_id: str
    name: str
    rank: int
    score: str


class Lottery(msgspec.Struct, frozen=True):
    """The public face of a lottery; its seed is never in here before the draw."""

    lottery_id: str
    state: LotteryState
    prize: str
    winners_count: int
    conditions: Conditions
    open_ms: int
    close_ms: int | None
    manual: bool
    seed_hash: str
    rules_hash: str
    entries_count: int = 0
    winners: tuple[Winner, ...] = ()


class Coupon(msgspec.Struct, frozen=True):
    """A dropped coupon as the room shows it; how many are left is counted beside it."""

    coupon_id: str
    title: str
    scope: str
    off_cents: int
    percent: int
    threshold_cents: int
    quota: int
    per_user: int
    task: str
    watch_s: int
    segment: str
    valid_s: int
    closes_ms: int


class Receipt(msgspec.Struct, frozen=True):
    """Proof of entry: `index` counts from 0, `running_hash` binds all entries up to this one."""

    index: int
    running_hash: str

"""The values a room is made of, exactly as they look on the wire. No rule lives here."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

Status = Literal["live", "ended"]
CardMode = Literal["listed", "explaining"]
SalePhase = Literal["draft", "preheat", "countdown", "live", "sold_out", "ended"]
LotteryState = Literal["open", "frozen", "drawn", "void"]
LotteryKind = Literal["lottery", "bag"]
PollState = Literal["open", "closed"]
CloseReason = Literal["sold", "no_bids", "void"]

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
    mentions: tuple[str, ...] | UnsetType = UNSET  # ids of whom it calls


class Announcement(msgspec.Struct, frozen=True):
    text: str
    ts: int


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the host may turn. 0 means no limit."""

    slow_mode_s: int = 0
    followers_only: bool = False
    comments_per_user_per_s: int = 2
    chat_per_viewer_per_s: int = 20
    unique_chat_s: int = 0  # how long nobody may say the same again
    lotteries_at_once: int = 1
    synced_popups: bool = False  # cards and announcements wait for the picture


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
    follow: bool | UnsetType = UNSET
    watch_s: int | UnsetType = UNSET  # as the server measures it
    bought: bool | UnsetType = UNSET  # a paid order of this room
    tiers: tuple[str, ...] | UnsetType = UNSET  # one of these
    present: bool | UnsetType = UNSET  # in the room when the entries are frozen


class Winner(msgspec.Struct, frozen=True, omit_defaults=True):
    """`rank` counts from 1; `score` is 64 hex digits, lowest first.

    `claim_by_ms` (Unix ms) is there when the prize must be claimed.
    """

    user_id: str
    name: str
    rank: int
    score: str
    claim_by_ms: int = 0


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
    kind: LotteryKind = "lottery"
    claim_s: int = 0  # within this after winning; 0 means there is nothing to claim
    form: tuple[str, ...] = ()  # what a winner fills in
    removals: int = 0  # winners replaced so far


class Poll(msgspec.Struct, frozen=True):
    """A question to everybody. `counts` are votes per option, `voters` the people who voted;
    `void` once it is closed without a result, because votes were lost."""

    poll_id: str
    state: PollState
    question: str
    options: tuple[str, ...]
    multiple: bool
    open_ms: int
    close_ms: int | None
    counts: tuple[int, ...]
    voters: int = 0
    void: bool = False


class Bidder(msgspec.Struct, frozen=True):
    id: str
    name: str


class Auction(msgspec.Struct, frozen=True, kw_only=True):
    """One piece for the highest bidder. From `amount_cents` on: how it stands, and then the end;
    `leader` has won once the state is closed and the reason is sold."""

    auction_id: str
    state: PollState
    product_id: str
    title: str
    title_en: str
    image: str
    currency: str
    start_cents: int
    step_cents: int
    max_cents: int | None
    extend_s: int
    sudden_death: bool
    open_ms: int
    close_ms: int
    least_cents: int
    amount_cents: int = 0
    leader: Bidder | None = None
    bids: int = 0
    reason: CloseReason | None = None


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


HandoutState = Literal["open", "ended", "void"]


class Rain(msgspec.Struct, frozen=True):
    """The public face of a red-packet rain; amounts and seed are never in here.

    It may be grabbed from `open_ms` until `close_ms`. `left` counts packets.
    """

    rain_id: str
    state: HandoutState
    total_cents: int
    count: int
    per_user: int
    open_ms: int
    close_ms: int
    amounts_hash: str
    left: int
    claimed_count: int = 0
    claimed_cents: int = 0
    returned_cents: int = 0


class Gift(msgspec.Struct, frozen=True):
    """A gift for the first `quota` people who fulfil its conditions."""

    gift_id: str
    state: HandoutState
    title: str
    quota: int
    conditions: Conditions
    open_ms: int
    close_ms: int | None
    left: int
    rules_hash: str
    entries_root: str = ""  # of the claims; only when it is over


class Claim(msgspec.Struct, frozen=True):
    """Who got what: the `index`-th (from 0) packet of a rain, or place among a gift's first.

    `key` tells several grabs of one person apart; it may be empty at the first.
    `running_hash` is a gift's chain up to here.
    """

    index: int
    user_id: str
    name: str
    key: str = ""
    amount_cents: int = 0
    running_hash: str = ""
    ts: int = 0

"""The critical events of a room: past-tense facts, each with its wire name.

A room's durable state is the fold of these, so an event carries everything its fold needs.
Chat (comments, notices) is not here: it is sampled and not folded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, cast

import msgspec
from msgspec import UNSET, UnsetType

from room.shapes import Card, Comment, Coupon, Lottery, Product, Sale, Settings, User, Winner, plain


class Event(msgspec.Struct, frozen=True):
    """Something that happened in a room. `t` is its name on the wire, its fields are the `d`."""

    t: ClassVar[str]


class CardShown(Event, frozen=True):
    t: ClassVar[str] = "card.shown"
    card: Card


class CardHidden(Event, frozen=True):
    t: ClassVar[str] = "card.hidden"
    product_id: str


class CardsOrdered(Event, frozen=True):
    """`product_ids` names every card on the shelf, first to last."""

    t: ClassVar[str] = "cards.ordered"
    product_ids: tuple[str, ...]


class ProductChanged(Event, frozen=True):
    t: ClassVar[str] = "product.changed"
    product: Product


class SalePhaseChanged(Event, frozen=True):
    t: ClassVar[str] = "sale.phase"
    sale: Sale


class SkuSoldOut(Event, frozen=True):
    t: ClassVar[str] = "sale.sold_out"
    sale_id: str
    sku_id: str
    v: int


class StockReturned(Event, frozen=True):
    t: ClassVar[str] = "stock.returned"
    sale_id: str
    sku_id: str
    left: int
    v: int


class LotteryOpened(Event, frozen=True):
    t: ClassVar[str] = "lottery.opened"
    lottery: Lottery


class LotteryFrozen(Event, frozen=True):
    t: ClassVar[str] = "lottery.frozen"
    lottery_id: str
    entries_count: int
    entries_root: str


class LotteryDrawn(Event, frozen=True):
    t: ClassVar[str] = "lottery.drawn"
    lottery_id: str
    entries_count: int
    entries_root: str
    server_seed: str
    winners: tuple[Winner, ...]


class LotteryVoided(Event, frozen=True):
    t: ClassVar[str] = "lottery.voided"
    lottery_id: str
    reason: str


class CouponDropped(Event, frozen=True):
    t: ClassVar[str] = "coupon.dropped"
    coupon: Coupon


class CommentPinned(Event, frozen=True):
    t: ClassVar[str] = "comment.pinned"
    comment: Comment


class CommentUnpinned(Event, frozen=True):
    t: ClassVar[str] = "comment.unpinned"
    comment_id: str


class CommentDeleted(Event, frozen=True):
    t: ClassVar[str] = "comment.deleted"
    comment_id: str
    by: str


class UserMuted(Event, frozen=True):
    """`until_ms` 0 means the mute was lifted."""

    t: ClassVar[str] = "user.muted"
    user_id: str
    until_ms: int
    by: str


class UserBanned(Event, frozen=True):
    t: ClassVar[str] = "user.banned"
    user_id: str
    by: str
    lifted: bool


class AnnouncementMade(Event, frozen=True):
    """An empty text clears the announcement. `ts` is when it was made, Unix ms."""

    t: ClassVar[str] = "announcement"
    text: str
    ts: int


class RoomChanged(Event, frozen=True):
    t: ClassVar[str] = "room.changed"
    settings: Settings
    title: str | UnsetType = UNSET
    stream_url: str | UnsetType = UNSET
    host: User | UnsetType = UNSET


class RoomEnded(Event, frozen=True):
    t: ClassVar[str] = "room.ended"


EVENT_TYPES: Final[Mapping[str, type[Event]]] = {kind.t: kind for kind in Event.__subclasses__()}


def to_wire(event: Event) -> dict[str, object]:
    """The event's `d`, plain built-in values."""
    return cast(dict[str, object], plain(event))


def from_wire(t: str, d: Mapping[str, object]) -> Event:
    """The event named `t` from its `d`. Raises ValueError when the two do not fit."""
    kind = EVENT_TYPES.get(t)
    if kind is None:
        raise ValueError(f"not a critical event: {t!r}")
    return msgspec.convert(d, kind)

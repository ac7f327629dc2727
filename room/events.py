"""The critical events of a room: past-tense facts, each with its wire name.

A room's durable state is the fold of these, so an event carries everything its fold needs.
Chat (comments, notices) is not here: it is sampled and not folded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, cast

import msgspec
from msgspec import UNSET, UnsetType

from room.shapes import (
    Auction,
    Bidder,
    Card,
    CloseReason,
    Comment,
    Coupon,
    Gift,
    HandoutState,
    Lottery,
    Poll,
    Product,
    Rain,
    Sale,
    Settings,
    Speaker,
    User,
    Winner,
    plain,
)


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
    excluded_count: int = 0


class LotteryDrawn(Event, frozen=True):
    t: ClassVar[str] = "lottery.drawn"
    lottery_id: str
    entries_count: int
    entries_root: str
    server_seed: str
    winners: tuple[Winner, ...]


class LotteryRedrawn(Event, frozen=True):
    """A winner is out, and the next in rank is in; None when nobody was left.

    `removal` counts the removals of this lottery from 1; `reason` is unclaimed or disqualified.
    """

    t: ClassVar[str] = "lottery.redrawn"
    lottery_id: str
    removal: int
    out: str
    reason: str
    winner: Winner | None


class LotteryVoided(Event, frozen=True):
    t: ClassVar[str] = "lottery.voided"
    lottery_id: str
    reason: str


class PollOpened(Event, frozen=True):
    t: ClassVar[str] = "poll.opened"
    poll: Poll


class PollClosed(Event, frozen=True):
    """With the final counts, by option. `void`: votes were lost, so there is no result."""

    t: ClassVar[str] = "poll.closed"
    poll_id: str
    counts: tuple[int, ...]
    voters: int
    void: bool = False


class QuestionAnswered(Event, frozen=True):
    """With both times, so that the reply time is in the room's history."""

    t: ClassVar[str] = "question.answered"
    question_id: str
    user: Speaker
    text: str
    product_id: str | None
    asked_ms: int
    answered_ms: int
    votes: int
    answer: str
    by: str


class AuctionOpened(Event, frozen=True):
    t: ClassVar[str] = "auction.opened"
    auction: Auction


class AuctionClosed(Event, frozen=True):
    """Nobody has won when `reason` is not "sold"."""

    t: ClassVar[str] = "auction.closed"
    auction_id: str
    winner: Bidder | None
    amount_cents: int
    bids: int
    reason: CloseReason
    product_id: str
    title: str
    currency: str


class CouponDropped(Event, frozen=True):
    t: ClassVar[str] = "coupon.dropped"
    coupon: Coupon


class RainStarted(Event, frozen=True):
    t: ClassVar[str] = "rain.started"
    rain: Rain


class RainEnded(Event, frozen=True):
    """`state` is "void" when claims may have been lost: those counted here stand."""

    t: ClassVar[str] = "rain.ended"
    rain_id: str
    state: HandoutState
    claimed_count: int
    claimed_cents: int
    returned_cents: int


class GiftOpened(Event, frozen=True):
    t: ClassVar[str] = "gift.opened"
    gift: Gift


class GiftClosed(Event, frozen=True):
    t: ClassVar[str] = "gift.closed"
    gift_id: str
    state: HandoutState
    claimed_count: int
    entries_root: str


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


class AssistantChanged(Event, frozen=True):
    """The host appointed somebody to help in this room, or dismissed them."""

    t: ClassVar[str] = "assistant.changed"
    user_id: str
    by: str
    appointed: bool


class WordsChanged(Event, frozen=True):
    """The room's own sensitive words changed. Which they are is for staff only."""

    t: ClassVar[str] = "words.changed"
    rev: int
    by: str


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

"""A room's durable state, and its fold: `apply` turns the state before an event into the one after.

Nothing is decided here. Rules ask and refuse in their own files and return events; this file only
says what an event means. Maps and tuples inside a state are never changed in place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, assert_never, cast

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from room import events as ev
from room import standing
from room.errors import Refused
from room.handout_fold import gifts_after, rain_after
from room.limits import (
    ANSWERED_KNOWN_MAX,
    COUPONS_MAX,
    DELETED_COMMENTS_MAX,
    PINNED_COMMENTS_MAX,
    SALES_MAX,
)
from room.lottery_folds import LotteryEvent, lotteries_after
from room.shapes import (
    Announcement,
    Auction,
    Card,
    Comment,
    Coupon,
    Gift,
    Lottery,
    Poll,
    Product,
    Rain,
    Sale,
    Settings,
    Status,
    User,
    plain,
)
from room.stage_folds import auctions_after, polls_after

PARTS: Final = frozenset(
    {"room", "cards", "sales", "lotteries", "rain", "gifts", "polls", "auctions"}
)


class RoomState(msgspec.Struct, frozen=True, kw_only=True):
    room_id: str
    title: str
    host: User
    stream_url: str
    created_ms: int
    status: Status = "live"
    announcement: Announcement | None = None
    settings: Settings = Settings()
    pinned: tuple[Comment, ...] = ()
    cards: tuple[Card, ...] = ()
    products: dict[str, Product] = {}
    sales: dict[str, Sale] = {}
    # sale → SKU → version of the stock level last told to the room; orders later levels
    levels_told: dict[str, dict[str, int]] = {}
    lotteries: dict[str, Lottery] = {}
    coupons: dict[str, Coupon] = {}
    polls: dict[str, Poll] = {}
    auctions: dict[str, Auction] = {}
    answered: tuple[str, ...] = ()  # questions, newest last; a late repeat is told again
    rain: Rain | None = None  # the last one, also after its end
    gifts: dict[str, Gift] = {}
    muted: dict[str, int] = {}  # user → until, Unix ms
    banned: dict[str, str] = {}  # user → who banned them
    assistants: dict[str, str] = {}  # user → who appointed them
    words_rev: int = 0  # of the room's own sensitive words, which SQL keeps
    deleted: tuple[str, ...] = ()  # newest last; older comments are shown to nobody anyway


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(RoomState)


def encode(state: RoomState) -> bytes:
    return _ENCODER.encode(state)


def decode(blob: bytes) -> RoomState:
    """Raises ValueError when the bytes are not a room state."""
    return _DECODER.decode(blob)


def require_live(state: RoomState) -> None:
    """Refuse any act in a room that has ended."""
    if state.status != "live":
        raise Refused("room_ended", "this room has ended")


def public_parts(state: RoomState, only: Iterable[str] = PARTS) -> dict[str, object]:
    """The state vector's durable keys as built-in values; `only` picks some of them.

    Stock and counters are not in it: they are pushed by version and by total.
    """
    return {part: _public_part(state, part) for part in only}


def _public_part(state: RoomState, part: str) -> object:
    match part:
        case "room":
            return _public_room(state)
        case "cards":
            return plain(state.cards)
        case "sales":
            return plain(state.sales)
        case "lotteries":
            return plain(state.lotteries)
        case "rain":
            return plain(state.rain)
        case "gifts":
            return plain(state.gifts)
        case "polls":
            return plain(state.polls)
        case "auctions":
            return plain(state.auctions)
    raise ValueError(f"not a part of the room's state: {part!r}")


def _public_room(state: RoomState) -> dict[str, object]:
    fields = {
        "room_id": state.room_id,
        "title": state.title,
        "host": state.host,
        "stream_url": state.stream_url,
        "status": state.status,
        "announcement": state.announcement,
        "pinned": state.pinned,
        "settings": state.settings,
        "assistants": sorted(state.assistants),
    }
    return cast(dict[str, object], plain(fields))


def changed_parts(event: ev.Event) -> frozenset[str]:
    """Which keys of `public_parts` the event may have changed."""
    return CHANGED_PARTS[type(event)]


_NOTHING: Final[frozenset[str]] = frozenset()
CHANGED_PARTS: Final[dict[type[ev.Event], frozenset[str]]] = {
    ev.CardShown: frozenset({"cards"}),
    ev.CardHidden: frozenset({"cards"}),
    ev.CardsOrdered: frozenset({"cards"}),
    ev.ProductChanged: frozenset({"cards"}),
    ev.SalePhaseChanged: frozenset({"sales", "cards"}),
    ev.SkuSoldOut: frozenset({"sales", "cards"}),
    ev.StockReturned: frozenset({"sales", "cards"}),
    ev.LotteryOpened: frozenset({"lotteries"}),
    ev.LotteryFrozen: frozenset({"lotteries"}),
    ev.LotteryDrawn: frozenset({"lotteries"}),
    ev.LotteryRedrawn: frozenset({"lotteries"}),
    ev.LotteryVoided: frozenset({"lotteries"}),
    ev.PollOpened: frozenset({"polls"}),
    ev.PollClosed: frozenset({"polls"}),
    ev.AuctionOpened: frozenset({"auctions"}),
    ev.AuctionClosed: frozenset({"auctions"}),
    ev.QuestionAnswered: _NOTHING,  # `questions` is told with its counts
    ev.CouponDropped: _NOTHING,  # `coupons` is told with the count of what is left
    ev.RainStarted: frozenset({"rain"}),
    ev.RainEnded: frozenset({"rain"}),
    ev.GiftOpened: frozenset({"gifts"}),
    ev.GiftClosed: frozenset({"gifts"}),
    ev.CommentPinned: frozenset({"room"}),
    ev.CommentUnpinned: frozenset({"room"}),
    ev.CommentDeleted: frozenset({"room"}),
    ev.UserMuted: _NOTHING,
    ev.UserBanned: _NOTHING,
    ev.AssistantChanged: frozenset({"room"}),
    ev.WordsChanged: _NOTHING,
    ev.AnnouncementMade: frozenset({"room"}),
    ev.RoomChanged: frozenset({"room"}),
    ev.RoomEnded: frozenset({"room"}),
}


def apply(state: RoomState, event: ev.Event) -> RoomState:
    """The state after the event. Total: an event about something unknown changes nothing."""
    match event:
        case ev.CardShown(card):
            return _card_shown(state, card)
        case ev.CardHidden(product_id):
            return replace(state, cards=_without_card(state.cards, product_id))
        case ev.CardsOrdered(product_ids):
            return replace(state, cards=_in_order(state.cards, product_ids))
        case ev.ProductChanged(product):
            return _product_changed(state, product)
        case ev.SalePhaseChanged(sale):
            return _sale_changed(state, sale)
        case ev.SkuSoldOut(sale_id, sku_id, v):
            return _sku_flagged(state, sale_id, sku_id, v, sold_out=True)
        case ev.StockReturned(sale_id, sku_id, _, v):
            return _sku_flagged(state, sale_id, sku_id, v, sold_out=False)
        case _ if isinstance(event, LotteryEvent):
            return replace(state, lotteries=lotteries_after(state.lotteries, event))
        case ev.PollOpened() | ev.PollClosed():
            return replace(state, polls=polls_after(state.polls, event))
        case ev.AuctionOpened() | ev.AuctionClosed():
            return replace(state, auctions=auctions_after(state.auctions, event))
        case ev.QuestionAnswered(question_id):
            answered = (*state.answered, question_id)[-ANSWERED_KNOWN_MAX:]
            return replace(state, answered=answered)
        case ev.CouponDropped(coupon):
            return replace(state, coupons=_with_coupon(state.coupons, coupon))
        case ev.RainStarted() | ev.RainEnded():
            return replace(state, rain=rain_after(state.rain, event))
        case ev.GiftOpened() | ev.GiftClosed():
            return replace(state, gifts=gifts_after(state.gifts, event))
        case ev.CommentPinned(comment):
            others = _without_comment(state.pinned, comment.id)
            return replace(state, pinned=(comment, *others)[:PINNED_COMMENTS_MAX])
        case ev.CommentUnpinned(comment_id):
            return replace(state, pinned=_without_comment(state.pinned, comment_id))
        case ev.CommentDeleted(comment_id):
            return _comment_deleted(state, comment_id)
        case ev.UserMuted() | ev.UserBanned() | ev.AssistantChanged() | ev.WordsChanged():
            return _people_changed(state, event)
        case ev.AnnouncementMade(text, ts):
            return replace(state, announcement=Announcement(text, ts) if text else None)
        case ev.RoomChanged():
            return _room_changed(state, event)
        case ev.RoomEnded():
            return replace(state, status="ended")
    raise TypeError(f"no fold for {type(event).__name__}")


def _card_shown(state: RoomState, card: Card) -> RoomState:
    """A card that is on the shelf keeps its place; a new one comes first."""
    if not any(old.product_id == card.product_id for old in state.cards):
        return replace(state, cards=(card, *state.cards))
    cards = tuple(card if old.product_id == card.product_id else old for old in state.cards)
    return replace(state, cards=cards)


def _without_card(cards: tuple[Card, ...], product_id: str) -> tuple[Card, ...]:
    return tuple(card for card in cards if card.product_id != product_id)


def _in_order(cards: tuple[Card, ...], product_ids: tuple[str, ...]) -> tuple[Card, ...]:
    place = {product_id: at for at, product_id in enumerate(product_ids)}
    return tuple(sorted(cards, key=lambda card: place.get(card.product_id, len(place))))


def _product_changed(state: RoomState, product: Product) -> RoomState:
    cards = tuple(
        replace(
            card,
            title=product.title,
            title_en=product.title_en,
            image=product.image,
            price_cents=product.price_cents,
            list_cents=product.list_cents,
            currency=product.currency,
        )
        if card.product_id == product.product_id
        else card
        for card in state.cards
    )
    products = {**state.products, product.product_id: product}
    return replace(state, cards=cards, products=products)


def _sale_changed(state: RoomState, sale: Sale) -> RoomState:
    sales = {**state.sales, sale.sale_id: sale}
    levels_told = state.levels_told
    if len(sales) > SALES_MAX:
        oldest = next((key for key, kept in sales.items() if kept.phase == "ended"), None)
        oldest = oldest if oldest is not None else next(iter(sales))
        sales = {key: kept for key, kept in sales.items() if key != oldest}
        levels_told = {key: told for key, told in levels_told.items() if key != oldest}
    return _cards_follow(replace(state, sales=sales, levels_told=levels_told), sale.sale_id)


def _sku_flagged(
    state: RoomState, sale_id: str, sku_id: str, v: int, *, sold_out: bool
) -> RoomState:
    sale = state.sales.get(sale_id)
    if sale is None:
        return state
    skus = tuple(
        replace(sku, sold_out=sold_out) if sku.sku_id == sku_id else sku for sku in sale.skus
    )
    told = {**state.levels_told.get(sale_id, {}), sku_id: v}
    after = replace(
        state,
        sales={**state.sales, sale_id: replace(sale, skus=skus)},
        levels_told={**state.levels_told, sale_id: told},
    )
    return _cards_follow(after, sale_id)


def _cards_follow(state: RoomState, sale_id: str) -> RoomState:
    """A card tied to the sale says sold out when its SKU (or, untied to one, every SKU) is."""
    sale = state.sales.get(sale_id)
    if sale is None:
        return state
    cards = tuple(
        replace(card, sold_out=card_sold_out(sale, card.sku_id))
        if card.sale_id == sale_id
        else card
        for card in state.cards
    )
    return replace(state, cards=cards)


def card_sold_out(sale: Sale, sku_id: str | None) -> bool:
    """Whether a card tied to this sale, and perhaps to one of its SKUs, shows "sold out"."""
    return all(sku.sold_out for sku in sale.skus if sku_id is None or sku.sku_id == sku_id)


def _with_coupon(coupons: dict[str, Coupon], coupon: Coupon) -> dict[str, Coupon]:
    """Keep the newest; the one whose claiming ends first makes room."""
    kept = {**coupons, coupon.coupon_id: coupon}
    if len(kept) > COUPONS_MAX:
        del kept[min(kept, key=lambda key: kept[key].closes_ms)]
    return kept


def _without_comment(comments: tuple[Comment, ...], comment_id: str) -> tuple[Comment, ...]:
    return tuple(comment for comment in comments if comment.id != comment_id)


def _comment_deleted(state: RoomState, comment_id: str) -> RoomState:
    kept = tuple(known for known in state.deleted if known != comment_id)
    return replace(
        state,
        pinned=_without_comment(state.pinned, comment_id),
        deleted=(*kept, comment_id)[-DELETED_COMMENTS_MAX:],
    )


def _people_changed(
    state: RoomState,
    event: ev.UserMuted | ev.UserBanned | ev.AssistantChanged | ev.WordsChanged,
) -> RoomState:
    match event:
        case ev.UserMuted(user_id, until_ms):
            return replace(state, muted=standing.muted(state.muted, user_id, until_ms))
        case ev.UserBanned(user_id, by, lifted):
            return replace(state, banned=standing.banned(state.banned, user_id, by, lifted=lifted))
        case ev.AssistantChanged(user_id, by, appointed):
            kept = standing.appointed(state.assistants, user_id, by, appointed=appointed)
            return replace(state, assistants=kept)
        case ev.WordsChanged(rev):
            return replace(state, words_rev=rev)
    assert_never(event)


def _room_changed(state: RoomState, event: ev.RoomChanged) -> RoomState:
    return replace(
        state,
        settings=event.settings,
        title=state.title if event.title is UNSET else event.title,
        stream_url=state.stream_url if event.stream_url is UNSET else event.stream_url,
        host=state.host if event.host is UNSET else event.host,
    )

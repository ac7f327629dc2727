"""The rules of an auction: what may be offered, what a bid is, what the room is told.

Who leads is decided by the store, by its own clock, one bid at a time; here stand the bounds and
the words. Staff do not bid: they know what others would pay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from room.errors import Refused
from room.events import AuctionClosed, AuctionOpened, Event
from room.limits import (
    AUCTION_EXTEND_S_MAX,
    AUCTION_EXTENDED_S_MAX,
    AUCTION_S_MAX,
    AUCTION_S_MIN,
    AUCTIONS_OPEN_MAX,
    PRICE_CENTS_MAX,
)
from room.shapes import Auction, Bidder, CloseReason
from room.state import RoomState, require_live

BidOutcome = Literal["taken", "again", "key_reused", "closed", "leading", "over", "outbid"]


@dataclass(frozen=True, slots=True)
class Lead:
    """How an auction stands. `v` grows with every bid taken; `least_cents` is what comes next."""

    v: int
    amount_cents: int
    leader: Bidder | None
    bids: int
    close_ms: int
    least_cents: int
    ended: bool = False  # a bid at the maximum has ended it

    def to_wire(self) -> dict[str, object]:
        leader = None if self.leader is None else {"id": self.leader.id, "name": self.leader.name}
        return {
            "v": self.v,
            "amount_cents": self.amount_cents,
            "leader": leader,
            "bids": self.bids,
            "close_ms": self.close_ms,
            "least_cents": self.least_cents,
        }


@dataclass(frozen=True, slots=True)
class Hammer:
    """How an auction ended."""

    reason: CloseReason
    winner: Bidder | None
    amount_cents: int
    bids: int


def made(
    state: RoomState,
    *,
    auction_id: str,
    product_id: str,
    start_cents: int,
    step_cents: int,
    seconds: int,
    extend_s: int,
    sudden_death: bool,
    max_cents: int | None,
    now_ms: int,
) -> Auction:
    """A new auction as asked for. Refuses bad_request, not_found."""
    product = state.products.get(product_id)
    if product is None:
        raise Refused("not_found", "no such product in this room")
    if not (1 <= start_cents <= PRICE_CENTS_MAX and 1 <= step_cents <= PRICE_CENTS_MAX):
        raise Refused("bad_request", "start_cents and step_cents must be amounts above 0")
    if max_cents is not None and not start_cents <= max_cents <= PRICE_CENTS_MAX:
        raise Refused("bad_request", "max_cents must not be below start_cents")
    if not AUCTION_S_MIN <= seconds <= AUCTION_S_MAX:
        raise Refused("bad_request", f"seconds must be between {AUCTION_S_MIN} and {AUCTION_S_MAX}")
    if not 0 <= extend_s <= AUCTION_EXTEND_S_MAX:
        raise Refused("bad_request", f"extend_s must be between 0 and {AUCTION_EXTEND_S_MAX}")
    return Auction(
        auction_id=auction_id,
        state="open",
        product_id=product_id,
        title=product.title,
        title_en=product.title_en,
        image=product.image,
        currency=product.currency,
        start_cents=start_cents,
        step_cents=step_cents,
        max_cents=max_cents,
        extend_s=0 if sudden_death else extend_s,
        sudden_death=sudden_death,
        open_ms=now_ms,
        close_ms=now_ms + seconds * 1_000,
        least_cents=start_cents,
    )


def latest_ms(auction: Auction) -> int:
    """No extension goes beyond this."""
    return auction.close_ms + AUCTION_EXTENDED_S_MAX * 1_000


def require_may_open(state: RoomState) -> None:
    require_live(state)
    if sum(known.state == "open" for known in state.auctions.values()) >= AUCTIONS_OPEN_MAX:
        raise Refused("conflict", f"{AUCTIONS_OPEN_MAX} auctions are open already")


def told_opened(state: RoomState, auction: Auction) -> tuple[Event, ...]:
    """The event that is still lacking in the room, if any."""
    if auction.auction_id in state.auctions:
        return ()
    require_may_open(state)
    return (AuctionOpened(auction),)


def told_closed(state: RoomState, auction_id: str, hammer: Hammer) -> tuple[Event, ...]:
    auction = state.auctions.get(auction_id)
    if auction is None or auction.state == "closed":
        return ()
    return (
        AuctionClosed(
            auction_id=auction_id,
            winner=hammer.winner,
            amount_cents=hammer.amount_cents,
            bids=hammer.bids,
            reason=hammer.reason,
            product_id=auction.product_id,
            title=auction.title,
            currency=auction.currency,
        ),
    )


def require_known(state: RoomState, auction_id: str) -> Auction:
    auction = state.auctions.get(auction_id)
    if auction is None:
        raise Refused("not_found", "no such auction in this room")
    return auction


def refuse_bid(outcome: BidOutcome, lead: Lead) -> None:
    """Refuse with closed, key_reused, conflict (for who leads), bad_request or outbid."""
    details = {"least_cents": lead.least_cents, "amount_cents": lead.amount_cents}
    match outcome:
        case "closed":
            raise Refused("closed", "this auction is over")
        case "key_reused":
            raise Refused("key_reused", "this key was used for another bid")
        case "leading":
            raise Refused("conflict", "you lead already", details=details)
        case "over":
            raise Refused("bad_request", "that is more than the maximum", details=details)
        case "outbid":
            raise Refused("outbid", "bid at least what `details` say", details=details)
        case "taken" | "again":
            return

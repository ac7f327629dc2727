"""Auctions: offering, bidding, the hammer."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from room import auctions
from room.limits import AUCTION_EXTEND_S_MAX, AUCTION_S_MAX, AUCTION_S_MIN
from server.commands.fields import Cents, Id
from server.context import Context
from server.registry import GUEST, HOSTS, LOGGED_IN, STAFF, Params, RateClass, command

BIDDERS = LOGGED_IN - STAFF - {GUEST}
EXTEND_S = 10
Key = Annotated[str, msgspec.Meta(max_length=64)]


class OpenAuction(Params):
    product_id: Id
    start_cents: Cents
    step_cents: Cents
    seconds: Annotated[int, msgspec.Meta(ge=AUCTION_S_MIN, le=AUCTION_S_MAX)]
    extend_s: Annotated[int, msgspec.Meta(ge=0, le=AUCTION_EXTEND_S_MAX)] = EXTEND_S
    sudden_death: bool = False
    max_cents: Cents | None = None


@command("auction.open", roles=HOSTS, rate=RateClass.STAFF)
async def open_auction(context: Context, params: OpenAuction) -> dict[str, Any]:
    """Offer one piece to the highest bidder."""
    auction = auctions.made(
        context.room.replica.state,
        auction_id=context.services.new_id("au"),
        product_id=params.product_id,
        start_cents=params.start_cents,
        step_cents=params.step_cents,
        seconds=params.seconds,
        extend_s=params.extend_s,
        sudden_death=params.sudden_death,
        max_cents=params.max_cents,
        now_ms=context.now_ms,
    )
    await context.activities.auctions.open(context.room.replica, auction, context.now_ms)
    return {"auction_id": auction.auction_id, "close_ms": auction.close_ms}


class PlaceBid(Params):
    auction_id: Id
    amount_cents: Cents
    key: Key = ""


@command("auction.bid", roles=BIDDERS, rate=RateClass.BUY)
async def bid(context: Context, params: PlaceBid) -> dict[str, Any]:
    """Bid; the highest leads. The same key again gets the first answer."""
    services, room = context.services, context.room
    lead = await context.activities.auctions.bid(
        room.replica,
        params.auction_id,
        context.speaker,
        params.amount_cents,
        key=params.key,
        now_ms=context.now_ms,
    )
    shown = lead.to_wire()
    services.hub.tell_live(room.room_id, "auctions", {params.auction_id: shown})
    return shown


class CloseAuction(Params):
    auction_id: Id
    void: bool = False


@command("auction.close", roles=HOSTS, rate=RateClass.STAFF)
async def close(context: Context, params: CloseAuction) -> dict[str, Any]:
    """Let the hammer fall now, for the leader, or with `void` for nobody."""
    closed = await context.activities.auctions.close(
        context.room.replica, params.auction_id, context.now_ms, void=params.void
    )
    return {"winner": msgspec.to_builtins(closed.leader), "amount_cents": closed.amount_cents}


class OfferNext(Params):
    auction_id: Id


@command("auction.offer_next", roles=HOSTS, rate=RateClass.STAFF)
async def offer_next(context: Context, params: OfferNext) -> dict[str, Any]:
    """Offer a piece whose winner did not pay to the next bidder, at what that one has bid."""
    room_id, auction_id = context.room.room_id, params.auction_id
    return await context.services.selling.auction_orders.offer_next(
        room_id,
        auction_id,
        await context.activities.auctions.history(room_id, auction_id),
        context.room.replica.state.banned.keys(),
        actor=context.user.user_id,
    )

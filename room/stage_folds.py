"""What the events of polls and auctions mean for the room's state. `state.apply` asks here."""

from __future__ import annotations

from msgspec.structs import replace

from room.events import AuctionClosed, AuctionOpened, PollClosed, PollOpened
from room.limits import AUCTIONS_MAX, POLLS_MAX
from room.shapes import Auction, Poll


def polls_after(polls: dict[str, Poll], event: PollOpened | PollClosed) -> dict[str, Poll]:
    """Keep the newest; closed ones make room first, oldest first."""
    if isinstance(event, PollClosed):
        poll = polls.get(event.poll_id)
        if poll is None:
            return polls
        closed = replace(
            poll, state="closed", counts=event.counts, voters=event.voters, void=event.void
        )
        return {**polls, event.poll_id: closed}
    kept = {**polls, event.poll.poll_id: event.poll}
    for key, poll in list(kept.items()):
        if len(kept) > POLLS_MAX and poll.state == "closed":
            del kept[key]
    return kept


def auctions_after(
    auctions: dict[str, Auction], event: AuctionOpened | AuctionClosed
) -> dict[str, Auction]:
    """The same of auctions."""
    if isinstance(event, AuctionClosed):
        auction = auctions.get(event.auction_id)
        if auction is None:
            return auctions
        closed = replace(
            auction,
            state="closed",
            amount_cents=event.amount_cents,
            leader=event.winner,
            bids=event.bids,
            reason=event.reason,
        )
        return {**auctions, event.auction_id: closed}
    kept = {**auctions, event.auction.auction_id: event.auction}
    for key, auction in list(kept.items()):
        if len(kept) > AUCTIONS_MAX and auction.state == "closed":
            del kept[key]
    return kept

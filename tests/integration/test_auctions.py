"""An auction over two workers: everybody sees who leads, one winner, told in person and kept."""

from __future__ import annotations

import asyncio
import random

from tests.integration.house import Place, eventually
from tests.integration.visitor import Visitor

Two = tuple[Place, Place]


async def opened(place: Place, **asked: object) -> str:
    await place.do("product.put", product_id="pot", title="紫砂壶", price_cents=100_000)
    terms = {"start_cents": 1_000, "step_cents": 100, "seconds": 60, **asked}
    answer = await place.do("auction.open", product_id="pot", **terms)
    auction_id: str = answer["auction_id"]
    return auction_id


async def test_forty_race_over_two_workers(two_places: Two) -> None:
    """Whoever was accepted highest wins; all screens agree; the winner is told in person."""
    here, there = two_places
    auction_id = await opened(here)
    bidders = [await (here, there)[n % 2].enter(f"u{n}") for n in range(40)]
    amounts = random.Random(3).sample(range(1_000, 50_000), 40)

    async def bid(visitor: Visitor, amount: int) -> int:
        reply = await visitor.ask("auction.bid", auction_id=auction_id, amount_cents=amount)
        assert reply.get("err", {}).get("code") in (None, "outbid"), reply
        return amount if "ok" in reply else 0

    taken = await asyncio.gather(*map(bid, bidders, amounts))
    best = max(taken)
    winner = bidders[taken.index(best)]
    for visitor in bidders[:2]:
        await visitor.until(
            lambda v=visitor: v.state["auctions"][auction_id]["amount_cents"] == best, "the lead"
        )
    late = await there.enter("late")
    assert late.state["auctions"][auction_id]["leader"]["id"] == f"u{taken.index(best)}"
    await there.do("auction.close", auction_id=auction_id)
    closed = await late.event("auction.closed")
    assert (closed["amount_cents"], closed["reason"]) == (best, "sold")
    assert (await winner.event("auction.won"))["amount_cents"] == best
    losers = [visitor for visitor in bidders if visitor is not winner]
    assert not any(visitor.of("auction.won") for visitor in losers)
    await eventually(lambda: kept(here, closed["winner"]["id"], auction_id))


async def kept(place: Place, user_id: str, auction_id: str) -> bool:
    _, wins = await place.get("/v1/me/wins", sub=user_id)
    return [win["auction_id"] for win in wins["auctions"]] == [auction_id]


async def test_the_clock_lets_the_hammer_fall(two_places: Two) -> None:
    here, there = two_places
    auction_id = await opened(here, seconds=1, extend_s=1)
    lin = await there.enter("lin")
    lead = await lin.do("auction.bid", auction_id=auction_id, amount_cents=1_500, key="k1")
    assert (lead["amount_cents"], lead["least_cents"]) == (1_500, 1_600)
    closed = await lin.event("auction.closed")
    assert closed["winner"]["id"] == "lin"
    assert await lin.refused("auction.bid", auction_id=auction_id, amount_cents=9_000) == "closed"
    again = await lin.do("auction.bid", auction_id=auction_id, amount_cents=1_500, key="k1")
    assert again["v"] == 1


async def test_only_people_who_do_not_sell_may_bid(place: Place) -> None:
    auction_id = await opened(place)
    host = await place.host()
    assert (
        await host.refused("auction.bid", auction_id=auction_id, amount_cents=1_000) == "forbidden"
    )
    lin = await place.enter("lin")
    assert await lin.refused("auction.bid", auction_id=auction_id, amount_cents=999) == "outbid"
    assert await lin.refused("auction.bid", auction_id="none", amount_cents=999) == "not_found"
    answer = await place.do("auction.close", auction_id=auction_id, void=True)
    assert answer == {"winner": None, "amount_cents": 0}

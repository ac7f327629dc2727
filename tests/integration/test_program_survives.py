"""An auction, a poll and a question while all workers and Redis are killed with signal 9 midway."""

from __future__ import annotations

import asyncio
import itertools
import random
import time

import aiohttp

from tests.integration.processes import Shop
from tests.integration.test_lines_survive import _secrets, kill_all, shop

__all__ = ["_secrets", "shop"]  # fixtures

AT_ONCE = 25


async def bid(shop: Shop, auction_id: str, who: int, amount: int) -> int:
    """The amount if it was taken, else 0. In doubt the same key is asked again."""
    deadline_s = time.monotonic() + 20
    terms = {"auction_id": auction_id, "amount_cents": amount, "key": "once"}
    while True:
        assert time.monotonic() < deadline_s
        try:
            status, body = await shop.command("auction.bid", f"u{who}", "viewer", **terms)
        except aiohttp.ClientError:
            status, body = 503, {}
        if status == 200:
            return amount
        if status != 503:
            assert body["err"]["code"] == "outbid", body
            return 0
        await asyncio.sleep(0.05)


async def test_the_highest_bid_and_every_vote_outlive_all_processes(shop: Shop) -> None:
    """Two hundred race over two workers, half of them while everything is killed."""
    await shop.insist("product.put", product_id="pot", title="pot", price_cents=1)
    terms = {"start_cents": 100, "step_cents": 10, "seconds": 3_000}
    auction_id = (await shop.insist("auction.open", product_id="pot", **terms))["auction_id"]
    poll_id = (await shop.insist("poll.open", question="?", options=["a", "b"]))["poll_id"]
    question_id = (await shop.insist("question.ask", "asker", "viewer", text="?"))["question_id"]
    amounts = random.Random(11).sample(range(100, 90_000), 200)
    gate = asyncio.Semaphore(AT_ONCE)

    async def take_part(who: int) -> int:
        async with gate:
            vote = {"poll_id": poll_id, "option": who % 2, "patience_s": 20}
            await shop.insist("poll.vote", f"u{who}", "viewer", **vote)
            want = {"question_id": question_id, "patience_s": 20}
            await shop.insist("question.vote", f"u{who}", "viewer", **want)
            return await bid(shop, auction_id, who, amounts[who])

    taken = await asyncio.gather(*map(take_part, range(100)))
    later = asyncio.gather(*map(take_part, range(100, 200)))
    await kill_all(shop)
    taken += await later
    path = f"/v1/rooms/{shop.room_id}/auctions/{auction_id}/bids"
    _, history = await shop.get(path)
    steps = [row["amount_cents"] for row in history["bids"]]
    assert sorted(filter(None, taken)) == steps
    assert all(after - before >= 10 for before, after in itertools.pairwise(steps))
    closed = await shop.insist("auction.close", auction_id=auction_id)
    assert closed["amount_cents"] == max(taken)
    assert closed["winner"]["id"] == f"u{taken.index(max(taken))}"
    assert await shop.insist("auction.close", auction_id=auction_id) == closed
    counted = await shop.insist("poll.close", poll_id=poll_id)
    assert counted == {"counts": [100, 100], "voters": 200}
    _, asked = await shop.get(f"/v1/rooms/{shop.room_id}/questions")
    assert [(one["question_id"], one["votes"]) for one in asked["questions"]] == [
        (question_id, 201)
    ]

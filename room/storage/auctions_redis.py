"""Auctions in Redis. What is decided there is in `auction_bid.lua` and `auction_close.lua`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, cast

from redis.asyncio import Redis

from room.auctions import BidOutcome, Hammer, Lead
from room.shapes import Auction, Bidder, CloseReason, User
from room.stage_ports import Ending
from room.storage import keys
from room.storage.scripts import Argument, Script, reachable

KEPT_S: Final = 7 * 86_400

_create: Final = Script("auction_create")
_bid: Final = Script("auction_bid")
_close: Final = Script("auction_close")

_LEAD: Final = ("state", "v", "amount", "user", "name", "bids", "close_ms", "start", "step", "max")


class RedisAuctions:
    """Implements `room.stage_ports.AuctionStore`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def create(self, room_id: str, auction: Auction, latest_ms: int) -> bool:
        """Atomic: `auction_create.lua`."""
        fields: dict[str, Argument] = {
            "state": "open",
            "start": auction.start_cents,
            "step": auction.step_cents,
            "max": auction.max_cents or 0,
            "extend_ms": auction.extend_s * 1_000,
            "close_ms": auction.close_ms,
            "latest_ms": latest_ms,
        }
        pairs = [part for pair in fields.items() for part in pair]
        key = keys.auction(room_id, auction.auction_id)
        return bool(await _create(self._redis, [key], [KEPT_S, *pairs]))

    async def bid(
        self, room_id: str, auction_id: str, user: User, amount_cents: int, key: str
    ) -> tuple[BidOutcome, Lead] | None:
        """Atomic: `auction_bid.lua`."""
        parts = ("", "bids", "keys")
        outcome, *lead = await _bid(
            self._redis,
            [keys.auction(room_id, auction_id, part) for part in parts],
            [user.id, user.name, amount_cents, key, KEPT_S],
        )
        if outcome == b"missing":
            return None
        state, v, amount, leader, name, bids, close_ms, least = lead
        stands = Lead(
            v=int(v),
            amount_cents=int(amount),
            leader=Bidder(leader.decode(), name.decode()) if leader else None,
            bids=int(bids),
            close_ms=int(close_ms),
            least_cents=int(least),
            ended=state != b"open",
        )
        return cast(BidOutcome, outcome.decode()), stands

    async def close(
        self, room_id: str, auction_id: str, ending: Ending, banned: Collection[str]
    ) -> Hammer | int | None:
        """Atomic: `auction_close.lua`."""
        outcome, *result = await _close(
            self._redis,
            [keys.auction(room_id, auction_id), keys.auction(room_id, auction_id, "bids")],
            [ending, *banned],
        )
        if outcome == b"missing":
            return None
        if outcome == b"open":
            return int(result[0])
        reason, winner, name, amount, bids = result
        return Hammer(
            reason=cast(CloseReason, reason.decode()),
            winner=Bidder(winner.decode(), name.decode()) if winner else None,
            amount_cents=int(amount),
            bids=int(bids),
        )

    async def leads(self, room_id: str, auction_ids: Sequence[str]) -> dict[str, Lead]:
        with reachable():
            async with self._redis.pipeline(transaction=False) as pipe:
                for auction_id in auction_ids:
                    pipe.hmget(keys.auction(room_id, auction_id), _LEAD)
                rows: list[Any] = await pipe.execute()
        pairs = zip(auction_ids, rows, strict=True)
        return {auction_id: _lead(row) for auction_id, row in pairs if row[0] is not None}

    async def history(self, room_id: str, auction_id: str) -> list[dict[str, object]]:
        with reachable():
            bids: Any = await self._redis.lrange(keys.auction(room_id, auction_id, "bids"), 0, -1)
        rows = (bid.decode().split(" ", 4) for bid in bids)
        return [
            {"v": int(v), "amount_cents": int(amount), "ts": int(ts), "user_id": who, "name": name}
            for v, amount, ts, who, name in rows
        ]


def _lead(row: Sequence[bytes | None]) -> Lead:
    state, v, amount, user, name, bids, close_ms, start, step, highest = row
    lead, taken, cap = int(amount or 0), int(bids or 0), int(highest or 0)
    least = lead + int(step or 0) if taken else int(start or 0)
    return Lead(
        v=int(v or 0),
        amount_cents=lead,
        leader=Bidder(user.decode(), (name or b"").decode()) if user else None,
        bids=taken,
        close_ms=int(close_ms or 0),
        least_cents=min(least, cap) if cap else least,
        ended=state != b"open",
    )

"""An auction over its store: opened, bid on, ended once, told; a crash in between changes nothing.

The order is always the timetable, the store, then the room, so `resume` finishes what was left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from room import auctions as rules
from room.auctions import Hammer, Lead
from room.errors import Lost, Refused
from room.ports import Stored
from room.replica import Replica
from room.room import Rooms
from room.shapes import Auction, Bidder, User
from room.stage_ports import AuctionStore, Ending, Timetable

# An auction in the timetable that the room does not know: opened this moment, or never.
OPENING_MS_MAX: Final = 60_000
# In the timetable a real time is when it ends; these mean "see what Redis still has of it" and
# "bids were lost, so nobody can win it fairly".
SETTLE_ASKED: Final = 0
VOID_ASKED: Final = 1

ReplicaOf = Callable[[str], Awaitable[Replica | None]]
VOID: Final = Hammer("void", None, 0, 0)
NO_BID: Final[tuple[int, Bidder | None]] = (0, None)


class Auctions:
    """Use cases of auctions."""

    def __init__(self, rooms: Rooms, store: AuctionStore, timetable: Timetable) -> None:
        self._rooms = rooms
        self._store = store
        self._timetable = timetable
        # Room, open auction → the highest bid seen in the store and whose it is.
        self._seen: dict[tuple[str, str], tuple[int, Bidder | None]] = {}
        rooms.before_rebase.append(self._ask_to_settle)

    async def open(self, replica: Replica, auction: Auction, now_ms: int) -> None:
        """Offer a product. Refuses room_ended, conflict."""
        rules.require_may_open(replica.state)
        room_id, auction_id = replica.room_id, auction.auction_id
        await self._timetable.schedule(room_id, auction_id, auction.close_ms)
        await self._store.create(room_id, auction, rules.latest_ms(auction))
        await self._rooms.change(replica, lambda state: rules.told_opened(state, auction), now_ms)

    async def bid(
        self,
        replica: Replica,
        auction_id: str,
        user: User,
        amount_cents: int,
        *,
        key: str = "",
        now_ms: int,
    ) -> Lead:
        """How it stands with this bid in the lead. Refuses closed, outbid, conflict, …"""
        auction = rules.require_known(replica.state, auction_id)
        seen = self._seen.get((replica.room_id, auction_id), NO_BID)  # before asking
        found = await self._store.bid(replica.room_id, auction_id, user, amount_cents, key)
        if found is None:
            raise Refused("closed", "this auction is over")
        outcome, lead = found
        if not await self._is_whole(replica.room_id, auction_id, lead, seen):
            raise Refused("closed", "bids were lost: this auction is called off")
        rules.refuse_bid(outcome, lead)
        if lead.ended and auction.state == "open":
            await self._end(replica, auction, "sell", now_ms)
        return lead

    async def close(
        self, replica: Replica, auction_id: str, now_ms: int, *, void: bool = False
    ) -> Auction:
        """End it now, for the leader or for nobody; again is the same as once."""
        auction = rules.require_known(replica.state, auction_id)
        if auction.state == "open":
            await self._timetable.schedule(replica.room_id, auction_id, now_ms)
            await self._end(replica, auction, "void" if void else "sell", now_ms)
        return replica.state.auctions.get(auction_id, auction)

    async def _end(self, replica: Replica, auction: Auction, ending: Ending, now_ms: int) -> bool:
        """Whether it has ended; an extended one is looked at again at its new time."""
        room_id, auction_id = replica.room_id, auction.auction_id
        banned = replica.state.banned.keys()
        if auction_id not in await self._leads(room_id, [auction_id]):
            ending = "void"
        found = await self._store.close(room_id, auction_id, ending, banned)
        if isinstance(found, int):
            await self._timetable.schedule(room_id, auction_id, found)
            return False
        hammer = VOID if found is None else found
        await self._rooms.change(
            replica, lambda state: rules.told_closed(state, auction_id, hammer), now_ms
        )
        await self._timetable.unschedule(room_id, auction_id)
        self._seen.pop((room_id, auction_id), None)
        return True

    async def _is_whole(
        self, room_id: str, auction_id: str, lead: Lead, seen: tuple[int, Bidder | None]
    ) -> bool:
        """Whether no bid is lost that was `seen` to lead before the store was asked."""
        amount_cents, leader = seen
        if lead.amount_cents < amount_cents or (
            lead.amount_cents == amount_cents and lead.leader != leader
        ):
            await self._timetable.schedule(room_id, auction_id, VOID_ASKED)
            return False
        if lead.amount_cents > self._seen.get((room_id, auction_id), NO_BID)[0]:
            self._seen[room_id, auction_id] = (lead.amount_cents, lead.leader)
        return True

    async def _leads(self, room_id: str, auction_ids: Sequence[str]) -> dict[str, Lead]:
        """How auctions stand, without those that have lost bids: these are to be called off."""
        seen = {key: self._seen.get((room_id, key), NO_BID) for key in auction_ids}
        leads = await self._store.leads(room_id, auction_ids)
        return {
            auction_id: lead
            for auction_id, lead in leads.items()
            if await self._is_whole(room_id, auction_id, lead, seen[auction_id])
        }

    async def resume(self, now_ms: int, replica_of: ReplicaOf) -> int:
        """End what is due or was left half ended by a crash; returns how many ended."""
        ended = 0
        for room_id, auction_id, at_ms in await self._timetable.due(now_ms):
            replica = await replica_of(room_id)
            auction = replica.state.auctions.get(auction_id) if replica is not None else None
            if replica is None or auction is None:
                if replica is None or at_ms < now_ms - OPENING_MS_MAX:
                    await self._timetable.unschedule(room_id, auction_id)
                continue
            try:
                ending: Ending = "void" if at_ms == VOID_ASKED else "due"
                ended += await self._end(replica, auction, ending, now_ms)
            except (Refused, Lost):
                continue  # the copy is being opened again; the next round finds it
        return ended

    async def _ask_to_settle(self, base: Stored) -> None:
        """A room is about to be rebuilt: Redis may have lost the timetable, or the bids.

        Without its bids nobody can win an auction fairly, and `_end` calls it off.
        """
        for auction in base.state.auctions.values():
            if auction.state == "open":
                room_id = base.state.room_id
                await self._timetable.schedule(room_id, auction.auction_id, SETTLE_ASKED)

    async def live(self, replica: Replica) -> dict[str, dict[str, object]]:
        """How the open auctions stand, as fields for the room's state."""
        room_id = replica.room_id
        opened = [key for key, one in replica.state.auctions.items() if one.state == "open"]
        for key in [key for key in self._seen if key[0] == room_id and key[1] not in opened]:
            del self._seen[key]  # another worker has ended it
        if not opened:
            return {}
        leads = await self._leads(room_id, opened)
        return {auction_id: lead.to_wire() for auction_id, lead in leads.items()}

    async def history(self, room_id: str, auction_id: str) -> list[dict[str, object]]:
        """Every bid taken, first to last."""
        return await self._store.history(room_id, auction_id)

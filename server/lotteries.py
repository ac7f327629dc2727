"""Between lotteries and the people of this worker: what is known of an entrant, who is here, and
who is told of a prize. Rules and draws are `room.giveaways`' and `room.claiming`'s.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from msgspec import UNSET

from flash_sale.errors import Refused as SaleRefused
from room import conditions as rules
from room.conditions import Standing
from room.errors import Refused, Unavailable
from room.events import LotteryDrawn, LotteryRedrawn, from_wire
from room.giveaways import Giveaways
from room.lottery import is_open, require_known
from room.ports import RoomStore, Sequenced
from room.prize_ports import Attendance
from room.shapes import Conditions, Lottery, Receipt, User, Winner
from server.fanout import LiveRoom
from server.following import Followers
from server.heartbeat import Heartbeat
from server.hub import Hub
from server.tokens import Identity
from server.wire import event_json

log = structlog.get_logger(__name__)

TELL_WHOLE_EVERY = 8  # rounds; what Redis may have lost of who is here is told again

HasBought = Callable[[str, str], Awaitable[bool]]  # user, room


class RoomLotteries:
    """Lotteries as the rooms of this worker see them."""

    def __init__(
        self,
        *,
        hub: Hub,
        heartbeat: Heartbeat,
        giveaways: Giveaways,
        followers: Followers,
        store: RoomStore,
        attendance: Attendance,
        has_bought: HasBought,
        worker_id: str,
    ):
        self._hub = hub
        self._heartbeat = heartbeat
        self._giveaways = giveaways
        self._followers = followers
        self._store = store
        self._attendance = attendance
        self._has_bought = has_bought
        self._worker_id = worker_id
        self._here: dict[str, tuple[str, set[str], int]] = {}  # room → worker, people, rounds
        hub.on_won = self.tell_winners

    # -- entering -------------------------------------------------------------------------------

    async def join(
        self, room: LiveRoom, user: Identity, lottery_id: str, phrase: str | None
    ) -> Receipt:
        """Enter; see `Giveaways.join` for what it refuses."""
        lottery = require_known(room.replica.state, lottery_id)
        now_ms = self._hub.now_ms()
        standing = Standing()
        if is_open(lottery, now_ms):
            standing = await self.standing(room, user, lottery_id, lottery.conditions, phrase)
        return await self._giveaways.join(
            room.replica, lottery_id, _entrant(user), standing, now_ms
        )

    async def progress(
        self, room: LiveRoom, user: Identity, lottery: Lottery
    ) -> list[dict[str, object]]:
        """Every condition of the lottery, and how far this person is with it."""
        standing = await self.standing(room, user, lottery.lottery_id, lottery.conditions, None)
        return [each.to_wire() for each in rules.progress(lottery.conditions, standing)]

    async def heard(self, room: LiveRoom, user: Identity, text: str) -> None:
        """A comment was made: whoever says the phrase of an open lottery is entered by it, or at
        least has said it. Never in the way of the comment."""
        now_ms = self._hub.now_ms()
        for lottery in tuple(room.replica.state.lotteries.values()):
            phrase = lottery.conditions.phrase
            if phrase is UNSET or not is_open(lottery, now_ms):
                continue
            if rules.same_phrase(text, phrase):
                await self._heard(room, user, lottery, text)

    async def _heard(self, room: LiveRoom, user: Identity, lottery: Lottery, text: str) -> None:
        room_id, lottery_id = room.room_id, lottery.lottery_id
        try:
            await self._attendance.note_said(room_id, lottery_id, user.user_id)
            receipt = await self.join(room, user, lottery_id, text)
        except Refused as refused:
            if refused.code not in ("not_qualified", "closed"):
                log.warning("phrase_not_counted", lottery_id=lottery_id, code=refused.code)
            return
        body = {"lottery_id": lottery_id, "receipt": wire_receipt(receipt)}
        event = event_json("lottery.joined", self._hub.now_ms(), body)
        self._hub.tell_user(room_id, user.user_id, event)

    async def standing(
        self,
        room: LiveRoom,
        user: Identity,
        asker_id: str,
        wanted: Conditions,
        phrase: str | None,
    ) -> Standing:
        """What is known of a person; asks only for what the lottery or gift wants to know."""
        user_id = user.user_id
        watched_ms = 0
        if wanted.watch_s is not UNSET:
            await self._heartbeat.credit_now(room, user_id)
            watched_ms = await self._store.watched_ms(room.room_id, user_id)
        said = False
        if isinstance(wanted.phrase, str) and not rules.same_phrase(phrase, wanted.phrase):
            said = await self._attendance.has_said(room.room_id, asker_id, user_id)
        follows = wanted.follow is True and await self._followers.in_room(room, user_id)
        bought = wanted.bought is True and await self._bought(room, user_id)
        return Standing(
            phrase=phrase,
            said=said,
            follows=follows,
            watched_ms=watched_ms,
            bought=bought,
            tier=user.tier,
            here=user_id in room.by_user,
        )

    async def _bought(self, room: LiveRoom, user_id: str) -> bool:
        if user_id in room.buyers:
            return True
        try:
            return await self._has_bought(user_id, room.room_id)
        except SaleRefused as refused:
            raise Unavailable(refused.message) from refused

    # -- who is here ----------------------------------------------------------------------------

    async def call_roll(self) -> None:
        """One round: keep up who is in the rooms whose lottery asks for it."""
        for room in tuple(self._hub.rooms.values()):
            await self._call_roll(room)
        for room_id in self._here.keys() - self._hub.rooms.keys():
            del self._here[room_id]

    async def _call_roll(self, room: LiveRoom) -> None:
        reporter = f"{self._worker_id}.{room.opening}"
        known = self._here.get(room.room_id)
        if not any(
            each.state == "open" and each.conditions.present is True
            for each in room.replica.state.lotteries.values()
        ):
            if known is not None:
                del self._here[room.room_id]
                await self._attendance.forget_here(room.room_id, known[0])
            return
        here = {one for one, sockets in room.by_user.items() if sockets}
        rounds = known[2] + 1 if known is not None and known[0] == reporter else 0
        told = known[1] if known is not None and rounds % TELL_WHOLE_EVERY else set()
        left = (known[1] if known is not None else set()) - here
        await self._attendance.note_here(room.room_id, reporter, came=here - told, left=left)
        self._here[room.room_id] = (reporter, here, rounds)

    # -- who has won ----------------------------------------------------------------------------

    def tell_winners(self, room: LiveRoom, event: Sequenced) -> None:
        """Every worker has seen the draw, so each tells the winners on its own sockets."""
        self._hub.ticker.flush_now(room)
        fact = from_wire(event.t, event.d)
        won: tuple[Winner, ...] = ()
        if isinstance(fact, LotteryDrawn):
            won = fact.winners
        elif isinstance(fact, LotteryRedrawn) and fact.winner is not None:
            won = (fact.winner,)
        assert isinstance(fact, LotteryDrawn | LotteryRedrawn)
        lottery = room.replica.state.lotteries.get(fact.lottery_id)
        for winner in won:
            body: dict[str, Any] = {
                "lottery_id": fact.lottery_id,
                "prize": lottery.prize if lottery else "",
                "rank": winner.rank,
            }
            if winner.claim_by_ms:
                body |= {
                    "claim_by_ms": winner.claim_by_ms,
                    "form": list(lottery.form) if lottery else [],
                }
            room.tell_user(winner.user_id, event_json("won", event.ts, body))


def wire_receipt(receipt: Receipt) -> dict[str, object]:
    return {"index": receipt.index, "running_hash": receipt.running_hash}


def _entrant(user: Identity) -> User:
    return User(id=user.user_id, name=user.name, role=user.role)

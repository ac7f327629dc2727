"""Rains and gifts over their stores: begun, grabbed and claimed, counted, proved.

The order at the beginning is always: make it durable, then tell the room. How they end is
`handout_duty.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from room import gifts, rain
from room.conditions import Standing
from room.errors import Refused, Unavailable
from room.gifts import GiftSpec
from room.handout_duty import HandoutDuty
from room.handout_ports import Answer, Asked, Handout, HandoutArchive, HandoutStore
from room.micro_batch import MicroBatch
from room.rain import RainSpec
from room.replica import Replica
from room.shapes import Claim, Gift, Rain, User

SEED_BYTES: Final = 32
BATCH_MAX: Final = 256
WAITING_MAX: Final = 10_000  # per handout and worker; about a second of work

Key = tuple[str, str]  # room, handout

_REFUSALS: Final = {
    "not_started": "it has not begun yet",
    "closed": "it is closed",
    "none_left": "all of them are taken",
    "limit_reached": "you have as many as one person may",
}


class Handouts:
    """Use cases of rains and gifts. `random_bytes` must be a secure source."""

    def __init__(
        self,
        duty: HandoutDuty,
        store: HandoutStore,
        archive: HandoutArchive,
        *,
        new_id: Callable[[str], str],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.duty = duty
        self._store = store
        self._archive = archive
        self._new_id = new_id
        self._random_bytes = random_bytes
        self._grabs: MicroBatch[Key, Asked, Answer] = MicroBatch(
            self._grab_batch, batch_max=BATCH_MAX, waiting_max=WAITING_MAX
        )
        self._claims: MicroBatch[Key, Asked, Answer] = MicroBatch(
            self._claim_batch, batch_max=BATCH_MAX, waiting_max=WAITING_MAX
        )

    async def start_rain(self, replica: Replica, spec: RainSpec, now_ms: int) -> Rain:
        """Fix and commit to the amounts, then tell the room. Refuses room_ended, conflict."""
        rain.require_may_start(replica.state)
        handout = rain.record(
            spec,
            room_id=replica.room_id,
            rain_id=self._new_id("rain"),
            seed=self._random_bytes(SEED_BYTES),
            now_ms=await self._store.now_ms(),
        )
        await self._begin(replica, handout, now_ms)
        assert handout.rain is not None, "made above"
        return handout.rain

    async def open_gift(self, replica: Replica, spec: GiftSpec, now_ms: int) -> Gift:
        """Commit to the rules, then tell the room. Refuses room_ended, conflict."""
        gifts.require_may_open(replica.state)
        handout = gifts.record(
            spec, room_id=replica.room_id, gift_id=self._new_id("gift"), now_ms=now_ms
        )
        await self._begin(replica, handout, now_ms)
        assert handout.gift is not None, "made above"
        return handout.gift

    async def _begin(self, replica: Replica, handout: Handout, now_ms: int) -> None:
        await self._store.schedule(handout.room_id, handout.id, now_ms)
        await self._archive.save_handout(handout, now_ms)
        if not await self._store.create(handout):
            raise Unavailable("there is one of this id already")
        await self.duty.announce(replica, handout, now_ms)

    async def stop(self, replica: Replica, handout_id: str, now_ms: int) -> None:
        """End it now; what is left goes back. Again is harmless."""
        await self.duty.step(replica, handout_id, now_ms, now_ms, stop=True)

    async def grab(
        self, replica: Replica, rain_id: str, user: User, key: str, now_ms: int
    ) -> Claim:
        """A packet. Without a key always one's first; each further key another, up to per_user.

        A repeat gets the same, also after the end. Refuses not_started, closed, none_left,
        limit_reached.
        """
        gifts.require_person(replica.state, user)
        asked = Asked(user.id, user.name, key)
        answer = await self._grabs.submit((replica.room_id, rain_id), asked)
        known = replica.state.rain
        opens_in_ms = known.open_ms - now_ms if known and known.rain_id == rain_id else 0
        return await self._claim(rain_id, asked, answer, opens_in_ms)

    async def claim(self, replica: Replica, gift_id: str, user: User, standing: Standing) -> Claim:
        """A place among the first. A repeat gets the same. Refuses not_qualified, none_left, …"""
        gift = gifts.require_known(replica.state, gift_id)
        gifts.require_person(replica.state, user)
        asked = Asked(user.id, user.name)
        if gift.state != "open":
            return await self._claim(gift_id, asked, await self._held(replica, gift, user), 0)
        gifts.require_qualified(gift, standing)
        answer = await self._claims.submit((replica.room_id, gift_id), asked)
        return await self._claim(gift_id, asked, answer, 0)

    async def _held(self, replica: Replica, gift: Gift, user: User) -> Answer:
        """What somebody gets who asks after the end."""
        if gift.state == "void":
            return "void"
        held = await self._store.claimed(replica.room_id, gift.gift_id, user.id)
        return held or ("none_left" if gift.left == 0 else "missing")

    async def _claim(
        self, handout_id: str, asked: Asked, answer: Answer, opens_in_ms: int
    ) -> Claim:
        """The claim, or the refusal in words. What Redis cannot know any more, the ledger does."""
        if isinstance(answer, Claim):
            return answer
        if answer in ("void", "missing"):
            kept = await self._archive.claim_of(handout_id, asked.user_id, asked.key)
            if kept is not None:
                return kept
            if answer == "missing" and await self._archive.load_handout(handout_id) is None:
                raise Refused("not_found", "there is no such thing in this room")
            answer = "closed"
        retry_ms = max(0, opens_in_ms) if answer == "not_started" else 0
        raise Refused(answer, _REFUSALS[answer], retry_ms=retry_ms)

    async def _grab_batch(self, key: Key, asked: Sequence[Asked]) -> list[Answer]:
        return await self._store.grab(key[0], key[1], asked)

    async def _claim_batch(self, key: Key, asked: Sequence[Asked]) -> list[Answer]:
        return await self._store.claim(key[0], key[1], asked)

    async def rain_left(self, replica: Replica) -> dict[str, dict[str, Any]]:
        """Packets that are left of the rain that falls, by its id."""
        falling = replica.state.rain
        if falling is None or falling.state != "open":
            return {}
        return await self._left(replica, [falling.rain_id])

    async def gifts_left(self, replica: Replica) -> dict[str, dict[str, Any]]:
        """Places that are left of each open gift."""
        opened = [key for key, gift in replica.state.gifts.items() if gift.state == "open"]
        return await self._left(replica, opened) if opened else {}

    async def _left(self, replica: Replica, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        left = await self._store.left(replica.room_id, ids)
        return {handout_id: {"left": count} for handout_id, count in left.items()}

    async def proof(self, kind: str, handout_id: str) -> dict[str, object] | None:
        """What anybody may check (see `verifier.py`). None for an unknown one."""
        archived = await self._archive.load_handout(handout_id)
        if archived is None or archived[0].kind != kind:
            return None
        handout, settled = archived
        make = rain.proof if kind == "rain" else gifts.proof
        if settled is None:
            left = await self._store.left(handout.room_id, [handout_id])
            return make(handout, None, (), handout.quota - left.get(handout_id, handout.quota))
        claims = await self._archive.claims_of(handout_id)
        return make(handout, settled, claims, settled.claimed_count)

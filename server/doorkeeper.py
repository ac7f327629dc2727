"""At the door of a sale: who may buy now, who stands in line, and whom which rule turned away.

The rules are `flash_sale.doors` and `flash_sale.queue`; this file applies them to sockets. People
learn their place by pushes made for all of them together once a second; no task or timer exists
per person. Which rule refused is counted for the operator and never told to the buyer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from flash_sale import queue
from flash_sale.door_ports import Places, QueueStore
from flash_sale.doors import LIMIT_WINDOW_MS, Door
from flash_sale.errors import Refused as SaleRefused
from flash_sale.waiting_room import PLACES_PER_CALL_MAX, Proof, Standing, WaitingRoom
from room.micro_batch import MicroBatch
from room.shapes import Sale
from server.errors import CommandRefused
from server.fanout import LiveRoom
from server.hub import Hub, RoomMissing
from server.origin import Origin
from server.wire import event_json

log = structlog.get_logger(__name__)

GATE_SLACK_MS = 1_000  # our clock may be behind Redis', which decides
NEAR_PLACES = 500  # nearer than this, a place is pushed every second
FAR_EVERY = 5  # rounds; how often the others are looked up
WATCHED_MAX = 100_000  # people of one worker whose place is pushed; others ask
LIMITED_RETRY_MS = 2_000
BATCH_ACTS_MAX = 256
WAITING_ACTS_MAX = 20_000

Acts = list[tuple[str, int]]


class Doorkeeper:
    """One worker's end of every line."""

    def __init__(self, *, hub: Hub, waiting_room: WaitingRoom, store: QueueStore):
        self._hub = hub
        self._waiting_room = waiting_room
        self._store = store
        self._watched: dict[tuple[str, str], dict[str, tuple[Any, ...]]] = {}
        self._hits: dict[str, Counter[str]] = {}
        self._round = 0
        self._limits: MicroBatch[str, Acts, int] = MicroBatch(
            self._take, batch_max=BATCH_ACTS_MAX, waiting_max=WAITING_ACTS_MAX
        )

    # -- buying ---------------------------------------------------------------------------------

    async def let_buy(
        self,
        room: LiveRoom,
        sale_id: str,
        user_id: str,
        origin: Origin,
        token: str | None,
        *,
        answered: Callable[[], Awaitable[bool]],
    ) -> None:
        """Return when this person may try to buy now, or asks for an answer given before: that is
        theirs also when their admission has lapsed.

        Refused: not_started (before the gate), not_admitted, rate_limited.
        """
        now_ms = self._hub.now_ms()
        sale = room.replica.state.sales.get(sale_id)
        if sale is not None and sale.start_ms and now_ms < sale.start_ms - GATE_SLACK_MS:
            self.hit(sale_id, "gate")
            wait_ms = sale.start_ms - now_ms
            raise CommandRefused("not_started", "the sale has not started", retry_ms=wait_ms)
        door = await self._waiting_room.door(sale_id)
        if door is None:
            return
        admitted = token is not None and self._waiting_room.admits(sale_id, user_id, token, now_ms)
        if door.guarded and not admitted and not await answered():
            self.hit(sale_id, "admission" if token is None else "forged")
            raise CommandRefused("not_admitted", "it is not your turn", retry_ms=1_000)
        await self._check_limits("buy", door, user_id, origin)

    # -- the line -------------------------------------------------------------------------------

    async def join(
        self, room: LiveRoom, sale_id: str, user_id: str, origin: Origin, proof: Proof | None
    ) -> dict[str, Any]:
        """Take a place in the line of a sale, or keep it; how one stands."""
        door = await self._door(sale_id)
        await self._check_limits("join", door, user_id, origin)
        try:
            places = await self._waiting_room.join(door, user_id, proof, self._hub.now_ms())
        except SaleRefused as refused:
            if refused.code == "risk":
                self.hit(sale_id, "puzzle")
            raise
        return self._watch(room, door, user_id, places)

    async def status(self, room: LiveRoom, sale_id: str, user_id: str) -> dict[str, Any]:
        """How one stands; from now on changes are pushed to this worker's sockets of theirs."""
        door = await self._door(sale_id)
        places = await self._waiting_room.places(sale_id, [user_id])
        return self._watch(room, door, user_id, places)

    async def leave(self, room: LiveRoom, sale_id: str, user_id: str) -> bool:
        """Give the place up."""
        self._watched.get((room.room_id, sale_id), {}).pop(user_id, None)
        return await self._waiting_room.leave(sale_id, user_id)

    def _watch(self, room: LiveRoom, door: Door, user_id: str, places: Places) -> dict[str, Any]:
        standing = self._waiting_room.standing(door.sale_id, user_id, places)
        shown = _shown(door, standing, places, room)
        if standing.waiting and sum(map(len, self._watched.values())) < WATCHED_MAX:
            people = self._watched.setdefault((room.room_id, door.sale_id), {})
            people[user_id] = _news(shown)
        return shown

    async def _door(self, sale_id: str) -> Door:
        door = await self._waiting_room.door(sale_id)
        if door is None or not door.guarded:
            raise CommandRefused("closed", "this sale has no line: buy when it starts")
        return door

    # -- the round ------------------------------------------------------------------------------

    async def beat(self) -> None:
        """Once a second: push places to whom they changed for, and write down what was refused."""
        self._round += 1
        for room_id, sale_id in tuple(self._watched):
            room = self._hub.rooms.get(room_id)
            people = self._watched[room_id, sale_id]
            for gone in [user for user in people if room is None or user not in room.by_user]:
                del people[gone]
            if room is None or not people:
                del self._watched[room_id, sale_id]
                continue
            await self._push(room, sale_id, people)
        await self._write_hits()

    async def _push(self, room: LiveRoom, sale_id: str, people: dict[str, tuple[Any, ...]]) -> None:
        door = await self._door(sale_id)
        everyone = self._round % FAR_EVERY == 0
        users = [user for user, news in people.items() if everyone or _is_near(news)]
        for first in range(0, len(users), PLACES_PER_CALL_MAX):
            some = users[first : first + PLACES_PER_CALL_MAX]
            places = await self._waiting_room.places(sale_id, some)
            for user_id in some:
                standing = self._waiting_room.standing(sale_id, user_id, places)
                self._push_one(room, user_id, people, _shown(door, standing, places, room))

    def _push_one(
        self,
        room: LiveRoom,
        user_id: str,
        people: dict[str, tuple[Any, ...]],
        shown: dict[str, Any],
    ) -> None:
        if people.get(user_id) == _news(shown):
            return
        people[user_id] = _news(shown)
        room.tell_user(user_id, event_json("queue.moved", self._hub.now_ms(), shown))
        if not shown["waiting"]:
            people.pop(user_id, None)

    async def admit(self) -> int:
        """The lease holder's duty: let in whom the rates allow and tell them at once."""
        let_in = await self._waiting_room.step()
        for sale_id in {one.sale_id for one in let_in}:
            people = [one.user_id for one in let_in if one.sale_id == sale_id]
            room_id = self._room_of(sale_id)
            if room_id is not None:
                await self._tell_admitted(room_id, sale_id, people)
        return len(let_in)

    async def _tell_admitted(self, room_id: str, sale_id: str, people: list[str]) -> None:
        try:
            room = await self._hub.open(room_id)
        except RoomMissing:
            return
        door = await self._door(sale_id)
        for first in range(0, len(people), PLACES_PER_CALL_MAX):
            some = people[first : first + PLACES_PER_CALL_MAX]
            places = await self._waiting_room.places(sale_id, some)
            for user_id in some:
                standing = self._waiting_room.standing(sale_id, user_id, places)
                shown = _shown(door, standing, places, room)
                event = event_json("queue.moved", self._hub.now_ms(), shown)
                self._hub.tell_user(room_id, user_id, event)

    def _room_of(self, sale_id: str) -> str | None:
        """The room here that shows a sale. Elsewhere, the round of its worker tells."""
        for room in self._hub.rooms.values():
            if sale_id in room.replica.state.sales:
                return room.room_id
        return None

    # -- limits ---------------------------------------------------------------------------------

    async def _check_limits(self, act: str, door: Door, user_id: str, origin: Origin) -> None:
        limits = door.limits
        subjects = (
            ("user", user_id, limits.user),
            ("device", origin.device, limits.device),
            ("address", origin.address, limits.address),
        )
        kept = [(kind, subject, most) for kind, subject, most in subjects if subject and most]
        if not kept:
            return
        acts = [(f"{act}:{kind}:{subject}", most) for kind, subject, most in kept]
        refused_by = await self._limits.submit(door.sale_id, acts)
        if refused_by:
            self.hit(door.sale_id, f"{act}_{kept[refused_by - 1][0]}")
            raise CommandRefused("rate_limited", "too many of these", retry_ms=LIMITED_RETRY_MS)

    async def _take(self, sale_id: str, batch: list[Acts]) -> list[int]:
        at_ms = self._hub.now_ms()
        return await self._store.take(sale_id, batch, window_ms=LIMIT_WINDOW_MS, at_ms=at_ms)

    # -- what was refused -----------------------------------------------------------------------

    def hit(self, sale_id: str, rule: str) -> None:
        """Count that a rule refused somebody; written down within a second."""
        self._hits.setdefault(sale_id, Counter())[rule] += 1

    async def _write_hits(self) -> None:
        hits, self._hits = self._hits, {}
        for sale_id, counts in hits.items():
            try:
                await self._store.note_hits(sale_id, dict(counts))
            except SaleRefused:
                self._hits.setdefault(sale_id, Counter()).update(counts)

    async def report(self, sale_id: str) -> dict[str, Any]:
        """For the operator: the line's length, how many were let in, and each rule's refusals."""
        places = await self._waiting_room.places(sale_id, [])
        hits = Counter(await self._store.hits(sale_id)) + self._hits.get(sale_id, Counter())
        return {"queue": {"length": places.length, "admitted": places.let_in}, "hits": dict(hits)}


def _shown(door: Door, standing: Standing, places: Places, room: LiveRoom) -> dict[str, Any]:
    """What one person is told. `sells_out_before_you` takes each person ahead to want one unit."""
    left = _units_left(room, room.replica.state.sales.get(door.sale_id))
    ahead = standing.ahead
    start_in_ms = max(0, places.start_ms - places.at_ms) if places.start_ms else 0
    before_you = ahead if ahead is not None else places.length
    return {
        "sale_id": door.sale_id,
        "waiting": standing.waiting,
        "admitted": standing.admission is not None,
        "admission": standing.admission,
        "until_ms": standing.until_ms or None,
        "position": None if ahead is None or not standing.waiting else ahead + 1,
        "ahead": ahead,
        "length": places.length,
        "estimate_s": queue.estimate_s(before_you, door.rate_per_s, start_in_ms),
        "left": left,
        "sells_out_before_you": standing.waiting
        and ahead is not None
        and queue.sells_out_before(ahead, left),
        "assumes": "one_unit_each",
    }


def _units_left(room: LiveRoom, sale: Sale | None) -> int:
    if sale is None:
        return 0
    known = room.state["stock"]
    return sum(known[s.sku_id]["left"] if s.sku_id in known else s.stock for s in sale.skus)


def _news(shown: dict[str, Any]) -> tuple[Any, ...]:
    """What is worth a push when it changed; the estimate alone is not."""
    return (shown["ahead"], shown["admitted"], shown["waiting"], shown["sells_out_before_you"])


def _is_near(news: tuple[Any, ...]) -> bool:
    return news[0] is None or news[0] < NEAR_PLACES

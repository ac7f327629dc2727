"""Using the door of a sale: taking a place, being let in, and proving it when buying."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flash_sale import doors, queue
from flash_sale.door_ports import DoorLedger, Places, QueueStore
from flash_sale.doors import ADMISSION_MS, CHALLENGE_MS, Door
from flash_sale.errors import Refused, unknown_outcome

DOORS_REMEMBERED_MAX = 10_000
ADMITTED_PER_STEP_MAX = 5_000  # people of one sale in one script
PLACES_PER_CALL_MAX = 500  # people looked up in one script

_MESSAGES = {
    "not_started": "The line is not open yet.",
    "ended": "The sale is over.",
    "closed": "The line is full.",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one person stands. `ahead` is None before the start: nobody is placed yet."""

    waiting: bool
    ahead: int | None
    admission: str | None
    until_ms: int


@dataclass(frozen=True, slots=True)
class Proof:
    """A solved puzzle."""

    challenge: str
    nonce: str


@dataclass(frozen=True, slots=True)
class LetIn:
    """Somebody whose turn came, and the token to buy with."""

    sale_id: str
    user_id: str
    admission: str
    until_ms: int


class WaitingRoom:
    """`secret` signs admissions and challenges; every worker has the same."""

    def __init__(
        self,
        ledger: DoorLedger,
        store: QueueStore,
        secret: bytes,
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._secret = hashlib.sha256(b"liveroom door\0" + secret).digest()
        self._now_ms = now_ms
        self._doors: dict[str, Door | None] = {}

    # -- doors ----------------------------------------------------------------------------------

    async def add(self, door: Door) -> None:
        """Store a door before its sale exists, so that there is no moment without it."""
        door.check()
        await self._ledger.add(door)

    async def door(self, sale_id: str) -> Door | None:
        """The door of a sale that exists. It never changes, so it is asked for once."""
        if sale_id not in self._doors:
            if len(self._doors) >= DOORS_REMEMBERED_MAX:
                self._doors.pop(next(iter(self._doors)))
            self._doors[sale_id] = await self._ledger.door(sale_id)
        return self._doors[sale_id]

    # -- joining --------------------------------------------------------------------------------

    def challenge(self, sale_id: str, user_id: str, now_ms: int) -> str:
        """A fresh puzzle for this person."""
        return doors.challenge(self._secret, sale_id, user_id, now_ms + CHALLENGE_MS)

    async def join(self, door: Door, user_id: str, proof: Proof | None, now_ms: int) -> Places:
        """Take a place, or keep the one there is.

        Refused: proof_required (with the puzzle), risk (no solution), not_started, ended, closed.
        """
        if door.puzzle_bits and proof is None:
            places = await self.places(door.sale_id, [user_id])
            if places.of[user_id] != (-1, 0):
                return places
            raise Refused(
                "proof_required", "Solve the puzzle first.", 0, self._puzzle(door, user_id, now_ms)
            )
        if proof is not None and not self._solved(door, user_id, proof, now_ms):
            raise Refused("risk", "Not now.")
        outcome, start_ms = await self._store.join(
            door.sale_id,
            user_id,
            early_rank=queue.rank(door.seed, queue.ticket(door.sale_id, user_id)),
            opens_before_ms=door.opens_before_s * 1000,
            rate_per_s=door.rate_per_s,
            admission_ms=ADMISSION_MS,
            spent=proof.challenge if proof and door.puzzle_bits else "",
            now_ms=self._script_ms(),
        )
        if outcome == "not_started":
            opens_ms = start_ms - door.opens_before_s * 1000
            wait_ms = max(1000, opens_ms - now_ms) if start_ms else 0
            raise Refused("not_started", _MESSAGES["not_started"], wait_ms)
        if outcome not in ("waiting", "admitted"):
            raise _refusal(outcome)
        return await self.places(door.sale_id, [user_id])

    async def leave(self, sale_id: str, user_id: str) -> bool:
        return await self._store.leave(sale_id, user_id)

    # -- standing -------------------------------------------------------------------------------

    async def places(self, sale_id: str, user_ids: Sequence[str]) -> Places:
        """Where people stand; at most PLACES_PER_CALL_MAX of them."""
        return await self._store.places(sale_id, user_ids, self._script_ms())

    def standing(self, sale_id: str, user_id: str, places: Places) -> Standing:
        """One person's own, with an admission when it is their turn."""
        place, until_ms = places.of[user_id]
        if until_ms:
            token = doors.admission(self._secret, sale_id, user_id, until_ms)
            return Standing(waiting=False, ahead=0, admission=token, until_ms=until_ms)
        started = places.start_ms > 0 and places.at_ms >= places.start_ms
        return Standing(place >= 0, place if place >= 0 and started else None, None, 0)

    def admits(self, sale_id: str, user_id: str, token: str, now_ms: int) -> bool:
        """Whether a token lets this person buy now; asks no store."""
        return doors.admits(self._secret, token, sale_id, user_id, now_ms)

    async def proof(self, sale_id: str) -> dict[str, object] | None:
        """The shuffle for anybody to check: once the sale has started, the seed and the tickets.

        A ticket is SHA-256 of `sale_id:user_id`, 32 hex digits, so that people find their own.
        """
        door = await self.door(sale_id)
        if door is None or not door.rate_per_s:
            return None
        places = await self.places(sale_id, [])
        proof: dict[str, object] = {"sale_id": sale_id, "seed_hash": door.seed_hash}
        if places.start_ms == 0 or places.at_ms < places.start_ms:
            return proof
        count, users = await self._store.early(sale_id)
        tickets = [queue.ticket(sale_id, user_id) for user_id in users]
        return proof | {"seed": door.seed, "early": count, "tickets": tickets}

    # -- the duty -------------------------------------------------------------------------------

    async def step(self) -> list[LetIn]:
        """Let in whom the rates allow; run by one worker, harmless if two do."""
        let_in = []
        for sale_id in await self._store.sales():
            door = await self.door(sale_id)
            if door is None or not door.guarded:
                await self._store.over(sale_id)
                continue
            outcome, until_ms, users = await self._store.admit(
                sale_id,
                rate_per_s=door.rate_per_s,
                admission_ms=ADMISSION_MS,
                people_max=ADMITTED_PER_STEP_MAX,
                now_ms=self._script_ms(),
            )
            if outcome == "ended":
                await self._store.over(sale_id)
            for user_id in users:
                token = doors.admission(self._secret, sale_id, user_id, until_ms)
                let_in.append(LetIn(sale_id, user_id, token, until_ms))
        return let_in

    # -- inside ---------------------------------------------------------------------------------

    def _puzzle(self, door: Door, user_id: str, now_ms: int) -> dict[str, object]:
        text = self.challenge(door.sale_id, user_id, now_ms)
        return {"challenge": text, "bits": door.puzzle_bits}

    def _solved(self, door: Door, user_id: str, proof: Proof, now_ms: int) -> bool:
        return doors.solves(
            self._secret,
            proof.challenge,
            proof.nonce,
            door.puzzle_bits,
            sale_id=door.sale_id,
            user_id=user_id,
            now_ms=now_ms,
        )

    def _script_ms(self) -> int:
        return self._now_ms() if self._now_ms is not None else 0


def _refusal(outcome: str) -> Refused:
    if outcome == "spent":
        return Refused("risk", "Not now.")
    if outcome == "full":
        return Refused("closed", _MESSAGES["closed"])
    if outcome == "ended":
        return Refused("ended", _MESSAGES["ended"])
    return unknown_outcome()

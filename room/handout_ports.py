"""What is handed out to the quickest (rains, gifts): its record, and its stores as protocols.

Implementations live in `storage/`. Rules of a rain are `rain.py`, of a gift `gifts.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from room.shapes import Claim, Gift, HandoutState, Rain


class Handout(msgspec.Struct, frozen=True, kw_only=True):
    """A rain or a gift as it was announced. Holds the SECRET seed and amounts of a rain."""

    room_id: str
    rain: Rain | None = None
    gift: Gift | None = None
    seed: str = ""  # 64 hex digits; of a rain
    amounts: tuple[int, ...] = ()  # in the order in which they are handed out; of a rain
    rules: str = ""  # of a gift

    @property
    def kind(self) -> str:
        return "rain" if self.rain is not None else "gift"

    @property
    def id(self) -> str:
        if self.rain is not None:
            return self.rain.rain_id
        assert self.gift is not None, "a handout is a rain or a gift"
        return self.gift.gift_id

    @property
    def quota(self) -> int:
        """How many claims there can be."""
        if self.rain is not None:
            return self.rain.count
        assert self.gift is not None, "a handout is a rain or a gift"
        return self.gift.quota

    @property
    def open_ms(self) -> int:
        face = self.rain or self.gift
        return face.open_ms if face is not None else 0

    @property
    def close_ms(self) -> int:
        """0 for one that is closed by hand or when nothing is left."""
        face = self.rain or self.gift
        return (face.close_ms or 0) if face is not None else 0

    @property
    def per_user(self) -> int:
        return self.rain.per_user if self.rain is not None else 1


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a handout has come, as Redis knows it."""

    state: HandoutState
    count: int  # claims so far


@dataclass(frozen=True, slots=True)
class Settled:
    """How a handout ended: fixed once, in SQL."""

    state: HandoutState
    claimed_count: int
    claimed_cents: int
    running_hash: str  # of the last claim


@dataclass(frozen=True, slots=True)
class Asked:
    """One person's grab or claim."""

    user_id: str
    name: str
    key: str = ""


Answer = Claim | str  # a refusal's code, or "void" and "missing", which only the archive can answer


class HandoutStore(Protocol):
    """Who gets what, decided in Redis. Every method raises `Unavailable` when it is silent."""

    async def now_ms(self) -> int:
        """The clock that judges the window."""
        ...

    async def create(self, handout: Handout) -> bool:
        """False when there is one of this id already."""
        ...

    async def grab(self, room_id: str, rain_id: str, asked: Sequence[Asked]) -> list[Answer]:
        """The next packets of a rain, in the order of asking; a repeat gets what it got."""
        ...

    async def claim(self, room_id: str, gift_id: str, asked: Sequence[Asked]) -> list[Answer]:
        """The next places of a gift; who has one gets it again."""
        ...

    async def claimed(self, room_id: str, handout_id: str, user_id: str) -> Claim | None:
        """A person's first claim."""
        ...

    async def load(self, room_id: str, handout_id: str) -> Handout | None: ...

    async def claims(self, room_id: str, handout_id: str, start: int = 0) -> list[Claim]:
        """From the `start`-th on, in order."""
        ...

    async def left(self, room_id: str, handout_ids: Sequence[str]) -> dict[str, int]: ...

    async def close(
        self, room_id: str, handout_id: str, state: HandoutState | None = None
    ) -> Standing | None:
        """Close it if its time is over or nothing is left; with a state, at once.

        What is closed stays as it was closed. None when the store does not know it.
        """
        ...

    async def schedule(self, room_id: str, handout_id: str, at_ms: int) -> None:
        """Have `due` name it until `unschedule`. A sign to who resumes: see `handouts.py`."""
        ...

    async def unschedule(self, room_id: str, handout_id: str) -> None: ...

    async def due(self, limit: int = 1_000) -> list[tuple[str, str, int]]:
        """(room_id, handout_id, at_ms) of everything under way."""
        ...


class HandoutArchive(Protocol):
    """The ledger, in SQL. Every method raises `Unavailable` when the database is silent."""

    async def save_handout(self, handout: Handout, now_ms: int) -> None:
        """Before it is announced. Repeats are harmless."""
        ...

    async def load_handout(self, handout_id: str) -> tuple[Handout, Settled | None] | None:
        """With how it ended, if it has."""
        ...

    async def add_claims(self, handout_id: str, claims: Sequence[Claim]) -> bool:
        """Keep them, each once. False when they contradict what is kept, or come after the end."""
        ...

    async def settle(self, handout_id: str, state: HandoutState, now_ms: int) -> Settled:
        """End it with the claims kept so far. Only the first call decides; all get its result."""
        ...

    async def claims_of(self, handout_id: str, start: int = 0) -> list[Claim]: ...

    async def claim_of(self, handout_id: str, user_id: str, key: str) -> Claim | None: ...

    async def handouts_to(self, user_id: str, limit: int = 100) -> list[dict[str, object]]:
        """What a person got, newest first."""
        ...

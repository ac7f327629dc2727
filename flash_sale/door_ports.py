"""What lines and waitlists need from the outside, and the facts that cross. No I/O here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flash_sale.doors import Door
from flash_sale.sale import Level


@dataclass(frozen=True, slots=True)
class Places:
    """A line at one moment: times in epoch ms (start 0: not known), people in line and let in so
    far, and per person the place (from 0; -1: none) and until when they are admitted (0: not)."""

    at_ms: int
    start_ms: int
    length: int
    let_in: int
    of: Mapping[str, tuple[int, int]]


class DoorLedger(Protocol):
    async def add(self, door: Door) -> None: ...
    async def door(self, sale_id: str) -> Door | None: ...


class QueueStore(Protocol):
    """The line before a sale. Every method may raise `Refused("unknown_outcome")`."""

    async def join(
        self,
        sale_id: str,
        user_id: str,
        *,
        early_rank: int,
        opens_before_ms: int,
        rate_per_s: int,
        admission_ms: int,
        spent: str,
        now_ms: int,
    ) -> tuple[str, int]: ...
    async def leave(self, sale_id: str, user_id: str) -> bool: ...
    async def admit(
        self, sale_id: str, *, rate_per_s: int, admission_ms: int, people_max: int, now_ms: int
    ) -> tuple[str, int, list[str]]: ...
    async def places(self, sale_id: str, user_ids: Sequence[str], now_ms: int) -> Places: ...
    async def early(self, sale_id: str) -> tuple[int, list[str]]: ...
    async def sales(self) -> list[str]: ...
    async def over(self, sale_id: str) -> None: ...
    async def take(
        self, sale_id: str, acts: Sequence[Sequence[tuple[str, int]]], *, window_ms: int, at_ms: int
    ) -> list[int]: ...
    async def note_hits(self, sale_id: str, hits: dict[str, int]) -> None: ...
    async def hits(self, sale_id: str) -> dict[str, int]: ...


@dataclass(frozen=True, slots=True)
class Told:
    """What a person on a waitlist is to be told: `outcome` offered or limit_reached."""

    outcome: str
    user_id: str
    sku_id: str
    qty: int


class WaitlistStore(Protocol):
    """Who waits for pieces to come back. Every method may raise `Refused("unknown_outcome")`."""

    async def join(
        self,
        sale_id: str,
        user_id: str,
        sku_id: str,
        qty: int,
        *,
        suffix: str,
        key: str,
        fingerprint: str,
        now_ms: int,
    ) -> tuple[str, int]: ...
    async def leave(self, sale_id: str, user_id: str, sku_id: str) -> bool: ...
    async def serve(
        self, sale_id: str, sku_ids: Sequence[str], now_ms: int
    ) -> tuple[dict[str, Level], bool] | None: ...
    async def offers(self, sale_id: str) -> dict[str, Told]: ...
    async def told(self, sale_id: str, suffixes: Sequence[str]) -> None: ...
    async def lengths(self, sale_id: str, sku_ids: Sequence[str]) -> dict[str, int]: ...
    async def standing(
        self, sale_id: str, user_id: str, sku_ids: Sequence[str]
    ) -> Mapping[str, tuple[int, int]]: ...
    async def sales(self) -> list[str]: ...
    async def clear(self, sale_id: str) -> None: ...

"""A room's run-sheet over its store: changed by whoever was first, each item run once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from room import run_sheet as rules
from room.errors import Unavailable
from room.run_sheet import Sheet

ATTEMPTS_MAX: Final = 20  # each lost race means that somebody else's change went through


class SheetStore(Protocol):
    """Where run-sheets outlive everything, in SQL. Raises `Unavailable` when it is silent."""

    async def load_sheet(self, room_id: str) -> Sheet | None: ...

    async def save_sheet(self, room_id: str, sheet: Sheet, *, over_rev: int, now_ms: int) -> bool:
        """False when the kept one is not of that revision any more."""
        ...


class RunSheets:
    """Use cases of run-sheets."""

    def __init__(self, store: SheetStore) -> None:
        self._store = store

    async def read(self, room_id: str) -> Sheet:
        """An empty one when nothing was planned."""
        return await self._store.load_sheet(room_id) or Sheet()

    async def change(self, room_id: str, decide: Callable[[Sheet], Sheet], now_ms: int) -> Sheet:
        """Decide on the newest and save, again when somebody was faster."""
        for _ in range(ATTEMPTS_MAX):
            sheet = await self.read(room_id)
            after = decide(sheet)
            if after is sheet or await self._store.save_sheet(
                room_id, after, over_rev=sheet.rev, now_ms=now_ms
            ):
                return after
        raise Unavailable("the run-sheet is changing too fast")

    async def begin(self, room_id: str, expect: int, *, by: str, now_ms: int) -> Sheet | None:
        """Take the item numbered `expect` in hand; None when somebody has done so before."""
        taken = False

        def decide(sheet: Sheet) -> Sheet:
            nonlocal taken
            taken = sheet.done == expect
            return rules.begin(sheet, by=by, now_ms=now_ms) if taken else sheet

        sheet = await self.change(room_id, decide, now_ms)
        return sheet if taken else None

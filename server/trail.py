"""The audit trail: every act of staff goes through here into SQL, in order and in batches.

A reply waits until its act is kept, for at most `KEPT_WITHIN_S`; when SQL is away the acts wait in
memory and staff can go on working. Which commands are acts is said in the registry.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from room.errors import Unavailable
from room.ports import RoomArchive, StaffAct
from room.shapes import User
from room.text import normalise

log = structlog.get_logger(__name__)

KEPT_WITHIN_S = 0.5  # how long a reply waits for SQL
RETRY_S = 1.0
ACTS_WAITING_MAX = 10_000  # while SQL is away; what does not fit goes to the log
ACTS_AT_ONCE_MAX = 500
DETAIL_CHARACTERS_MAX = 300  # of one text; a person reads this
DETAIL_ITEMS_MAX = 50


class StaffTrail:
    """Keeps what staff did."""

    def __init__(self, archive: RoomArchive) -> None:
        self._archive = archive
        self._waiting: deque[tuple[StaffAct, asyncio.Future[None]]] = deque()
        self._wake = asyncio.Event()

    async def note(
        self, room_id: str, actor: User, op: str, detail: Mapping[str, Any], at_ms: int
    ) -> None:
        """Keep one act that was done."""
        act = StaffAct(room_id, actor, op, shortened(detail), at_ms)
        if len(self._waiting) >= ACTS_WAITING_MAX:
            log.error("staff_act_not_kept", room_id=room_id, actor_id=actor.id, op=op)
            return
        kept = asyncio.get_running_loop().create_future()
        self._waiting.append((act, kept))
        self._wake.set()
        await asyncio.wait((kept,), timeout=KEPT_WITHIN_S)

    async def run(self) -> None:
        """Write what is noted for as long as the worker runs."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                if not await self.step():
                    await asyncio.sleep(RETRY_S)

    async def step(self) -> bool:
        """Write one batch; False when SQL did not take it and it still waits."""
        batch = [self._waiting[at] for at in range(min(ACTS_AT_ONCE_MAX, len(self._waiting)))]
        try:
            await self._archive.record_staff_acts([act for act, _ in batch])
        except Unavailable:
            log.warning("staff_acts_wait", waiting=len(self._waiting))
            return False
        for _, kept in batch:
            self._waiting.popleft()
            if not kept.done():
                kept.set_result(None)
        return True

    async def close(self) -> None:
        """Write what is left, once."""
        while self._waiting and await self.step():
            continue


def shortened(detail: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as a person will read them: without what was left out, long texts cut, and no
    character that hides or turns the line around."""
    return {name: _short(value) for name, value in detail.items() if value is not None}


def _short(value: Any) -> Any:  # noqa: ANN401 - any parameter
    plain = msgspec.to_builtins(value)
    if isinstance(plain, str):
        line = normalise(plain[: 2 * DETAIL_CHARACTERS_MAX])
        short = line[:DETAIL_CHARACTERS_MAX]
        return short if short == line else short + "…"
    if isinstance(plain, list):
        return [_short(one) for one in plain[:DETAIL_ITEMS_MAX]]
    if isinstance(plain, dict):
        return {_short(name): _short(one) for name, one in list(plain.items())[:DETAIL_ITEMS_MAX]}
    return plain

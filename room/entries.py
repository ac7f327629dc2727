"""Entering a lottery so that no receipt is ever lost: Redis counts, the journal in SQL remembers.

A receipt is told only when the journal has it. When Redis has lost its last entries, the next
entrant would get a place that somebody holds already: the journal says so, and the entries are put
back as the receipts have them. The same is looked at before anybody is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from room.errors import Refused, Unavailable
from room.fairness import chain_next, chain_start
from room.lottery import LotteryRecord
from room.ports import LotteryStore
from room.prize_ports import Entry, EntryJournal
from room.shapes import Receipt

MENDS_MAX: Final = 5  # of one batch; each means that another worker was mending too


class EntriesLost(Refused):
    """The journal has a hole: what the receipts say cannot be put together again."""

    def __init__(self) -> None:
        super().__init__("unavailable", "entries of this lottery were lost", retry_ms=1_000)


class Entries:
    """The entries of all lotteries."""

    def __init__(self, store: LotteryStore, journal: EntryJournal) -> None:
        self._store = store
        self._journal = journal

    async def enter(
        self, room_id: str, lottery_id: str, entrants: Sequence[tuple[str, str]]
    ) -> list[Receipt | None]:
        """Enter (user_id, name) in the order given; None for who came too late."""
        for _ in range(MENDS_MAX):
            receipts = await self._store.join(room_id, lottery_id, entrants)
            if await self._journal.note_entries(lottery_id, _given_out(entrants, receipts)):
                return receipts
            await self.mend(room_id, lottery_id)
        raise Unavailable("the entries of this lottery are being put back")

    async def settle(self, room_id: str, lottery_id: str) -> bool:
        """Before a draw: put back what is missing; whether anything was. Raises EntriesLost."""
        last = await self._journal.last_entry(lottery_id)
        if last is None:
            return False
        receipt = await self._store.receipt(room_id, lottery_id, last.user_id)
        if receipt == Receipt(last.index, last.running_hash):
            return False
        await self.mend(room_id, lottery_id)
        return True

    async def mend(self, room_id: str, lottery_id: str) -> None:
        """Make Redis' entries those of the journal again. Raises EntriesLost."""
        noted = await self._journal.noted_entries(lottery_id)
        if not _is_whole(lottery_id, noted):
            raise EntriesLost
        for _ in range(MENDS_MAX):
            if await self._store.mend(room_id, lottery_id, noted):
                return
        raise Unavailable("the entries of this lottery are changing too fast")

    async def restore(self, record: LotteryRecord) -> bool:
        """Begin again in a Redis that has lost an open lottery altogether, if that can be."""
        noted = await self._journal.noted_entries(record.lottery_id)
        if not _is_whole(record.lottery_id, noted):
            return False
        await self._store.create(record)
        return await self._store.mend(record.room_id, record.lottery_id, noted)

    async def forget(self, lottery_id: str) -> None:
        """After the draw: the archive has all entries."""
        await self._journal.forget_entries(lottery_id)


def _given_out(
    entrants: Sequence[tuple[str, str]], receipts: Sequence[Receipt | None]
) -> list[Entry]:
    given = {
        receipt.index: Entry(receipt.index, user_id, name, receipt.running_hash)
        for (user_id, name), receipt in zip(entrants, receipts, strict=True)
        if receipt is not None
    }
    return list(given.values())


def _is_whole(lottery_id: str, noted: Sequence[Entry]) -> bool:
    """Whether the entries follow on each other from the first, as their hashes say."""
    running = chain_start(lottery_id)
    for index, entry in enumerate(noted):
        running = chain_next(running, entry.user_id)
        if entry.index != index or entry.running_hash != running:
            return False
    return True

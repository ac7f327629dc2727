"""The journal's way into SQL: every change a script made becomes rows, once, in order.

The cursor lives in SQL and moves in the same transaction as the rows (compare-and-set), so there
is nothing to acknowledge separately: what the cursor has passed is committed, and only that is
trimmed. Two consumers, a crash anywhere, a repeated batch: each entry still counts once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from flash_sale.errors import Refused
from flash_sale.ports import Entry, JournalLedger, Progress, SaleLedger, StockStore

BATCH_ENTRIES_MAX = 1000  # one SQL transaction
POISON_TRIES_MAX = 3  # then the entry is parked and the others flow
POISON_REMEMBERED_MAX = 1000

log = logging.getLogger(__name__)


class JournalConsumer:
    def __init__(self, stock: StockStore, sales: SaleLedger, journal: JournalLedger) -> None:
        self._stock = stock
        self._sales = sales
        self._journal = journal
        self._tries: dict[tuple[str, int], int] = {}
        self._refused = ""  # the sale whose move failed in the last step

    async def step(self) -> int:
        """Move at most one batch of each open sale; the number of entries moved.

        Refused unknown_outcome or unavailable: a store is away, come back later.
        """
        if not await self._behind(await self._sales.open_sales_lately()):
            return 0
        behind = await self._behind(await self._sales.open_sales())
        behind.sort(key=lambda progress: progress.sale.sale_id == self._refused)  # it goes last
        moved = 0
        for progress in behind:
            self._refused = progress.sale.sale_id
            moved += await self.move(progress)
        self._refused = ""
        return moved

    async def _behind(self, open_sales: Sequence[Progress]) -> list[Progress]:
        """Those of which there is more in the journal than in SQL."""
        if not open_sales:
            return []
        footings = await self._stock.footings([progress.sale.sale_id for progress in open_sales])
        found = []
        for progress in open_sales:
            footing = footings.get(progress.sale.sale_id)
            if footing is None or footing.generation != progress.sale.generation:
                continue  # recovery's business, or its server is away
            if footing.journal_seq > progress.consumed:
                found.append(progress)
        return found

    async def move(self, progress: Progress) -> int:
        """Move one batch of one sale."""
        sale_id = progress.sale.sale_id
        entries = await self._stock.entries_after(sale_id, progress.consumed, BATCH_ENTRIES_MAX)
        if not entries:
            return 0
        if entries[0].seq != progress.consumed + 1:
            log.error("journal of %s lacks entries before %d", sale_id, entries[0].seq)
        try:
            done = await self._journal.apply(progress.sale, progress.consumed, entries)
            moved = len(entries) if done else 0
        except Refused:
            raise
        except Exception:  # one entry is bad: find it
            moved = await self._move_singly(progress, entries)
        if moved:
            await self._stock.trim(sale_id, entries[moved - 1].seq)
        return moved

    async def _move_singly(self, progress: Progress, entries: list[Entry]) -> int:
        cursor, moved = progress.consumed, 0
        for entry in entries:
            try:
                done = await self._journal.apply(progress.sale, cursor, [entry])
            except Refused:
                raise
            except Exception as error:
                if not self._hopeless(progress, entry):
                    return moved
                log.error("parked %s %d: %s", progress.sale.sale_id, entry.seq, error)
                done = await self._journal.park(progress.sale, cursor, entry, repr(error))
            if not done:
                return moved
            cursor, moved = entry.seq, moved + 1
        return moved

    def _hopeless(self, progress: Progress, entry: Entry) -> bool:
        which = (progress.sale.sale_id, entry.seq)
        if len(self._tries) >= POISON_REMEMBERED_MAX:
            self._tries.clear()
        self._tries[which] = self._tries.get(which, 0) + 1
        return self._tries[which] >= POISON_TRIES_MAX

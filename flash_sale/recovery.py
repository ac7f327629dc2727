"""When Redis lost data: find the sales that went back in time, fence them, rebuild them from SQL.

A plain crash with an intact log loses nothing and changes nothing here. Lost is a sale that is
missing, of an older generation, or whose journal ends before what SQL has seen of it. It is fenced
(buyers hear `unknown_outcome`), laid down anew as the next generation from SQL's sums, its holds,
payments and stored answers put back, then opened.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from flash_sale.channels import Cell
from flash_sale.errors import Refused, unknown_outcome
from flash_sale.journal import JournalConsumer
from flash_sale.ports import Footing, Hooks, Progress, SaleLedger, StockStore, StockSums
from flash_sale.sale import Sale, first_version

PAGE_RESERVATIONS_MAX = 500  # one load script
DRAIN_BATCHES_MAX = 1000
MISSING = Footing(generation=0, fenced=True, journal_seq=0)  # of a sale Redis does not know

log = logging.getLogger(__name__)


class Recovery:
    def __init__(
        self, stock: StockStore, sales: SaleLedger, consumer: JournalConsumer, hooks: Hooks
    ) -> None:
        self._stock = stock
        self._sales = sales
        self._consumer = consumer
        self._hooks = hooks

    async def step(self) -> int:
        """Rebuild every open sale that needs it; how many. Cheap when none does."""
        open_sales = await self._sales.open_sales()  # before Redis is read: SQL must not be newer
        footings = await self._stock.footings([progress.sale.sale_id for progress in open_sales])
        rebuilt = 0
        for progress in open_sales:
            footing = footings.get(progress.sale.sale_id, MISSING)
            if footing is not None and (footing.fenced or is_behind(progress, footing)):
                rebuilt += await self._rebuild(progress, None if footing is MISSING else footing)
        return rebuilt

    async def fence_lost(self, lives_there: Callable[[str], bool] = lambda _: True) -> None:
        """Fence every sale that went back in time. Must be done before any script is loaded.

        `lives_there` tells of which sales: of a cluster, those of the node that began anew.

        Whoever is still writing to SQL what it read from the Redis of before comes too late from
        here on: else SQL could learn of it after this look, and the sale's journal would fork.
        """
        await self._sales.next_life()
        open_sales = [
            one for one in await self._sales.open_sales() if lives_there(one.sale.sale_id)
        ]
        footings = await self._stock.footings([progress.sale.sale_id for progress in open_sales])
        for progress in open_sales:
            footing = footings.get(progress.sale.sale_id, MISSING)
            if footing is None:
                raise unknown_outcome()  # it could be just the one that went back
            if footing is not MISSING and is_behind(progress, footing):
                log.error("%s went back in time: fenced", progress.sale.sale_id)
                await self._stock.fence(progress.sale.sale_id)

    async def _rebuild(self, progress: Progress, footing: Footing | None) -> int:
        sale = progress.sale
        if footing is not None:
            await self._stock.fence(sale.sale_id)
            if footing.generation == sale.generation:
                progress = await self._drain(progress)
        elif not await self._stock.claim(
            sale.sale_id, generation=sale.generation, seq=progress.seen
        ):
            return 0  # it is being created just now
        if not await self._sales.next_generation(sale.sale_id, sale.generation, progress.seen):
            return 0  # somebody else is at it
        fresh = await self._sales.progress(sale.sale_id)
        if fresh is None:
            return 0
        counters = counters_from(fresh.sale, await self._sales.stock_sums(sale.sale_id))
        begun = await self._stock.begin(fresh.sale, counters, seq=fresh.seen, fenced="1")
        if not begun or not await self._load(fresh.sale):
            return 0
        if not await self._stock.unfence(sale.sale_id, generation=fresh.sale.generation):
            return 0
        log.warning("%s rebuilt as generation %d", sale.sale_id, fresh.sale.generation)
        levels = (await self._stock.levels([sale.sale_id])).get(sale.sale_id, {})
        self._hooks.on_stock(sale.sale_id, sale.room_id, levels)
        return 1

    async def _drain(self, progress: Progress) -> Progress:
        """What is still in the journal is not lost, whatever came after it: move it to SQL.

        A batch that others have moved, or that a newer life of Redis made invalid, is tried again.
        """
        sale_id = progress.sale.sale_id
        for _ in range(DRAIN_BATCHES_MAX):
            if not await self._stock.entries_after(sale_id, progress.consumed, 1):
                return progress
            await self._consumer.move(progress)
            progress = await self._sales.progress(sale_id) or progress
        raise unknown_outcome()  # nothing is laid over entries that SQL has not taken

    async def _load(self, sale: Sale) -> bool:
        suffix = ""
        while True:
            page = await self._sales.reservations_after(sale.sale_id, suffix, PAGE_RESERVATIONS_MAX)
            if not page:
                return True
            if not await self._stock.load(sale.sale_id, sale.generation, page):
                return False
            suffix = page[-1][0].suffix


def is_behind(progress: Progress, footing: Footing) -> bool:
    """Whether SQL knows something of the sale that its data in Redis does not."""
    return footing.generation < progress.sale.generation or footing.journal_seq < progress.seen


def counters_from(sale: Sale, sums: dict[Cell, StockSums]) -> dict[Cell, dict[str, int]]:
    """The counters of a generation that begins where SQL stands.

    Refused conflict when SQL itself has sold more than there is: a person must look at that.
    """
    version = first_version(sale.number, sale.generation)
    counters = {}
    for cell, pieces in sums.items():
        total = pieces.initial + pieces.restocked - pieces.written_off + pieces.transferred
        available = total - pieces.held - pieces.sold
        if available < 0:
            raise Refused("conflict", f"SQL has sold {-available} of {cell.sku_id} too many.")
        counters[cell] = {
            "i": pieces.initial,
            "r": pieces.restocked,
            "w": pieces.written_off,
            "t": pieces.transferred,
            "a": available,
            "h": pieces.held,
            "s": pieces.sold,
            "v": version,
        }
    return counters

"""Which sale is meant: by id or by number, remembered, so that hot paths do not ask SQL.

Only what never changes may be read from a remembered sale: number, room, SKUs, prices, deadlines,
currency. Its stage, window and generation may be old.
"""

from __future__ import annotations

from flash_sale.ports import SaleLedger
from flash_sale.sale import Sale

REMEMBERED_SALES_MAX = 10_000  # about 2 KB each; past it the oldest is forgotten


class SaleDirectory:
    def __init__(self, ledger: SaleLedger) -> None:
        self._ledger = ledger
        self._by_id: dict[str, Sale] = {}
        self._ids: dict[int, str] = {}

    async def find(self, sale_id: str) -> Sale | None:
        sale = self._by_id.get(sale_id)
        if sale is None:
            sale = await self._ledger.sale(sale_id)
            if sale is not None:
                self.remember(sale)
        return sale

    async def find_number(self, number: int) -> Sale | None:
        sale_id = self._ids.get(number)
        if sale_id is not None:
            return await self.find(sale_id)
        sale = await self._ledger.sale_by_number(number)
        if sale is not None:
            self.remember(sale)
        return sale

    async def again(self, sale_id: str) -> Sale | None:
        """As `find`, but as it is now: for what may have changed."""
        sale = await self._ledger.sale(sale_id)
        if sale is not None:
            self.remember(sale)
        return sale

    def remember(self, sale: Sale) -> None:
        if sale.sale_id not in self._by_id and len(self._by_id) >= REMEMBERED_SALES_MAX:
            oldest = self._by_id.pop(next(iter(self._by_id)))
            self._ids.pop(oldest.number, None)
        self._by_id[sale.sale_id] = sale
        self._ids[sale.number] = sale.sale_id

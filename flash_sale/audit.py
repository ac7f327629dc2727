"""The live audit: are the counters what the reservations say? Reads only, believes no counter."""

from __future__ import annotations

import asyncio
from collections import Counter

from flash_sale.errors import not_found
from flash_sale.orders import ReservationState
from flash_sale.ports import SaleLedger, Snapshot, StockStore
from flash_sale.sale import Sale

RECORDS_PER_TURN = 1000  # then others get the event loop
PROBLEMS_MAX = 50


class Auditor:
    def __init__(self, stock: StockStore, sales: SaleLedger) -> None:
        self._stock = stock
        self._sales = sales

    async def audit_room(self, room_id: str) -> dict[str, object]:
        """Every sale of the room that is still in the stock store."""
        sales = [sale for sale in await self._sales.sales_of_room(room_id) if not sale.retired]
        audits = [await self._audit(sale) for sale in sales]
        return {"balanced": all(audit["balanced"] for audit in audits), "sales": audits}

    async def audit_sale(self, sale_id: str) -> dict[str, object]:
        sale = await self._sales.sale(sale_id)
        if sale is None:
            raise not_found("sale")
        return await self._audit(sale)

    async def _audit(self, sale: Sale) -> dict[str, object]:
        snapshot = await self._stock.snapshot(sale.sale_id)
        if snapshot is None:
            text = "the stock store has no data of this sale"
            return {"sale_id": sale.sale_id, "balanced": False, "skus": [], "problems": [text]}
        tally = await _tally(snapshot)
        problems = tally.disagreements(snapshot)
        skus = [_audit_sku(sale, sku.sku_id, snapshot, tally, problems) for sku in sale.skus]
        return {
            "sale_id": sale.sale_id,
            "balanced": not problems,
            "skus": skus,
            "problems": problems[:PROBLEMS_MAX],
        }


class _Tally:
    """Sums over the reservation records of one moment."""

    def __init__(self) -> None:
        self.held: Counter[str] = Counter()
        self.sold: Counter[str] = Counter()
        self.persons: Counter[str] = Counter()
        self.holds = 0

    def disagreements(self, snapshot: Snapshot) -> list[str]:
        problems = []
        if self.holds != snapshot.holds:
            problems.append(f"{self.holds} holds by the records, {snapshot.holds} deadlines")
        counts = {field: count for field, count in snapshot.counts.items() if count}
        if counts != dict(self.persons):
            wrong = {f for f in counts | self.persons if counts.get(f, 0) != self.persons[f]}
            problems.append(f"{len(wrong)} counts per person differ from the records")
        return problems


async def _tally(snapshot: Snapshot) -> _Tally:
    tally = _Tally()
    for done, reservation in enumerate(snapshot.reservations):
        if done % RECORDS_PER_TURN == RECORDS_PER_TURN - 1:
            await asyncio.sleep(0)
        held = reservation.state is ReservationState.HELD
        if not held and reservation.state is not ReservationState.PAID:
            continue
        tally.holds += held
        for line in reservation.lines:
            (tally.held if held else tally.sold)[line.sku_id] += line.qty
            tally.persons[f"{reservation.user_id}:{line.sku_id}"] += line.qty
    return tally


def _audit_sku(
    sale: Sale, sku_id: str, snapshot: Snapshot, tally: _Tally, problems: list[str]
) -> dict[str, object]:
    row = snapshot.counters.get(sku_id, {})
    initial, restocked, written_off = row.get("i", 0), row.get("r", 0), row.get("w", 0)
    available, held, sold = row.get("a", -1), tally.held[sku_id], tally.sold[sku_id]
    spec = sale.sku(sku_id)
    found = {
        "held counter": row.get("h") == held,
        "sold counter": row.get("s") == sold,
        "initial stock": spec is not None and spec.stock == initial,
        "available below zero": available >= 0,
        "conservation": initial + restocked - written_off == available + held + sold,
    }
    wrong = [what for what, right in found.items() if not right]
    problems.extend(f"{sku_id}: {what}" for what in wrong)
    return {
        "sku_id": sku_id,
        "initial": initial,
        "restocked": restocked,
        "written_off": written_off,
        "available": available,
        "held": held,
        "sold": sold,
        "balanced": not wrong,
    }

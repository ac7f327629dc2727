"""The live audit: are the counters what the reservations say? Reads only, believes no counter.

Everything it judges is of one moment (one transaction of the stock store), so it balances at every
instant of a sale. Only while a sale is laid down or rebuilt is there nothing to judge: it waits.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from flash_sale.channels import Cell
from flash_sale.errors import UNKNOWN_RETRY_MS, Refused, not_found
from flash_sale.orders import ReservationState
from flash_sale.ports import SaleLedger, Snapshot, StockStore
from flash_sale.sale import Sale

RECORDS_PER_TURN = 1000  # then others get the event loop
PROBLEMS_MAX = 50
SETTLING_TRIES = 40  # so often a sale without settled stock is looked at again
SETTLING_PAUSE_S = 0.05
WATCHED_RECORDS_MAX = 5_000  # a sale with more is watched by its counters alone
COLUMNS = {  # of a row, by the counter's letter
    "initial": "i",
    "restocked": "r",
    "written_off": "w",
    "transferred": "t",
    "available": "a",
}


class Auditor:
    def __init__(self, stock: StockStore, sales: SaleLedger) -> None:
        self._stock = stock
        self._sales = sales

    async def audit_room(self, room_id: str) -> dict[str, object]:
        """Every sale of the room that is still in the stock store."""
        sales = [sale for sale in await self._sales.sales_of_room(room_id) if not sale.retired]
        audits = [audit for sale in sales if (audit := await self._audit(sale)) is not None]
        return {"balanced": all(audit["balanced"] for audit in audits), "sales": audits}

    async def audit_sale(self, sale_id: str) -> dict[str, object]:
        sale = await self._sales.sale(sale_id)
        audit = None if sale is None else await self._audit(sale)
        if audit is None:
            raise not_found("sale")
        return audit

    async def watch(self) -> dict[str, int]:
        """How many cells or records of each open sale are wrong, cheaply enough for every few
        seconds: large sales by their counters alone, sales being rebuilt not at all."""
        found = {}
        for progress in await self._sales.open_sales():
            sale = progress.sale
            snapshot = await self._stock.snapshot(sale.sale_id, records_max=WATCHED_RECORDS_MAX)
            if snapshot is not None and not snapshot.fenced:
                found[sale.sale_id] = len((await judge(sale, snapshot))["problems"])  # type: ignore[arg-type]
        return found

    async def _audit(self, sale: Sale) -> dict[str, object] | None:
        """None when the sale has left the stock store for good meanwhile.

        Refused unavailable while it is laid down or rebuilt: nothing is wrong that could be told.
        """
        for _ in range(SETTLING_TRIES):
            snapshot = await self._stock.snapshot(sale.sale_id)
            if snapshot is not None:
                found = await judge(sale, snapshot)
                if found["balanced"] or not snapshot.fenced:
                    return found
            again = await self._sales.sale(sale.sale_id)
            if again is None or again.retired:
                return None
            await asyncio.sleep(SETTLING_PAUSE_S)
        raise Refused("unavailable", "The stock is being laid down; ask again.", UNKNOWN_RETRY_MS)


async def judge(sale: Sale, snapshot: Snapshot) -> dict[str, object]:
    """One sale at one moment. Without records the counters are only held against each other."""
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
        self.held: Counter[Cell] = Counter()
        self.sold: Counter[Cell] = Counter()
        self.persons: Counter[str] = Counter()
        self.holds = 0

    def disagreements(self, snapshot: Snapshot) -> list[str]:
        problems = []
        if self.holds != snapshot.holds:
            problems.append(f"{self.holds} holds by the records, {snapshot.holds} deadlines")
        counts = {field: count for field, count in snapshot.counts.items() if count}
        if counts != {field: count for field, count in self.persons.items() if count}:
            wrong = {f for f in counts | self.persons if counts.get(f, 0) != self.persons[f]}
            problems.append(f"{len(wrong)} counts per person differ from the records")
        return problems


async def _tally(snapshot: Snapshot) -> _Tally:
    tally = _Tally()
    if snapshot.reservations is None:
        for cell, row in snapshot.counters.items():
            tally.held[cell], tally.sold[cell] = row.get("h", 0), row.get("s", 0)
        return tally
    for done, reservation in enumerate(snapshot.reservations):
        if done % RECORDS_PER_TURN == RECORDS_PER_TURN - 1:
            await asyncio.sleep(0)
        held = reservation.state is ReservationState.HELD
        if not held and reservation.state is not ReservationState.PAID:
            continue
        tally.holds += held
        for line in reservation.lines:
            cell = Cell(line.sku_id, reservation.channel)
            (tally.held if held else tally.sold)[cell] += line.qty
            tally.persons[f"{reservation.user_id}:{line.sku_id}"] += line.qty
        for sku_id, qty in reservation.returned:
            tally.persons[f"{reservation.user_id}:{sku_id}"] -= qty
    return tally


def _audit_sku(
    sale: Sale, sku_id: str, snapshot: Snapshot, tally: _Tally, problems: list[str]
) -> dict[str, object]:
    """Each channel by itself (I1, I2), then all together: transfers must cancel out."""
    cells = sorted(cell for cell in snapshot.counters if cell.sku_id == sku_id)
    rows = {cell.channel: _audit_cell(sale, cell, snapshot, tally, problems) for cell in cells}
    total = {name: sum(row[name] for row in rows.values()) for name in (*COLUMNS, "held", "sold")}
    spec = sale.sku(sku_id)
    found = {
        "no counters": not rows,
        "initial stock": spec is None or spec.stock != total["initial"],
        "transfers do not cancel out": total.pop("transferred") != 0,
        "conservation": _supply(total) != total["available"] + total["held"] + total["sold"],
    }
    wrong = [what for what, is_so in found.items() if is_so]
    problems.extend(f"{sku_id}: {what}" for what in wrong)
    balanced = not wrong and all(row["balanced"] for row in rows.values())
    return {"sku_id": sku_id, **total, "balanced": balanced, "channels": rows}


def _audit_cell(
    sale: Sale, cell: Cell, snapshot: Snapshot, tally: _Tally, problems: list[str]
) -> dict[str, int]:
    row = snapshot.counters[cell]
    counts = {name: row.get(letter, 0) for name, letter in COLUMNS.items()}
    counts |= {"held": tally.held[cell], "sold": tally.sold[cell]}
    spec = sale.sku(cell.sku_id)
    first = spec.shares.get(cell.channel, 0) if spec is not None else -1
    taken = counts["available"] + counts["held"] + counts["sold"]
    found = {
        "held counter": row.get("h") != counts["held"],
        "sold counter": row.get("s") != counts["sold"],
        "initial share": first != counts["initial"],
        "available below zero": counts["available"] < 0,
        "conservation": _supply(counts) + counts["transferred"] != taken,
    }
    wrong = [what for what, is_so in found.items() if is_so]
    problems.extend(f"{cell.sku_id} in {cell.channel}: {what}" for what in wrong)
    return {**counts, "balanced": not wrong}


def _supply(counts: dict[str, int]) -> int:
    return counts["initial"] + counts["restocked"] - counts["written_off"]

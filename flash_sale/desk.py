"""The staff's desk: create a sale, move it through its stages, add and remove stock, see phases."""

from __future__ import annotations

from collections.abc import Callable

from flash_sale.directory import SaleDirectory
from flash_sale.errors import Refused, not_found, unknown_outcome
from flash_sale.ports import Hooks, SaleLedger, StockStore
from flash_sale.sale import COUNTDOWN_S_MAX, Level, Phase, Sale, SaleSpec, first_version
from flash_sale.sale import STOCK_UNITS_MAX as ADJUST_QTY_MAX

REASON_CHARS_MAX = 200
KEY_RANDOM_BYTES = 12


class SaleDesk:
    def __init__(
        self,
        stock: StockStore,
        ledger: SaleLedger,
        directory: SaleDirectory,
        hooks: Hooks,
        new_token: Callable[[int], str],
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        self._stock = stock
        self._ledger = ledger
        self._directory = directory
        self._hooks = hooks
        self._new_token = new_token
        self._now_ms = now_ms

    async def create(self, spec: SaleSpec, room_id: str, now_ms: int) -> Sale:
        """Store the sale in SQL, then lay its stock down in Redis.

        Refused: bad_request, conflict (the id is taken). After `unknown_outcome` the sale exists;
        recovery lays its stock down as soon as Redis answers.
        """
        spec.check()
        sale = await self._ledger.add_sale(spec, room_id, now_ms)
        self._directory.remember(sale)
        await self._stock.begin(sale, first_counters(sale), seq=0, fenced="0")
        if spec.start == "now":
            sale = await self.start(sale.sale_id)
        return sale

    async def preheat(self, sale_id: str) -> Sale:
        return await self._change_stage(sale_id, "preheat")

    async def start(self, sale_id: str, countdown_s: int = 0) -> Sale:
        """Open the window `countdown_s` from now by Redis' clock. Refused: conflict when begun."""
        if type(countdown_s) is not int or not 0 <= countdown_s <= COUNTDOWN_S_MAX:
            raise Refused("bad_request", f"A countdown is 0 to {COUNTDOWN_S_MAX} seconds.")
        return await self._change_stage(sale_id, "start", countdown_ms=countdown_s * 1000)

    async def stop(self, sale_id: str) -> Sale:
        """End selling now. Holds keep their deadlines and can still be paid."""
        return await self._change_stage(sale_id, "stop")

    async def get(self, sale_id: str) -> Sale | None:
        return await self._ledger.sale(sale_id)

    async def for_room(self, room_id: str) -> list[Sale]:
        return await self._ledger.sales_of_room(room_id)

    async def levels(self, sale_id: str) -> dict[str, Level]:
        """What is left of each SKU; empty while the stock store does not have the sale."""
        return (await self._stock.levels([sale_id])).get(sale_id, {})

    async def restock(
        self,
        sale_id: str,
        sku_id: str,
        qty: int,
        *,
        actor: str,
        reason: str = "",
        key: str | None = None,
    ) -> Level:
        """Add pieces. With a `key` a repeat answers as the first time and adds nothing."""
        return await self._adjust("restock", sale_id, sku_id, qty, actor, reason, key)

    async def write_off(
        self,
        sale_id: str,
        sku_id: str,
        qty: int,
        *,
        actor: str,
        reason: str = "",
        key: str | None = None,
    ) -> Level:
        """Take unsold pieces out. Refused: conflict when fewer are available."""
        return await self._adjust("write_off", sale_id, sku_id, qty, actor, reason, key)

    async def now_ms(self) -> int:
        """The clock that decides windows: Redis'."""
        return self._now_ms() if self._now_ms is not None else await self._stock.now_ms()

    async def due(self, now_ms: int | None = None) -> list[tuple[Sale, Phase, dict[str, Level]]]:
        """Open sales whose phase is not the announced one, with what is left of each SKU."""
        open_sales = [progress.sale for progress in await self._ledger.open_sales()]
        if not open_sales:
            return []
        at_ms = await self.now_ms() if now_ms is None else now_ms
        levels = await self._stock.levels([sale.sale_id for sale in open_sales])
        found = []
        for sale in open_sales:
            if sale.sale_id in levels:
                phase = sale.phase(at_ms, levels[sale.sale_id])
                if phase is not sale.announced:
                    found.append((sale, phase, levels[sale.sale_id]))
        return found

    async def announced(self, sale_id: str, phase: Phase) -> None:
        """Note that the room was told; `due` is quiet until the phase changes again."""
        await self._ledger.set_announced(sale_id, phase)

    async def _change_stage(self, sale_id: str, act: str, *, countdown_ms: int = 0) -> Sale:
        sale = await self._known(sale_id)
        change = await self._stock.change_stage(
            sale_id,
            act,
            countdown_ms=countdown_ms,
            duration_ms=sale.duration_s * 1000,
            now_ms=self._script_ms(),
        )
        await self._ledger.set_stage(sale_id, change)
        changed = await self._ledger.sale(sale_id)
        if changed is None:
            raise unknown_outcome()
        return changed

    async def _adjust(
        self,
        kind: str,
        sale_id: str,
        sku_id: str,
        qty: int,
        actor: str,
        reason: str,
        key: str | None,
    ) -> Level:
        if type(qty) is not int or not 1 <= qty <= ADJUST_QTY_MAX:
            raise Refused("bad_request", f"A quantity is 1 to {ADJUST_QTY_MAX}.")
        sale = await self._known(sale_id)
        level = await self._stock.adjust(
            sale_id,
            kind,
            sku_id,
            qty,
            key=key or self._new_token(KEY_RANDOM_BYTES),
            actor=actor,
            reason=reason[:REASON_CHARS_MAX],
            now_ms=self._script_ms(),
        )
        self._hooks.on_stock(sale_id, sale.room_id, {sku_id: level})
        return level

    async def _known(self, sale_id: str) -> Sale:
        sale = await self._directory.find(sale_id)
        if sale is None:
            raise not_found("sale")
        return sale

    def _script_ms(self) -> int:
        return self._now_ms() if self._now_ms is not None else 0


def first_counters(sale: Sale) -> dict[str, dict[str, int]]:
    """The counters of a sale nobody has bought from."""
    version = first_version(sale.number, sale.generation)
    return {
        sku.sku_id: {
            "i": sku.stock,
            "r": 0,
            "w": 0,
            "a": sku.stock,
            "h": 0,
            "s": 0,
            "v": version,
        }
        for sku in sale.skus
    }

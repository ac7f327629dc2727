"""The staff's desk: create a sale, move it through its stages, add and remove stock, see phases."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flash_sale.channels import LIVE, Cell, is_channel
from flash_sale.directory import SaleDirectory
from flash_sale.errors import Refused, not_found, unknown_outcome
from flash_sale.ports import Hooks, Progress, SaleLedger, StockStore, Transfer
from flash_sale.sale import COUNTDOWN_S_MAX, Level, Phase, Sale, SaleSpec, Stage, first_version
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

        Refused: bad_request, conflict (the id is taken by another sale). After `unknown_outcome`
        the sale exists; recovery lays its stock down as soon as Redis answers. Asked again, the
        same sale is answered once its stock is there.
        """
        spec.check()
        try:
            sale = await self._ledger.add_sale(spec, room_id, now_ms)
        except Refused as refusal:
            sale = await self._as_made(spec, room_id, refusal)
        else:
            self._directory.remember(sale)
            await self._stock.begin(sale, first_counters(sale), seq=0, fenced="0")
        if spec.start == "now" and sale.stage is Stage.DRAFT:
            sale = await self._start_once(sale)
        return sale

    async def _as_made(self, spec: SaleSpec, room_id: str, refusal: Refused) -> Sale:
        """The sale that an earlier asking made. Its stock is not laid down here: where it is
        missing, Redis may have lost a sale that has sold, and only recovery can tell."""
        made = await self._ledger.sale(spec.sale_id)
        if made is None or not made.is_made_by(spec, room_id):
            raise refusal
        if not await self.levels(spec.sale_id):
            raise unknown_outcome()
        return made

    async def _start_once(self, sale: Sale) -> Sale:
        try:
            return await self.start(sale.sale_id)
        except Refused as refusal:
            if refusal.code != "conflict":
                raise
            return sale  # an earlier asking began it, and SQL hears of that in a moment

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

    async def pause(self, sale_id: str) -> Sale:
        """Refuse new buys at once; window, holds and payments go on. A repeat changes nothing."""
        return await self._change_stage(sale_id, "pause")

    async def resume(self, sale_id: str) -> Sale:
        return await self._change_stage(sale_id, "resume")

    async def get(self, sale_id: str) -> Sale | None:
        return await self._ledger.sale(sale_id)

    async def for_room(self, room_id: str) -> list[Sale]:
        return await self._ledger.sales_of_room(room_id)

    async def levels_of(self, sale_ids: Sequence[str]) -> dict[str, dict[str, Level]]:
        """Of several sales in one call; those that are not known, or whose server is away, are
        left out."""
        return await self._stock.levels(sale_ids)

    async def levels(self, sale_id: str) -> dict[str, Level]:
        """What the live channel has left of each SKU; empty while the store lacks the sale."""
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
        channel: str = LIVE,
    ) -> Level:
        """Add pieces to a channel, a new one if need be.

        With a `key` a repeat answers as the first time and adds nothing.
        """
        return await self._adjust("restock", sale_id, sku_id, qty, actor, reason, key, channel)

    async def write_off(
        self,
        sale_id: str,
        sku_id: str,
        qty: int,
        *,
        actor: str,
        reason: str = "",
        key: str | None = None,
        channel: str = LIVE,
    ) -> Level:
        """Take unsold pieces out. Refused: conflict when fewer are available."""
        return await self._adjust("write_off", sale_id, sku_id, qty, actor, reason, key, channel)

    async def transfer(
        self,
        sale_id: str,
        sku_id: str,
        qty: int,
        *,
        from_channel: str,
        to_channel: str,
        actor: str,
        reason: str = "",
        key: str | None = None,
    ) -> tuple[Level, Level]:
        """Move unsold pieces between channels; the levels of both. A repeated `key` moves nothing.

        Refused: bad_request, not_found, conflict (fewer available, or too many channels).
        """
        _check_adjustment(qty, from_channel, to_channel)
        sale = await self._known(sale_id)
        ask = Transfer(
            sku_id=sku_id,
            qty=qty,
            from_channel=from_channel,
            to_channel=to_channel,
            key=key or self._new_token(KEY_RANDOM_BYTES),
            actor=actor,
            reason=reason[:REASON_CHARS_MAX],
        )
        giver, taker = await self._stock.transfer(sale_id, ask, self._script_ms())
        live = {from_channel: giver, to_channel: taker}.get(LIVE)
        if live is not None:
            aside = qty if from_channel == LIVE else 0
            self._hooks.on_stock(sale_id, sale.room_id, {sku_id: live}, aside)
        return giver, taker

    async def now_ms(self) -> int:
        """The clock that decides windows: Redis'."""
        return self._now_ms() if self._now_ms is not None else await self._stock.now_ms()

    async def due(self, now_ms: int | None = None) -> list[tuple[Sale, Phase, dict[str, Level]]]:
        """Open sales with a phase, a pause or a window not announced, with their levels."""
        if not await self._due(await self._ledger.open_sales_lately(), now_ms):
            return []
        return await self._due(await self._ledger.open_sales(), now_ms)

    async def _due(
        self, progress: Sequence[Progress], now_ms: int | None
    ) -> list[tuple[Sale, Phase, dict[str, Level]]]:
        open_sales = [each.sale for each in progress]
        if not open_sales:
            return []
        at_ms = await self.now_ms() if now_ms is None else now_ms
        levels = await self._stock.levels([sale.sale_id for sale in open_sales])
        found = []
        for sale in open_sales:
            if sale.sale_id in levels:
                phase = sale.phase(at_ms, levels[sale.sale_id])
                if phase is not sale.announced or sale.rev > sale.announced_rev:
                    found.append((sale, phase, levels[sale.sale_id]))
        return found

    async def announced(self, sale: Sale, phase: Phase) -> None:
        """Note that the room was told of `sale`; `due` is quiet until something changes again."""
        await self._ledger.set_announced(sale.sale_id, phase, sale.rev)

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
        channel: str,
    ) -> Level:
        _check_adjustment(qty, channel)
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
            channel=channel,
        )
        if channel == LIVE:
            aside = qty if kind == "write_off" else 0
            self._hooks.on_stock(sale_id, sale.room_id, {sku_id: level}, aside)
        return level

    async def _known(self, sale_id: str) -> Sale:
        sale = await self._directory.find(sale_id)
        if sale is None:
            raise not_found("sale")
        return sale

    def _script_ms(self) -> int:
        return self._now_ms() if self._now_ms is not None else 0


def first_counters(sale: Sale) -> dict[Cell, dict[str, int]]:
    """The counters of a sale nobody has bought from."""
    version = first_version(sale.number, sale.generation)
    none = {"r": 0, "w": 0, "t": 0, "h": 0, "s": 0, "v": version}
    return {
        Cell(sku.sku_id, channel): {"i": pieces, "a": pieces, **none}
        for sku in sale.skus
        for channel, pieces in sku.shares.items()
    }


def _check_adjustment(qty: object, *channels: object) -> None:
    if type(qty) is not int or not 1 <= qty <= ADJUST_QTY_MAX:
        raise Refused("bad_request", f"A quantity is 1 to {ADJUST_QTY_MAX}.")
    if not all(is_channel(channel) for channel in channels):
        raise Refused("bad_request", "Not the name of a channel.")

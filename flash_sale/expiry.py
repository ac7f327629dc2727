"""Time running out: unpaid holds go back to stock, sales long over leave Redis."""

from __future__ import annotations

from collections.abc import Callable

from flash_sale.errors import Refused
from flash_sale.orders import order_of, suffix_of
from flash_sale.ports import Hooks, PaymentLedger, Progress, SaleLedger, StockStore
from flash_sale.sale import Phase, Sale
from flash_sale.settlement import Settler

BATCH_HOLDS_MAX = 256  # one release script
BATCHES_PER_STEP_MAX = 20  # per sale; the rest waits for the next step
RETIRE_AFTER_MS = 25 * 3_600_000  # answers must be repeatable for 24 h after the last buy


class Sweeper:
    def __init__(
        self,
        stock: StockStore,
        sales: SaleLedger,
        payments: PaymentLedger,
        settler: Settler,
        hooks: Hooks,
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        self._stock = stock
        self._sales = sales
        self._payments = payments
        self._settler = settler
        self._hooks = hooks
        self._now_ms = now_ms

    async def step(self, now_ms: int | None = None) -> int:
        """Release overdue holds; how many. Deadlines are judged by Redis' clock, not `now_ms`.

        A payment still open is asked about and closed at its provider first; money that is there
        wins over the deadline.
        """
        at_ms = self._now_ms() if self._now_ms is not None else await self._stock.now_ms()
        released, trouble = 0, None
        for progress in await self._sales.open_sales_lately():
            try:
                released += await self._sweep(progress.sale, at_ms)
            except Refused as refused:  # one node of a cluster may be away: go on with the rest
                trouble = refused
        if trouble is not None and not released:
            raise trouble
        return released

    async def _sweep(self, sale: Sale, at_ms: int) -> int:
        released = 0
        for _ in range(BATCHES_PER_STEP_MAX):
            due = await self._stock.due_holds(sale.sale_id, at_ms, BATCH_HOLDS_MAX)
            done = await self._expire(sale, due, at_ms) if due else 0
            released += done
            if done == 0:
                break  # nothing is due, or what is left waits for its provider
        return released

    async def retire(self) -> int:
        """Drop from Redis what ended more than a day ago and is complete in SQL; how many."""
        at_ms = self._now_ms() if self._now_ms is not None else await self._stock.now_ms()
        retired = 0
        for progress in await self._sales.open_sales():
            if await self._is_over(progress, at_ms):
                await self._sales.retire(progress.sale.sale_id)
                await self._stock.forget(progress.sale.sale_id)
                retired += 1
        return retired

    async def _expire(self, sale: Sale, suffixes: list[str], at_ms: int) -> int:
        payments = await self._payments.payments_of([f"o{suffix}" for suffix in suffixes])
        keep = {suffix_of(order_id) for order_id in await self._settler.close(payments, at_ms)}
        kept = {found[0] for found in keep if found is not None}
        free = [s for s in suffixes if s not in kept or await self._past_cap(sale, s, at_ms)]
        if not free:
            return 0
        script_ms = self._now_ms() if self._now_ms is not None else 0
        released = await self._stock.release(sale.sale_id, free, "expired", script_ms)
        if released.levels:
            self._hooks.on_stock(sale.sale_id, sale.room_id, released.levels)
        done = 0
        for outcome, reservation in zip(released.outcomes, released.reservations, strict=True):
            if outcome == "released" and reservation is not None:
                self._hooks.on_order(order_of(reservation, sale).to_wire())
                done += 1
        return done

    async def _past_cap(self, sale: Sale, suffix: str, at_ms: int) -> bool:
        """Whether a bank that does not answer has kept this hold for as long as it may.

        Money that comes later still takes the pieces again, or goes back.
        """
        reservation = await self._stock.reservation(sale.sale_id, suffix)
        return reservation is not None and at_ms >= sale.hold_cap_ms(reservation.created_ms)

    async def _is_over(self, progress: Progress, at_ms: int) -> bool:
        sale = progress.sale
        ended_ms = sale.end_ms if sale.end_ms is not None else sale.created_ms
        if sale.phase(at_ms, {}) is not Phase.ENDED or at_ms - ended_ms < RETIRE_AFTER_MS:
            return False
        footing = (await self._stock.footings([sale.sale_id])).get(sale.sale_id)
        holds = await self._stock.due_holds(sale.sale_id, 2**52, 1)
        return footing is not None and not holds and footing.journal_seq == progress.consumed

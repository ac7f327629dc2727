"""Waiting for pieces to come back, and being told when they did.

The scripts that give pieces back make the offers; this file lets people on and off the list, tells
whose turn it was (at least once), and looks after what no giving back could offer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from flash_sale.directory import SaleDirectory
from flash_sale.door_ports import Told, WaitlistStore
from flash_sale.eligibility import Buyer
from flash_sale.errors import Refused, not_found, unknown_outcome
from flash_sale.orders import ReservationState, order_of
from flash_sale.ports import Hooks, StockStore
from flash_sale.reserve import SUFFIX_RANDOM_BYTES, fingerprint
from flash_sale.sale import Sale

WAITED_QTY_MAX = 20  # pieces one person may wait for
KEY_PREFIX = "waitlist:"  # of the idempotency keys of the holds

_MESSAGES = {
    "not_started": "The sale has not started.",
    "ended": "The sale is over.",
    "limit_reached": "You have all you may buy of this.",
    "conflict": "It is not sold out: it can be bought.",
    "closed": "The list is full.",
}


class Offers:
    def __init__(
        self,
        store: WaitlistStore,
        stock: StockStore,
        directory: SaleDirectory,
        hooks: Hooks,
        require_eligible: Callable[[str, Buyer], Awaitable[None]],
        new_token: Callable[[int], str],
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        self._store = store
        self._stock = stock
        self._directory = directory
        self._hooks = hooks
        self._require_eligible = require_eligible
        self._new_token = new_token
        self._now_ms = now_ms

    async def join(self, sale_id: str, buyer: Buyer, sku_id: str, qty: int) -> int:
        """Wait for pieces of a SKU that is sold out; the number of people before this one.

        Refused: not_eligible, not_started, ended, not_found, limit_reached, conflict
        (buy it), closed.
        """
        if type(qty) is not int or not 1 <= qty <= WAITED_QTY_MAX:
            raise Refused("bad_request", f"A quantity is 1 to {WAITED_QTY_MAX}.")
        sale = await self._known(sale_id)
        await self._require_eligible(sale_id, buyer)
        token = self._new_token(SUFFIX_RANDOM_BYTES)
        outcome, place = await self._store.join(
            sale_id,
            buyer.user_id,
            sku_id,
            qty,
            suffix=f"{sale.number}-{token}",
            key=f"{KEY_PREFIX}{token}",
            fingerprint=fingerprint([(sku_id, qty)]),
            now_ms=self._script_ms(),
        )
        if outcome == "waiting":
            return place
        if outcome == "not_found":
            raise not_found("SKU in this sale")
        if outcome in _MESSAGES:
            raise Refused(outcome, _MESSAGES[outcome])
        raise unknown_outcome()

    async def leave(self, sale_id: str, user_id: str, sku_id: str) -> bool:
        """No longer wait; False when that person did not."""
        return await self._store.leave(sale_id, user_id, sku_id)

    async def standing(self, sale_id: str, user_id: str) -> list[dict[str, object]]:
        """What one person waits for, with how many are before them."""
        sale = await self._known(sale_id)
        found = await self._store.standing(sale_id, user_id, _skus(sale))
        return [{"sku_id": sku, "qty": qty, "ahead": at} for sku, (qty, at) in found.items()]

    async def lengths(self, sale_id: str) -> dict[str, int]:
        """How many people wait for each SKU."""
        sale = await self._known(sale_id)
        return await self._store.lengths(sale_id, _skus(sale))

    async def tell(self, sale_id: str) -> int:
        """Tell people whose turn came; how many. Telling twice does no harm."""
        turns = await self._store.offers(sale_id)
        if not turns:
            return 0
        sale = await self._known(sale_id)
        for suffix, turn in turns.items():
            await self._tell(sale, suffix, turn)
        await self._store.told(sale_id, list(turns))
        return len(turns)

    async def step(self) -> int:
        """The duty: serve what nobody's giving back served, tell what was not told, tidy up."""
        done = 0
        for sale_id in await self._store.sales():
            sale = await self._directory.find(sale_id)
            if sale is None:
                await self._store.clear(sale_id)
                continue
            served = await self._store.serve(sale_id, _skus(sale), self._script_ms())
            if served is None:
                continue
            levels, over = served
            if levels:
                self._hooks.on_stock(sale_id, sale.room_id, levels)
            done += await self.tell(sale_id)
            if over:
                await self._store.clear(sale_id)
        return done

    async def _tell(self, sale: Sale, suffix: str, turn: Told) -> None:
        about: dict[str, object] = {
            "sale_id": sale.sale_id,
            "sku_id": turn.sku_id,
            "qty": turn.qty,
        }
        if turn.outcome == "offered":
            reservation = await self._stock.reservation(sale.sale_id, suffix)
            if reservation is None:
                return  # lost with the data it was made in: the list is served again
            order = order_of(reservation, sale).to_wire()
            self._hooks.on_order(order)
            if reservation.state is not ReservationState.HELD:
                return  # too late for an offer: the order says what became of it
            about["order"] = order
        self._hooks.on_offer(sale.room_id, turn.user_id, turn.outcome, about)

    async def _known(self, sale_id: str) -> Sale:
        sale = await self._directory.find(sale_id)
        if sale is None:
            raise not_found("sale")
        return sale

    def _script_ms(self) -> int:
        return self._now_ms() if self._now_ms is not None else 0


def _skus(sale: Sale) -> list[str]:
    return [sku.sku_id for sku in sale.skus]

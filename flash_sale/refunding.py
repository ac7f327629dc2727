"""Giving money back: on the word of staff, and for money that came too late.

The refund is in SQL before its provider hears of it, the provider is called outside of any
transaction, and whatever a crash leaves half-way the reconciler takes up by `step`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from flash_sale.directory import SaleDirectory
from flash_sale.errors import Refused, not_found
from flash_sale.orders import Order, suffix_of
from flash_sale.payments import Payment
from flash_sale.ports import (
    Hooks,
    OrderLedger,
    PaymentLedger,
    PaymentProvider,
    RefundLedger,
    StockStore,
)
from flash_sale.refunds import Refund, RefundAsk, RefundStatus, StockReturn, plan
from flash_sale.settlement import REFUND_RANDOM_BYTES

BATCH_REFUNDS_MAX = 100
ASK_AGAIN_MS = 5000  # a refund without an end is asked about this often at its provider


class Refunding:
    def __init__(
        self,
        stock: StockStore,
        directory: SaleDirectory,
        orders: OrderLedger,
        payments: PaymentLedger,
        refunds: RefundLedger,
        providers: Mapping[str, PaymentProvider],
        hooks: Hooks,
        new_token: Callable[[int], str],
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        self._stock = stock
        self._directory = directory
        self._orders = orders
        self._payments = payments
        self._refunds = refunds
        self._providers = providers
        self._hooks = hooks
        self._new_token = new_token
        self._now_ms = now_ms

    async def request(
        self, order_id: str, ask: RefundAsk, *, actor: str, key: str, now_ms: int
    ) -> dict[str, object]:
        """Refund a paid order or a part of it; the same `key` gives the same refund.

        The answer's `status` is pending when the provider has not said yet how it ended.
        Refused: not_found, conflict (not paid, or more than is left), bad_request, key_reused.
        """
        order = await self._orders.order(order_id)
        if order is None:
            raise not_found("order")
        if order.payment_id is None:
            raise Refused("conflict", "The order is not paid.")
        refund, is_new = await self._refunds.open(
            order.payment_id, key, self._maker(order, ask, actor, key, now_ms), now_ms
        )
        if refund.fingerprint != ask.fingerprint():
            raise Refused("key_reused", "This key was used for another refund.")
        if is_new:
            try:
                await self.carry_out(refund, now_ms)
            except Exception:  # whatever a provider's client raises: it stays pending
                await self._refunds.note_asked(refund.refund_id, now_ms)
        return (await self._refunds.refund(refund.refund_id) or refund).to_wire()

    async def of_order(self, order_id: str) -> list[dict[str, object]]:
        return [refund.to_wire() for refund in await self._refunds.refunds_of(order_id)]

    async def carry_out(self, refund: Refund, now_ms: int) -> RefundStatus:
        """Ask the provider once and act on what it says. Raises what the provider raises."""
        payment = await self._payments.payment(refund.payment_id)
        provider = self._providers.get(payment.provider) if payment is not None else None
        if payment is None or provider is None:
            return RefundStatus.PENDING
        status = await provider.refund(refund, payment)
        if status is RefundStatus.PENDING:
            return status
        if await self._refunds.finish(refund, status, now_ms) and refund.key is not None:
            await self._tell(refund.order_id)
        if status is RefundStatus.SUCCEEDED and refund.stock is StockReturn.RETURNING:
            await self.return_stock(refund)
        return status

    async def return_stock(self, refund: Refund) -> None:
        """Put the pieces of a refund back on sale, once. Refused unknown_outcome: try again."""
        found = suffix_of(refund.order_id)
        sale = await self._directory.find_number(found[1]) if found else None
        sale = await self._directory.again(sale.sale_id) if sale is not None else None
        if sale is None or sale.retired:
            await self._refunds.settle_stock(refund.refund_id, StockReturn.IMPOSSIBLE)
            return
        for sku_id, qty in refund.lines:
            await self._restock(sale.sale_id, sale.room_id, refund, sku_id, qty)
        await self._refunds.settle_stock(refund.refund_id, StockReturn.RETURNED)

    async def pending(self, now_ms: int) -> list[Refund]:
        """Refunds to ask about now."""
        return await self._refunds.pending(now_ms - ASK_AGAIN_MS, BATCH_REFUNDS_MAX)

    async def note_asked(self, refund: Refund, now_ms: int) -> None:
        """Others come first until this one's turn comes again."""
        await self._refunds.note_asked(refund.refund_id, now_ms)

    async def returning(self) -> list[Refund]:
        """Refunds whose pieces are still to be put back."""
        return await self._refunds.returning(BATCH_REFUNDS_MAX)

    # -- inside ---------------------------------------------------------------------------------

    def _maker(
        self, order: Order, ask: RefundAsk, actor: str, key: str, now_ms: int
    ) -> Callable[[Payment, Sequence[Refund]], Refund]:
        def make(payment: Payment, earlier: Sequence[Refund]) -> Refund:
            planned = plan(order, payment, earlier, ask)
            return Refund(
                refund_id=f"rf-{self._new_token(REFUND_RANDOM_BYTES)}",
                payment_id=payment.payment_id,
                order_id=order.order_id,
                amount_cents=planned.amount_cents,
                currency=payment.currency,
                reason=ask.reason.value,
                created_ms=now_ms,
                key=key,
                fingerprint=ask.fingerprint(),
                actor=actor,
                lines=planned.lines,
                stock=ask.stock,
            )

        return make

    async def _restock(
        self, sale_id: str, room_id: str, refund: Refund, sku_id: str, qty: int
    ) -> None:
        key = f"refund {refund.refund_id} {sku_id}"
        if await self._refunds.was_restocked(sale_id, key):
            return
        try:
            level = await self._stock.adjust(
                sale_id,
                "restock",
                sku_id,
                qty,
                key=key,
                actor=refund.actor,
                reason=f"refund: {refund.reason}",
                now_ms=self._now_ms() if self._now_ms is not None else 0,
            )
        except Refused as refusal:
            if refusal.code != "conflict":
                raise
            await self._refunds.settle_stock(refund.refund_id, StockReturn.IMPOSSIBLE)
            return
        self._hooks.on_stock(sale_id, room_id, {sku_id: level})

    async def _tell(self, order_id: str) -> None:
        order = await self._orders.order(order_id)
        if order is not None:
            self._hooks.on_order(order.to_wire())

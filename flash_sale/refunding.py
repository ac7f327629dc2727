"""Giving money back: on the word of staff, and for money that came too late.

The refund is in SQL before its provider hears of it, the provider is called outside of any
transaction, and whatever a crash leaves half-way the reconciler takes up by `step`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from flash_sale.channels import LIVE
from flash_sale.directory import SaleDirectory
from flash_sale.errors import Refused, not_found
from flash_sale.orders import Order, suffix_of
from flash_sale.payments import Payment
from flash_sale.ports import (
    Hooks,
    OrderLedger,
    PaymentLedger,
    PaymentProvider,
    StockStore,
)
from flash_sale.ports_refunds import RefundLedger
from flash_sale.refunds import (
    Refund,
    RefundAsk,
    RefundStatus,
    Settling,
    StockReturn,
    plan,
    require_pieces_left,
    restock_key,
)
from flash_sale.settlement import REFUND_RANDOM_BYTES

BATCH_REFUNDS_MAX = 100
FAILED_LISTED_MAX = 200
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
        self.hooks = hooks
        self._new_token = new_token
        self._now_ms = now_ms

    async def request(
        self,
        order_id: str,
        ask: RefundAsk,
        *,
        actor: str,
        key: str,
        now_ms: int,
        ends: str | None = None,
    ) -> dict[str, object]:
        """Refund a paid order or a part of it; the same `key` gives the same refund.

        `ends` is the buyer's request that is granted with it.

        The answer's `status` is pending when the provider has not said yet how it ended.
        Refused: not_found, conflict (not paid, or more than is left), bad_request, key_reused.
        """
        order = await self._orders.order(order_id)
        if order is None:
            raise not_found("order")
        if order.payment_id is None:
            raise Refused("conflict", "The order is not paid.")
        refund, is_new = await self._refunds.open(
            order.payment_id, key, self._maker(order, ask, actor, key, now_ms), now_ms, ends
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

    async def failed(self, room_id: str) -> list[dict[str, object]]:
        """What a provider refused and nobody has seen to yet, oldest first."""
        found = await self._refunds.failed(room_id, FAILED_LISTED_MAX)
        return [refund.to_wire() for refund in found]

    async def failed_count(self) -> int:
        return await self._refunds.failed_count()

    async def find(self, refund_id: str) -> Refund:
        """Refused not_found."""
        refund = await self._refunds.refund(refund_id)
        if refund is None:
            raise not_found("refund")
        return refund

    async def settle(self, refund_id: str, settling: Settling, now_ms: int) -> dict[str, object]:
        """Take a refused refund off the list because a person has seen to it; a repeat is fine.

        Refused: not_found, conflict (it did not fail, was settled otherwise, is owed, or went
        back another way since: money or pieces).
        """
        refund = await self.find(refund_id)
        order = await self._orders.order(refund.order_id)

        def check(earlier: Sequence[Refund]) -> None:
            if order is not None:
                require_pieces_left(order, earlier, refund)

        won = await self._refunds.settle(refund, settling, now_ms, check)
        after = await self.find(refund_id)
        same = (after.status is RefundStatus.SETTLED, after.note) == (settling.paid, settling.note)
        if not won and (after.settled_ms is None or not same):
            raise Refused("conflict", "Only a failed refund can be settled, and once.")
        if won and after.status is RefundStatus.SETTLED:
            await self._tell(after.order_id)
            if after.stock is StockReturn.RETURNING:
                await self._soon(after)
        return (await self.find(refund_id)).to_wire()

    async def carry_out(self, refund: Refund, now_ms: int) -> RefundStatus:
        """Ask the provider once and act on what it says. Raises what the provider raises."""
        payment = await self._payments.payment(refund.payment_id)
        provider = self._providers.get(payment.provider) if payment is not None else None
        if payment is None or provider is None:
            return RefundStatus.PENDING
        status = await provider.refund(refund, payment)
        if status is RefundStatus.PENDING:
            return status
        won = await self._refunds.finish(refund, status, now_ms)
        if won and status is RefundStatus.FAILED:
            await self._alert(refund)
        if won and refund.key is not None:
            await self._tell(refund.order_id)
        if status is RefundStatus.SUCCEEDED and refund.stock is StockReturn.RETURNING:
            await self.return_stock(refund)
        return status

    async def return_stock(self, refund: Refund) -> None:
        """Put the pieces of a refund back where they were sold from, once; they no longer count
        against the buyer's limit. Refused unknown_outcome: try again."""
        found = suffix_of(refund.order_id)
        sale = await self._directory.find_number(found[1]) if found else None
        sale = await self._directory.again(sale.sale_id) if sale is not None else None
        if sale is None or sale.retired:
            await self._refunds.settle_stock(refund.refund_id, StockReturn.IMPOSSIBLE)
            return
        order = await self._orders.order(refund.order_id)
        if order is None:
            raise not_found("order")
        for sku_id, qty in refund.lines:
            await self._restock(order, refund, sku_id, qty)
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
                coupons=ask.coupons,
            )

        return make

    async def _restock(self, order: Order, refund: Refund, sku_id: str, qty: int) -> None:
        key = restock_key(refund.refund_id, sku_id)
        if await self._refunds.was_restocked(order.sale_id, key):
            return
        try:
            level = await self._stock.adjust(
                order.sale_id,
                "restock",
                sku_id,
                qty,
                key=key,
                actor=refund.actor,
                reason=f"refund: {refund.reason}",
                now_ms=self._now_ms() if self._now_ms is not None else 0,
                channel=order.channel,
                suffix=order.suffix,
            )
        except Refused as refusal:
            if refusal.code != "conflict":
                raise
            await self._refunds.settle_stock(refund.refund_id, StockReturn.IMPOSSIBLE)
            return
        if order.channel == LIVE:
            self.hooks.on_stock(order.sale_id, order.room_id, {sku_id: level})

    async def _soon(self, refund: Refund) -> None:
        try:
            await self.return_stock(refund)
        except Refused:  # the reconciler does it
            return

    async def _alert(self, refund: Refund) -> None:
        order = await self._orders.order(refund.order_id)
        if order is not None:
            failed = replace(refund, status=RefundStatus.FAILED)
            self.hooks.on_refund_failed(order.room_id, failed.to_wire())

    async def _tell(self, order_id: str) -> None:
        order = await self._orders.order(order_id)
        if order is not None:
            self.hooks.on_order(order.to_wire())

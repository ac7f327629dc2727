"""What becomes of captured money: the order it was for, or a refund. Exactly one, always.

The money is in SQL before anything here runs. Each step may be repeated after a crash: the script
answers `already`, the rows move by compare-and-set.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from flash_sale.directory import SaleDirectory
from flash_sale.errors import Refused, unknown_outcome
from flash_sale.orders import OrderMove, ReservationState, suffix_of
from flash_sale.payments import (
    Callback,
    Payment,
    PaymentStatus,
    Resolution,
    amount_mismatch,
    subject_of,
)
from flash_sale.ports import (
    Hooks,
    OrderLedger,
    PaymentLedger,
    PaymentProvider,
    Settlement,
    StockStore,
)
from flash_sale.refunds import Refund
from flash_sale.sale import Sale

REFUND_RANDOM_BYTES = 12
Retake = Callable[[str, int], Awaitable[bool]]


async def _nothing_to_retake(order_id: str, now_ms: int) -> bool:
    return True


class Settler:
    def __init__(
        self,
        stock: StockStore,
        directory: SaleDirectory,
        orders: OrderLedger,
        payments: PaymentLedger,
        providers: Mapping[str, PaymentProvider],
        hooks: Hooks,
        new_token: Callable[[int], str],
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        self._stock = stock
        self._directory = directory
        self._orders = orders
        self._payments = payments
        self._providers = providers
        self._hooks = hooks
        self._new_token = new_token
        self._now_ms = now_ms
        self.retake: Retake = _nothing_to_retake

    async def finish(self, payment: Payment, now_ms: int) -> Resolution:
        """Bring a captured payment to its end.

        Refused unknown_outcome or unavailable: not known yet; the reconciler comes back to it.
        """
        if payment.resolution is not None:
            return payment.resolution
        if payment.taken != payment.due:
            right = payment.taken[1] == payment.currency
            await self._become_refund(
                payment, "wrong_amount" if right else "wrong_currency", now_ms
            )
            return Resolution.REFUND
        sale, suffix = await self._subject(payment)
        settlement = await self._take(sale, suffix, payment)
        if settlement.outcome in ("paid", "already"):
            await self._become_order(sale, payment, settlement, now_ms)
            return Resolution.ORDER
        if settlement.outcome == "missing":
            sale = await self._directory.again(sale.sale_id) or sale
        if settlement.outcome in ("missing", "fenced", "held") and not sale.retired:
            raise unknown_outcome()
        second = settlement.outcome == "other"
        reason = "second_payment" if second else f"too_late_{settlement.outcome}"
        await self._become_refund(payment, reason, now_ms, moves_order=not second)
        return Resolution.REFUND

    async def close(self, payments: Sequence[Payment], now_ms: int) -> set[str]:
        """Ask the providers about unpaid payments and forbid them.

        Returns the orders that turn out to be paid for (now settled) or that could not be asked:
        those must not be released.
        """
        keep = set()
        for payment in payments:
            if payment.status is PaymentStatus.PENDING and not await self._closed(payment, now_ms):
                keep.add(payment.order_id)
        return keep

    async def learn(self, payment: Payment, news: Callback, now_ms: int) -> Resolution | None:
        """Act on what a provider says of a payment: money of another sum than is due goes back.

        Refused amount_mismatch: it says that nothing at all was captured.
        """
        if news.status == "succeeded":
            if news.amount_cents < 1:
                raise amount_mismatch()
            await self._payments.capture(payment.provider, news, now_ms)
            captured = await self._payments.payment(payment.payment_id)
            return await self.finish(captured or payment, now_ms)
        status = PaymentStatus.CLOSED if news.status == "closed" else PaymentStatus.FAILED
        await self._payments.set_status(payment.payment_id, status, PaymentStatus.PENDING)
        return None

    async def _subject(self, payment: Payment) -> tuple[Sale, str]:
        found = suffix_of(payment.order_id)
        sale = await self._directory.find_number(found[1]) if found else None
        if found is None or sale is None:
            raise Refused("not_found", "The payment's sale is not known.")
        fresh = await self._directory.again(sale.sale_id)  # its life, before stock is taken in it
        return fresh or sale, found[0]

    async def _take(self, sale: Sale, suffix: str, payment: Payment) -> Settlement:
        script_ms = self._now_ms() if self._now_ms is not None else 0
        taken = await self._stock.settle(sale.sale_id, suffix, payment.payment_id, script_ms)
        if taken.outcome != "gone" or taken.reservation is None:
            return taken
        expired = taken.reservation.state is ReservationState.EXPIRED
        await self._orders.move(  # the journal may not have said so yet
            payment.order_id,
            OrderMove.EXPIRE if expired else OrderMove.CANCEL,
            at_ms=taken.reservation.expires_ms,
            journal_seq=taken.reservation.journal_seq,
        )
        if not await self.retake(payment.order_id, taken.reservation.expires_ms):
            return Settlement("coupon_used", taken.reservation, {})  # its price is another's now
        return await self._stock.reclaim(sale.sale_id, suffix, payment.payment_id, script_ms)

    async def _become_order(
        self, sale: Sale, payment: Payment, settlement: Settlement, now_ms: int
    ) -> None:
        seq = settlement.reservation.journal_seq if settlement.reservation else 0
        for move in (OrderMove.PAY, OrderMove.RECLAIM):
            if await self._orders.move(
                payment.order_id,
                move,
                at_ms=now_ms,
                journal_seq=seq,
                payment_id=payment.payment_id,
                taken_in=sale if move is OrderMove.RECLAIM else None,
            ):
                break
        resolved = await self._payments.resolve_as_order(payment.payment_id)
        if settlement.levels:
            self._hooks.on_stock(sale.sale_id, sale.room_id, settlement.levels)
        if resolved:  # once in all; the order may have been moved by the journal or a second call
            await self._tell(payment.order_id)

    async def _become_refund(
        self, payment: Payment, reason: str, now_ms: int, *, moves_order: bool = False
    ) -> None:
        cents, currency = payment.taken
        refund = Refund(
            refund_id=f"rf-{self._new_token(REFUND_RANDOM_BYTES)}",
            payment_id=payment.payment_id,
            order_id=payment.order_id,
            amount_cents=cents,
            currency=currency,
            reason=reason,
            created_ms=now_ms,
        )
        if not await self._payments.resolve_as_refund(refund):
            return
        if moves_order:
            await self._orders.move(payment.order_id, OrderMove.REFUND, at_ms=now_ms)
        await self._tell(payment.order_id)

    async def _tell(self, order_id: str) -> None:
        order = await self._orders.order(order_id)
        if order is not None:
            self._hooks.on_order(order.to_wire())

    async def _closed(self, payment: Payment, now_ms: int) -> bool:
        """Whether the payment is known to be unpaid and can no longer be paid."""
        provider = self._providers.get(payment.provider)
        if provider is None:
            return False
        try:
            news = await provider.query(payment)
            closed = news is None and await provider.close(payment)
            if news is None and not closed:
                news = await provider.query(payment)
        except Exception:  # a silent bank must not keep others' holds; the reconciler reports it
            return False
        if closed:
            await self._payments.set_status(
                payment.payment_id, PaymentStatus.CLOSED, PaymentStatus.PENDING
            )
            return True
        return news is not None and await self._unpaid(payment, news, now_ms)

    async def _unpaid(self, payment: Payment, news: Callback, now_ms: int) -> bool:
        try:
            await self.learn(subject_of(payment, payment.provider, news), news, now_ms)
        except Refused as refusal:
            if refusal.code not in ("amount_mismatch", "not_found"):
                raise
            await self._payments.record_event(payment.provider, news, refusal.code, now_ms)
            return True
        return news.status != "succeeded" or news.sum != payment.due  # another sum went back

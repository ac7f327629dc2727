"""From a hold to a paid order: looking orders up, paying, cancelling, hearing from the bank."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from flash_sale.directory import SaleDirectory
from flash_sale.errors import UNKNOWN_RETRY_MS, Refused, not_found, unknown_outcome
from flash_sale.orders import (
    Order,
    OrderMove,
    OrderStatus,
    Reservation,
    ReservationState,
    order_of,
    suffix_of,
)
from flash_sale.payments import (
    PAYMENTS_PER_ORDER_MAX,
    Callback,
    Payment,
    PaymentStatus,
    Resolution,
    amount_mismatch,
    match_callback,
    require_sum,
    subject_of,
)
from flash_sale.ports import (
    Hooks,
    Opened,
    OrderLedger,
    PaymentLedger,
    PaymentProvider,
    StockStore,
)
from flash_sale.sale import Sale
from flash_sale.settlement import Settler

ORDERS_MAX = 100  # the newest of a person or a room
PAYMENT_RANDOM_BYTES = 18  # its id alone opens the cashier page: must not be guessable


@dataclass(frozen=True, slots=True)
class PaymentView:
    payment_id: str
    cashier_url: str


@dataclass(frozen=True, slots=True)
class CallbackOutcome:
    """`status`: paid, refunded, failed, ignored (genuine, but not about a payment), pending (the
    money is recorded, its order follows). `acknowledgement` is the content type and the body that
    the provider wants for an answer; None leaves it to the edge."""

    status: str
    order_id: str
    payment_id: str
    acknowledgement: tuple[str, bytes] | None = None


class Checkout:
    def __init__(
        self,
        stock: StockStore,
        directory: SaleDirectory,
        orders: OrderLedger,
        payments: PaymentLedger,
        settler: Settler,
        providers: Mapping[str, PaymentProvider],
        hooks: Hooks,
        new_token: Callable[[int], str],
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        self._stock = stock
        self._directory = directory
        self._orders = orders
        self._payments = payments
        self._settler = settler
        self._providers = providers
        self._hooks = hooks
        self._new_token = new_token
        self._now_ms = now_ms

    # -- looking --------------------------------------------------------------------------------

    async def order(self, order_id: str, user_id: str | None = None) -> dict[str, object]:
        """The order as the wire shows it; `user_id` None is staff.

        Somebody else's order is not_found, the same as one that does not exist.
        """
        return (await self._order(order_id, user_id)).to_wire()

    async def orders(self, user_id: str, limit: int = ORDERS_MAX) -> list[dict[str, object]]:
        """A person's orders, newest first. One reserved a moment ago may be missing still."""
        found = await self._orders.orders_of_user(user_id, min(limit, ORDERS_MAX))
        return [order.to_wire() for order in found]

    async def room_orders(self, room_id: str, limit: int = ORDERS_MAX) -> list[dict[str, object]]:
        found = await self._orders.orders_of_room(room_id, min(limit, ORDERS_MAX))
        return [order.to_wire() for order in found]

    async def payment(self, payment_id: str, now_ms: int) -> dict[str, object]:
        """What the cashier page shows. Whoever knows the id may see it."""
        payment = await self._payments.payment(payment_id)
        if payment is None:
            raise not_found("payment")
        order = await self._order(payment.order_id, None)
        shown = order.to_wire()
        back = payment.resolution is Resolution.REFUND
        return {
            "payment_id": payment.payment_id,
            "provider": payment.provider,
            "order_id": payment.order_id,
            "room_id": order.room_id,
            "amount_cents": payment.amount_cents,
            "currency": payment.currency,
            "status": "refunded" if back else payment.status.value,
            "order_status": order.status.value,
            "lines": shown["lines"],
            "discounts": shown["discounts"],
            "pay_by_ms": order.pay_by_ms,
            "server_ms": now_ms,
        }

    # -- paying ---------------------------------------------------------------------------------

    async def begin_payment(
        self, order_id: str, user_id: str, provider: str = "sandbox", *, now_ms: int
    ) -> PaymentView:
        """Open a payment of an unpaid order within its pay window, or return the open one.

        Refused: not_found, order_closed (paid, gone or past pay_by), conflict (tried
        PAYMENTS_PER_ORDER_MAX times), unknown_outcome.
        """
        bank = self._bank(provider)
        await self._look_again(order_id)
        sale, reservation = await self._payable(order_id, user_id)
        answer = await self._stock.stored_answer(sale.sale_id, reservation.user_id, reservation.key)
        await self._orders.place(sale, reservation, answer)
        earlier = await self._payments.payments_of([order_id])
        paid = (p for p in earlier if p.status is PaymentStatus.SUCCEEDED)
        if any(payment.resolution is not Resolution.REFUND for payment in paid):
            raise _order_closed()
        open_ones = (p for p in earlier if p.status is PaymentStatus.PENDING)
        payment = next((p for p in open_ones if p.provider == provider), None)
        if payment is None:
            if len(earlier) >= PAYMENTS_PER_ORDER_MAX:
                raise Refused("conflict", "Paying this order was tried too often.")
            token = self._new_token(PAYMENT_RANDOM_BYTES).replace("-", "_")  # Alipay takes no "-"
            payment = Payment(
                payment_id=f"p{token}",
                order_id=order_id,
                provider=provider,
                amount_cents=reservation.amount_cents,
                currency=sale.currency,
                status=PaymentStatus.PENDING,
                created_ms=now_ms,
            )
            await self._payments.add_payment(payment)
        await self._freeze(sale, reservation)
        opened = await self._open(bank, payment, reservation.pay_by_ms)
        return PaymentView(payment.payment_id, opened.cashier_url)

    async def cancel(self, order_id: str, user_id: str, now_ms: int) -> dict[str, object]:
        """Give an unpaid order's stock back. A repeat answers the same.

        Refused: not_found, order_closed (paid, expired, or being paid), unknown_outcome.
        """
        sale, reservation = await self._reserved(order_id, user_id)
        payments = await self._payments.payments_of([order_id])
        if order_id in await self._settler.close(payments, now_ms):
            raise _order_closed()
        script_ms = self._now_ms() if self._now_ms is not None else 0
        released = await self._stock.release(
            sale.sale_id, [reservation.suffix], "cancelled", script_ms
        )
        if released.outcome != "ok":
            raise unknown_outcome()
        if released.outcomes[0] not in ("released", "cancelled"):
            raise _order_closed()
        after = released.reservations[0] or reservation
        await self._orders.move(
            order_id, OrderMove.CANCEL, at_ms=now_ms, journal_seq=after.journal_seq
        )
        order = order_of(after, sale).to_wire()
        if released.outcomes[0] == "released":
            self._hooks.on_stock(sale.sale_id, sale.room_id, released.levels)
            self._hooks.on_order(order)
        return order

    async def on_callback(
        self, provider: str, headers: Mapping[str, str], body: bytes, now_ms: int
    ) -> CallbackOutcome:
        """Hear a provider. Any returned outcome is final for the sender: answer 200.

        Refused: bad_signature, stale_signature, bad_request, not_found, amount_mismatch (another
        sum, which the provider's books do not confirm), unavailable (it says failed, and its books
        could not be asked); nothing was sold. A sum that they confirm goes back. Repeats and any
        order of arrival are fine.
        """
        bank = self._bank(provider)
        callback = bank.verify_callback(headers, body, now_ms)
        if callback is None:
            return CallbackOutcome("ignored", "", "", bank.acknowledgement)
        require_sum(callback)
        known = await self._payments.payment(callback.payment_id)
        try:
            payment, callback = await self._believed(bank, known, callback)
        except Refused as refusal:
            await self._payments.record_event(provider, callback, refusal.code, now_ms)
            raise
        if callback.status != "succeeded":
            await self._payments.record_event(provider, callback, callback.status, now_ms)
        status = await self._learn(payment, callback, now_ms)
        return CallbackOutcome(status, payment.order_id, payment.payment_id, bank.acknowledgement)

    # -- inside ---------------------------------------------------------------------------------

    async def _believed(
        self, bank: PaymentProvider, known: Payment | None, callback: Callback
    ) -> tuple[Payment, Callback]:
        """The payment and what is known of it: a strange sum is only believed from the books."""
        if callback.status != "succeeded":
            payment = match_callback(known, bank.name, callback)
            return payment, await self._not_overtaken(bank, payment, callback)
        payment = subject_of(known, bank.name, callback)
        if callback.sum == payment.due:
            return payment, callback
        try:
            news = await bank.query(payment)
        except Exception:  # it repeats its callback, and the reconciler asks as well
            news = None
        if news is None or news.status != "succeeded":
            raise amount_mismatch()
        return subject_of(payment, bank.name, news), news

    async def _not_overtaken(
        self, bank: PaymentProvider, payment: Payment, callback: Callback
    ) -> Callback:
        """What the books say, as an unhappy end may be an old one, and the news of the capture
        lost. Refused unavailable: the payment stays pending, and the reconciler asks."""
        if payment.status is not PaymentStatus.PENDING:
            return callback
        try:
            news = await bank.query(payment)
        except Exception as trouble:
            raise Refused(
                "unavailable", "The payment provider did not answer.", UNKNOWN_RETRY_MS
            ) from trouble
        return news if news is not None and news.status == "succeeded" else callback

    async def _learn(self, payment: Payment, callback: Callback, now_ms: int) -> str:
        try:
            resolution = await self._settler.learn(payment, callback, now_ms)
        except Refused as refusal:
            if refusal.code != "unknown_outcome":
                raise
            return "pending"
        ends = {Resolution.ORDER: "paid", Resolution.REFUND: "refunded", None: "failed"}
        return ends[resolution or payment.resolution]

    async def _open(self, bank: PaymentProvider, payment: Payment, pay_by_ms: int) -> Opened:
        """The provider's own id is kept before anybody learns where to pay."""
        try:
            opened = await bank.create(payment, pay_by_ms)
        except Refused:
            raise
        except Exception as trouble:  # whatever its client raises: nobody can have paid yet
            raise Refused(
                "unavailable", "The payment provider did not answer.", UNKNOWN_RETRY_MS
            ) from trouble
        if opened.reference is not None and opened.reference != payment.reference:
            await self._payments.set_reference(payment.payment_id, opened.reference)
        return opened

    async def _freeze(self, sale: Sale, reservation: Reservation) -> None:
        """Keep the hold while its payment is under way, up to the cap; told when it moved."""
        script_ms = self._now_ms() if self._now_ms is not None else 0
        frozen = await self._stock.freeze(
            sale.sale_id, reservation.suffix, sale.freeze_ms, script_ms
        )
        if frozen.outcome in ("gone", "late"):
            raise _order_closed()
        if frozen.outcome == "frozen" and frozen.reservation is not None:
            order = order_of(frozen.reservation, sale)
            self._hooks.on_order(replace(order, status=OrderStatus.PLACED).to_wire())

    def _bank(self, provider: str) -> PaymentProvider:
        if provider not in self._providers:
            raise not_found("payment provider")
        return self._providers[provider]

    async def _order(self, order_id: str, user_id: str | None) -> Order:
        """From SQL, or, while the journal is behind, from the reservation."""
        order = await self._orders.order(order_id)
        if order is None:
            sale, reservation = await self._reserved(order_id, user_id)
            return order_of(reservation, sale)
        if user_id is not None and order.user_id != user_id:
            raise not_found("order")
        return order

    async def _reserved(self, order_id: str, user_id: str | None) -> tuple[Sale, Reservation]:
        found = suffix_of(order_id)
        sale = await self._directory.find_number(found[1]) if found else None
        if found is None or sale is None:
            raise not_found("order")
        reservation = await self._stock.reservation(sale.sale_id, found[0])
        if reservation is None or user_id not in (None, reservation.user_id):
            raise not_found("order")
        return sale, reservation

    async def _look_again(self, order_id: str) -> None:
        """So that the sale is older than the reservation that is read next, see `place`."""
        found = suffix_of(order_id)
        sale = await self._directory.find_number(found[1]) if found else None
        if sale is not None:
            await self._directory.again(sale.sale_id)

    async def _payable(self, order_id: str, user_id: str) -> tuple[Sale, Reservation]:
        """Judged by the reservation and its clock; SQL may lag behind both."""
        sale, reservation = await self._reserved(order_id, user_id)
        at_ms = self._now_ms() if self._now_ms is not None else await self._stock.now_ms()
        if reservation.state is not ReservationState.HELD or at_ms >= reservation.pay_by_ms:
            raise _order_closed()
        return sale, reservation


def _order_closed() -> Refused:
    return Refused("order_closed", "This order cannot be paid or cancelled any more.")

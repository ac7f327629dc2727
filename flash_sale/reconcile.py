"""Finishing what a crash or a silent bank left half-way: captured money, open payments, refunds."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from flash_sale.errors import Refused
from flash_sale.payments import Payment, subject_of
from flash_sale.ports import PaymentLedger, PaymentProvider
from flash_sale.refunding import Refunding
from flash_sale.refunds import RefundStatus
from flash_sale.settlement import Settler

BATCH_PAYMENTS_MAX = 100
ASK_AFTER_MS = 5000  # a payment open for longer is asked about at its provider

log = logging.getLogger(__name__)


class Reconciler:
    def __init__(
        self,
        payments: PaymentLedger,
        settler: Settler,
        refunding: Refunding,
        providers: Mapping[str, PaymentProvider],
    ) -> None:
        self._payments = payments
        self._settler = settler
        self._refunding = refunding
        self._providers = providers
        self._asked_upto_ms = 0  # open payments are asked about in turn

    async def step(self, now_ms: int) -> int:
        """One bounded round; how many payments or refunds it brought further."""
        return await self._settle() + await self._ask(now_ms) + await self._refund(now_ms)

    async def _settle(self) -> int:
        done = 0
        for payment in await self._payments.unresolved(BATCH_PAYMENTS_MAX):
            try:
                await self._settler.finish(payment, payment.captured_ms or payment.created_ms)
                done += 1
            except Refused as refusal:
                log.warning("payment %s waits: %s", payment.payment_id, refusal.code)
        return done

    async def _ask(self, now_ms: int) -> int:
        before_ms = now_ms - ASK_AFTER_MS
        pending = await self._payments.pending_between(
            self._asked_upto_ms, before_ms, BATCH_PAYMENTS_MAX
        )
        full = len(pending) == BATCH_PAYMENTS_MAX
        self._asked_upto_ms = pending[-1].created_ms + 1 if full else 0
        done = 0
        for payment in pending:
            done += await self._ask_about(payment, now_ms)
        return done

    async def _ask_about(self, payment: Payment, now_ms: int) -> int:
        provider = self._providers.get(payment.provider)
        try:
            news = await provider.query(payment) if provider is not None else None
            if news is None:
                return 0
            its = subject_of(payment, payment.provider, news)
            await self._settler.learn(its, news, now_ms)
        except Exception as trouble:  # one bank's silence must not stop the others
            log.warning("payment %s waits: %r", payment.payment_id, trouble)
            return 0
        return 1

    async def _refund(self, now_ms: int) -> int:
        done = 0
        for refund in await self._refunding.pending(now_ms):
            status = RefundStatus.PENDING
            try:
                status = await self._refunding.carry_out(refund, now_ms)
            except Exception as trouble:  # asked again next time
                log.warning("refund %s waits: %r", refund.refund_id, trouble)
            if status is RefundStatus.FAILED:
                log.error("refund %s failed for good: a person must look", refund.refund_id)
            if status is RefundStatus.PENDING:
                await self._refunding.note_asked(refund, now_ms)
            done += status is not RefundStatus.PENDING
        return done + await self._return_stock()

    async def _return_stock(self) -> int:
        done = 0
        for refund in await self._refunding.returning():
            try:
                await self._refunding.return_stock(refund)
                done += 1
            except Refused as refusal:
                log.warning("stock of refund %s waits: %s", refund.refund_id, refusal.code)
        return done

"""A shop that takes every provider, each with its letters: sandbox, Stripe, WeChat Pay, Alipay."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from flash_sale.checkout import CallbackOutcome
from flash_sale.payments import SIGNATURE_HEADER, sign
from tests.contracts.flash_sale.shop import SECRET, Shop
from tests.flash_sale.gateways import AlipayGateway, Letter, StripeGateway, WechatGateway

PROVIDERS = ("sandbox", "stripe", "wechat", "alipay")


class ShopWithBanks(Shop):
    """A shop whose buyers may choose among all providers."""

    def __init__(self, redis: Redis, engine: AsyncEngine) -> None:
        self.stripe, self.wechat, self.alipay = StripeGateway(), WechatGateway(), AlipayGateway()
        banks = (self.stripe.provider(), self.wechat.provider(), self.alipay.provider())
        super().__init__(redis, engine, itertools.count(1), banks=banks)

    async def bill(self, provider: str, user_id: str = "ann") -> tuple[str, str]:
        """An order of 1.00 with an open payment: payment id, order id."""
        order_id = await self.hold(user_id)
        return await self.begin(order_id, user_id, provider), order_id

    def letter(self, provider: str, payment_id: str, order_id: str, /, **changes: Any) -> Letter:
        """What the provider sends once the money is there."""
        if provider == "sandbox":
            return self.sandbox_letter(payment_id, order_id, **changes)
        gateway: Any = getattr(self, provider)
        made: Letter = gateway.letter(payment_id, order_id, self.now_ms, **changes)
        return made

    def sandbox_letter(
        self,
        payment_id: str,
        order_id: str,
        /,
        *,
        secret: bytes = SECRET,
        at_s: int | None = None,
        **changes: object,
    ) -> Letter:
        news = {
            "event_id": "e1",
            "payment_id": payment_id,
            "order_id": order_id,
            "status": "succeeded",
            "amount_cents": 100,
            "currency": "CNY",
            "ts": self.now_ms,
            **changes,
        }
        body = orjson.dumps(news)
        stamp = self.now_ms // 1000 if at_s is None else at_s
        return {SIGNATURE_HEADER: sign(secret, body, stamp)}, body

    async def deliver(self, provider: str, letter: Letter) -> CallbackOutcome:
        headers, body = letter
        return await self.sale.checkout.on_callback(provider, headers, body, self.now_ms)

    def take_money(self, provider: str, payment_id: str) -> None:
        """The buyer paid; nobody was told yet."""
        if provider == "stripe":
            self.stripe.pay(list(self.stripe.sessions)[-1])
        elif provider == "wechat":
            self.wechat.orders[payment_id]["trade_state"] = "SUCCESS"
        else:
            self.alipay.trades[payment_id] = {
                "out_trade_no": payment_id,
                "trade_status": "TRADE_SUCCESS",
                "total_amount": "1.00",
            }

"""Putting coupons, points and commissions together over Redis and SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from flash_sale.benefits import Benefits
from flash_sale.cart import Carts
from flash_sale.coupon_desk import CouponDesk
from flash_sale.directory import SaleDirectory
from flash_sale.ports import OrderLedger, PaymentLedger, Post
from flash_sale.refund_requests import RefundRequests
from flash_sale.refunding import Refunding
from flash_sale.regrouping import Regrouping
from flash_sale.repurchase import Repurchases
from flash_sale.reserve import ReserveEngine
from flash_sale.rewarding import Rewarding
from flash_sale.settlement import Settler
from flash_sale.storage.benefits import SqlBenefits
from flash_sale.storage.carts import SqlCarts
from flash_sale.storage.checkout_plans import SqlCheckoutPlans
from flash_sale.storage.coupon_redis import RedisCoupons
from flash_sale.storage.coupons import SqlCoupons
from flash_sale.storage.exports import SqlExports
from flash_sale.storage.redis import RedisStock
from flash_sale.storage.refund_requests import SqlRefundRequests
from flash_sale.storage.regroupings import SqlRegroupings
from flash_sale.storage.repurchases import SqlRepurchases
from flash_sale.storage.rewards import SqlRewards
from flash_sale.storage.webhooks import SqlWebhooks
from flash_sale.webhooks import Webhooks


class RewardParts(NamedTuple):
    """What is there already."""

    redis: Redis
    engine: AsyncEngine
    stock: RedisStock
    directory: SaleDirectory
    orders: OrderLedger
    payments: PaymentLedger
    reserving: ReserveEngine
    settler: Settler
    refunding: Refunding
    post: Post


def assemble_rewards(
    parts: RewardParts, new_token: Callable[[int], str], now_ms: Callable[[], int] | None
) -> Rewarding:
    """The settler asks for what a lapsed order had before it takes the order up again."""
    redis, engine, stock, directory, orders, payments, reserving, settler, refunding, post = parts
    coupons = CouponDesk(RedisCoupons(redis), SqlCoupons(engine))
    kept = SqlBenefits(engine)
    settler.retake = kept.retake
    benefits = Benefits(kept, coupons, directory, stock, reserving)
    return Rewarding(
        coupons=coupons,
        benefits=benefits,
        carts=Carts(
            SqlCarts(engine), SqlCheckoutPlans(engine), directory, coupons, benefits, reserving
        ),
        regrouping=Regrouping(
            stock,
            SqlRegroupings(engine),
            stock,
            directory,
            orders,
            payments,
            settler,
            new_token,
            now_ms,
        ),
        refund_requests=RefundRequests(
            SqlRefundRequests(engine), orders, refunding, refunding.hooks, new_token
        ),
        repurchases=Repurchases(SqlRepurchases(engine), coupons),
        webhooks=Webhooks(SqlWebhooks(engine), post, new_token),
        exports=SqlExports(engine),
        books=SqlRewards(engine),
    )

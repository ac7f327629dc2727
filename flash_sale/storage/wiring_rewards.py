"""Putting coupons, points and commissions together over Redis and SQL."""

from __future__ import annotations

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from flash_sale.benefits import Benefits
from flash_sale.coupon_desk import CouponDesk
from flash_sale.directory import SaleDirectory
from flash_sale.ports import StockStore
from flash_sale.reserve import ReserveEngine
from flash_sale.rewarding import Rewarding
from flash_sale.settlement import Settler
from flash_sale.storage.benefits import SqlBenefits
from flash_sale.storage.coupon_redis import RedisCoupons
from flash_sale.storage.coupons import SqlCoupons
from flash_sale.storage.rewards import SqlRewards


def assemble_rewards(
    redis: Redis,
    engine: AsyncEngine,
    stock: StockStore,
    directory: SaleDirectory,
    reserving: ReserveEngine,
    settler: Settler,
) -> Rewarding:
    """The settler asks for what a lapsed order had before it takes the order up again."""
    coupons = CouponDesk(RedisCoupons(redis), SqlCoupons(engine))
    kept = SqlBenefits(engine)
    settler.retake = kept.retake
    return Rewarding(
        coupons=coupons,
        benefits=Benefits(kept, coupons, directory, stock, reserving),
        books=SqlRewards(engine),
    )

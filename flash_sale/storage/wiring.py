"""Putting the package together over Redis and SQL, for the composition root and for tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from flash_sale.audit import Auditor
from flash_sale.checkout import Checkout
from flash_sale.desk import SaleDesk
from flash_sale.directory import SaleDirectory
from flash_sale.expiry import Sweeper
from flash_sale.journal import JournalConsumer
from flash_sale.judge import Judge
from flash_sale.offers import Offers
from flash_sale.ports import Hooks, Later, PaymentProvider, Post
from flash_sale.providers.sandbox import SandboxBank, SandboxProvider
from flash_sale.reconcile import Reconciler
from flash_sale.recovery import Recovery
from flash_sale.refunding import Refunding
from flash_sale.reserve import ReserveEngine
from flash_sale.rewarding import Rewarding
from flash_sale.settlement import Settler
from flash_sale.storage.doors import SqlDoors
from flash_sale.storage.numbers import SqlNumbers
from flash_sale.storage.orders import SqlOrders
from flash_sale.storage.payments import SqlPayments, SqlSandboxBooks
from flash_sale.storage.queue_redis import RedisQueue
from flash_sale.storage.redis import RedisStock
from flash_sale.storage.refunds import SqlRefunds
from flash_sale.storage.sales import SqlSales
from flash_sale.storage.scripts import SETTLING, Scripts, source
from flash_sale.storage.waitlist_redis import RedisWaitlist
from flash_sale.storage.wiring_rewards import RewardParts, assemble_rewards
from flash_sale.waiting_room import WaitingRoom


@dataclass(frozen=True, slots=True)
class FlashSale:
    """Everything the server calls. Set `hooks.on_stock` and `hooks.on_order` before use."""

    hooks: Hooks
    desk: SaleDesk
    engine: ReserveEngine
    checkout: Checkout
    refunding: Refunding
    bank: SandboxBank
    consumer: JournalConsumer
    sweeper: Sweeper
    reconciler: Reconciler
    recovery: Recovery
    auditor: Auditor
    numbers: SqlNumbers
    stock: RedisStock
    rewards: Rewarding
    queue: RedisQueue
    waiting_room: WaitingRoom
    offers: Offers

    async def open(self) -> None:
        """Before the first request: rebuild what Redis lost while nobody was there."""
        await self.recovery.step()

    async def close(self) -> None:
        await self.engine.close()


def assemble(
    redis: Redis,
    engine: AsyncEngine,
    *,
    payment_secret: bytes,
    callback_url: Callable[[], str],
    post: Post,
    new_token: Callable[[int], str],
    banks: Sequence[PaymentProvider] = (),
    sandbox: Literal["open", "closed"] = "open",
    later: Later | None = None,
    now_ms: Callable[[], int] | None = None,
    source_of: Callable[[str], str] = source,
) -> FlashSale:
    """`redis` must not retry, and time out in about a second. `now_ms` is for tests only."""
    hooks, scripts = Hooks(), Scripts(redis, source_of=source_of, together=SETTLING)
    stock = RedisStock(redis, scripts)
    sales, orders, payments = SqlSales(engine), SqlOrders(engine), SqlPayments(engine)
    refunds, books = SqlRefunds(engine), SqlSandboxBooks(engine)
    directory, numbers = SaleDirectory(sales), SqlNumbers(engine)
    play: list[PaymentProvider] = [SandboxProvider(payment_secret, books)]
    providers = {bank.name: bank for bank in (*banks, *(play if sandbox == "open" else ()))}
    settler = Settler(stock, directory, orders, payments, providers, hooks, new_token, now_ms)
    shared = (stock, directory, orders, payments)
    refunding = Refunding(*shared, refunds, providers, hooks, new_token, now_ms)
    recovery = Recovery(stock, sales, JournalConsumer(stock, sales, orders), hooks)
    scripts.on_forgotten = recovery.fence_lost
    reserving = ReserveEngine(stock, directory, hooks, Judge(numbers), new_token, now_ms)
    offering = (hooks, reserving.require_eligible, new_token, now_ms)
    parts = RewardParts(redis, engine, *shared, reserving, settler, refunding, post)
    queue = RedisQueue(redis, scripts)
    return FlashSale(
        hooks=hooks,
        desk=SaleDesk(stock, sales, directory, hooks, new_token, now_ms),
        engine=reserving,
        checkout=Checkout(*shared, settler, providers, hooks, new_token, now_ms),
        refunding=refunding,
        bank=SandboxBank(payment_secret, books, payments, callback_url, post, later),
        consumer=JournalConsumer(stock, sales, orders),
        sweeper=Sweeper(stock, sales, payments, settler, hooks, now_ms),
        reconciler=Reconciler(payments, settler, refunding, providers),
        recovery=recovery,
        auditor=Auditor(stock, sales),
        numbers=numbers,
        stock=stock,
        rewards=assemble_rewards(parts, new_token, now_ms),
        queue=queue,
        waiting_room=WaitingRoom(SqlDoors(engine), queue, payment_secret, now_ms),
        offers=Offers(RedisWaitlist(redis, scripts), stock, directory, *offering),
    )

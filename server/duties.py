"""What must happen once although there are many workers: what the lease holder works through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import structlog

from flash_sale.expiry import Sweeper
from flash_sale.journal import BATCH_ENTRIES_MAX, JournalConsumer
from flash_sale.reconcile import Reconciler
from flash_sale.recovery import Recovery
from room.polling import ReplicaOf
from server.clock import Duty
from server.context import Services

log = structlog.get_logger(__name__)

AUDIT_EVERY_S = 5.0
Step = Callable[[], Awaitable[int]]


def run_once_duties(
    services: Services,
    *,
    consumer: JournalConsumer,
    sweeper: Sweeper,
    reconciler: Reconciler,
    recovery: Recovery,
) -> Sequence[Duty]:
    """The duties, each with how often it looks for work."""
    hub = services.hub

    async def archive_rooms() -> int:
        moved = 0
        for room_id in await services.active_rooms.recent(hub.now_ms()):
            moved += await services.rooms.archive_room(room_id, hub.now_ms())
        return moved

    async def sweep() -> int:
        return await sweeper.step(hub.now_ms())

    async def reconcile() -> int:
        return await reconciler.step(hub.now_ms())

    async def audit() -> int:
        problems = await services.auditor.watch()
        services.metrics.audited(problems, await services.refunding.failed_count())
        for sale_id, count in problems.items():
            if count:
                log.error("sale_unbalanced", sale_id=sale_id, problems=count)
        return 0

    return (
        # A transaction for what a few milliseconds brought costs as much as one for a thousand.
        Duty("journal", consumer.step, 0.05, drain_from=BATCH_ENTRIES_MAX),
        Duty("holds", sweep, 0.2, drain_from=1),
        Duty("auction_orders", services.selling.auction_orders.step, 1.0),
        Duty("queues", services.doorkeeper.admit, 0.25),
        Duty("waitlists", services.offers.step, 0.5),
        Duty("phases", services.selling.announce_due, 0.1),
        *_room_duties(services),
        Duty("archive", archive_rooms, 1.0),
        Duty("payments", reconcile, 1.0),
        *_reward_duties(services),
        Duty("recovery", recovery.step, 1.0),
        Duty("audit", audit, AUDIT_EVERY_S),
        Duty("retire", sweeper.retire, 60.0),
    )


def _room_duties(services: Services) -> Sequence[Duty]:
    hub = services.hub

    def closing(resume: Callable[[int, ReplicaOf], Awaitable[int]]) -> Step:
        return lambda: resume(hub.now_ms(), hub.replica)

    return (
        Duty("lotteries", closing(services.activities.giveaways.resume), 0.2),
        Duty("prizes", closing(services.activities.claiming.resume), 0.5),
        Duty("auctions", closing(services.activities.auctions.resume), 0.2),
        Duty("polls", closing(services.activities.polls.resume), 0.2),
        Duty("handouts", closing(services.activities.handouts.duty.resume), 0.2),
    )


def _reward_duties(services: Services) -> Sequence[Duty]:
    rewards, now_ms = services.rewards, services.hub.now_ms
    return (
        Duty("claims", lambda: rewards.coupons.step(now_ms()), 0.2, drain_from=1),
        Duty("benefits", lambda: rewards.benefits.step(now_ms()), 5.0),
        Duty("regroupings", lambda: rewards.regrouping.step(now_ms()), 5.0),
        Duty("repurchases", rewards.repurchases.step, 0.5, drain_from=1),
        Duty("checkouts", lambda: rewards.carts.forget(now_ms()), 3600.0),
        Duty("webhooks", lambda: rewards.webhooks.step(now_ms()), 0.3, drain_from=1),
        Duty("webhook_log", lambda: rewards.webhooks.forget(now_ms()), 3600.0),
    )

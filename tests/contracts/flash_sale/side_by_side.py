"""Running the machine of `machine.py` on a real Redis, with the scripts as they are or altered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from redis.asyncio import Redis

from flash_sale.storage.redis import RedisStock
from flash_sale.storage.scripts import Scripts, source
from tests.contracts.flash_sale.machine import Machine


def run_machine(
    redis_url: str,
    *,
    examples: int,
    steps: int,
    phases: tuple[Phase, ...],
    source_of: Callable[[str], str] = source,
) -> None:
    loop = asyncio.new_event_loop()
    redis = Redis.from_url(redis_url)
    stock_store = RedisStock(redis, Scripts(redis, source_of=source_of))
    parts = {"loop": loop, "redis": redis, "scripts": stock_store}
    try:
        run_state_machine_as_test(
            type("TheMachine", (Machine,), parts),
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                phases=phases,
                report_multiple_bugs=False,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.run_until_complete(redis.aclose())
        loop.close()

"""Any worker answers /metrics for all of them."""

from __future__ import annotations

from redis.asyncio import Redis

from server.telemetry import Metrics


async def test_a_worker_shows_the_others_and_forgets_the_silent(redis: Redis) -> None:
    """A worker that stopped publishing is left out after a while."""
    first, second, gone = Metrics("a"), Metrics("b"), Metrics("c")
    for metrics in (first, second, gone):
        metrics.connected()
    await gone.publish(redis, now_ms=0)
    await second.publish(redis, now_ms=100_000)
    text = (await first.merged(redis, now_ms=101_000)).decode()
    assert 'liveroom_connections_total{worker="a"} 1.0' in text
    assert 'liveroom_connections_total{worker="b"} 1.0' in text
    assert 'worker="c"' not in text

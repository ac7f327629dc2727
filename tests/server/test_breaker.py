"""Who does not answer is left alone for a while."""

from __future__ import annotations

from server.breaker import FAILURES_MAX, REST_MS, Breaker


def test_it_opens_rests_lets_one_try_and_closes() -> None:
    breaker = Breaker()
    for now_ms in range(FAILURES_MAX):
        assert breaker.allows(now_ms)
        breaker.failed(now_ms)
    last_ms = FAILURES_MAX - 1
    assert not breaker.allows(last_ms + REST_MS - 1)
    assert breaker.allows(last_ms + REST_MS)
    assert not breaker.allows(last_ms + REST_MS), "one tries, the others wait for its outcome"
    breaker.answered()
    assert breaker.allows(last_ms + REST_MS)


def test_failures_must_come_in_a_row() -> None:
    breaker = Breaker()
    for now_ms in range(3 * FAILURES_MAX):
        breaker.failed(now_ms)
        breaker.answered()
    assert breaker.allows(0)

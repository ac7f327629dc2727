"""Token buckets: bursts, refill, bounded memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.rate_limit import BucketTable, TokenBucket


def test_a_burst_passes_and_the_next_waits() -> None:
    """The wait told is exactly the time until one more would pass."""
    bucket = TokenBucket(rate_per_s=2, burst=3, now_ms=0)
    assert [bucket.take(0) for _ in range(4)] == [0, 0, 0, 500]
    assert bucket.take(499) == 1
    assert bucket.take(500) == 0


def test_zero_means_no_limit() -> None:
    """Rooms and load tests may lift a limit."""
    table = BucketTable(rate_per_s=0, burst=1)
    assert all(table.take("anyone", 0) == 0 for _ in range(100))
    assert len(table) == 0


def test_more_than_a_burst_is_refused_and_takes_nothing() -> None:
    """A batch larger than the bucket can never pass."""
    bucket = TokenBucket(rate_per_s=1, burst=5, now_ms=0)
    assert bucket.take(0, 6) > 0
    assert bucket.take(0, 5) == 0


def test_a_clock_that_goes_back_gives_nothing() -> None:
    """Time is the server's; a step back must not refill or raise."""
    bucket = TokenBucket(rate_per_s=1, burst=1, now_ms=10_000)
    assert bucket.take(10_000) == 0
    assert bucket.take(5_000) > 0


def test_people_do_not_share_buckets() -> None:
    """One busy person does not slow another."""
    table = BucketTable(rate_per_s=1, burst=1)
    assert table.take("ann", 0) == 0
    assert table.take("ann", 0) > 0
    assert table.take("bob", 0) == 0


def test_the_table_is_bounded_and_forgets_the_idle_first() -> None:
    """At the limit, who has not acted for long goes; who is being limited stays limited."""
    table = BucketTable(rate_per_s=1, burst=1, entries_max=10)
    for number in range(9):
        table.take(f"idle-{number}", 0)
    table.take("busy", 60_000)
    for number in range(9):
        table.take(f"new-{number}", 60_000)
    assert len(table) <= 10
    assert table.take("busy", 60_000) > 0


@given(
    st.floats(0.1, 50),
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(0, 2_000), st.integers(1, 3)), max_size=60),
)
def test_never_more_than_the_burst_and_the_rate(
    rate_per_s: float, burst: int, steps: list[tuple[int, int]]
) -> None:
    """Whatever the pattern of calls, what passes is bounded by burst + rate x time."""
    bucket = TokenBucket(rate_per_s, burst, 0)
    now_ms = passed = 0
    for wait_ms, n in steps:
        now_ms += wait_ms
        passed += n if bucket.take(now_ms, n) == 0 else 0
        assert passed <= burst + rate_per_s * now_ms / 1000 + 1e-6

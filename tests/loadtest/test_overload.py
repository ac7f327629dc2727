"""Overload: what counts as stable, what is judged, and one short run that finds its own limit."""

from __future__ import annotations

import pytest

from loadtest.checks import Failure
from loadtest.flood import FloodPlan, FloodResult
from loadtest.goal_lines import Verdict, judged
from loadtest.overload import (
    Memory,
    OverloadPlan,
    OverloadResult,
    highest,
    judge,
    run_overload,
    unstable,
)
from loadtest.own_server import OwnServer
from loadtest.prove_overload import document


def flood(*, critical_ms: int = 20, send_ms: int = 20, offered_s: float = 4.0) -> FloodResult:
    found = FloodResult(FloodPlan(viewers=100, comments_per_s=100, seconds=4))
    found.said, found.offered_s, found.took_s = 400, offered_s, offered_s + 0.5
    for histogram, ms in (
        (found.critical, critical_ms),
        (found.sends, send_ms),
        (found.quiet_buys, 10),
        (found.flood_buys, 15),
    ):
        histogram.record(ms * 1_000)
    return found


def overload(hard: FloodResult, *, calm_ms: int = 20, peak: float = 250.0) -> OverloadResult:
    calm = (flood(critical_ms=10), flood(critical_ms=calm_ms))
    memory = Memory(before=200, peak=peak, after=220)
    return OverloadResult(OverloadPlan(viewers=100), 100, overload=hard, calm=calm, memory=memory)


def test_stable_is_what_is_answered_soon_and_whole() -> None:
    assert unstable(flood()) == ""
    assert unstable(flood(critical_ms=300)) == "critical events late"
    assert unstable(flood(send_ms=600)) == "answers late"
    assert unstable(flood(offered_s=5.0)) == "generator"
    refused, broken = flood(), flood()
    refused.refused["unavailable"] = 10
    assert unstable(refused) == "refuses"
    broken.failures.append(Failure("missed", "v1", "seq 3"))
    assert unstable(broken) == "missed"


def test_a_good_overload_is_not_blamed() -> None:
    assert judge(overload(flood())) == []


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (overload(flood()), Verdict.YES),
        (overload(flood(critical_ms=600)), Verdict.NO),
        (overload(flood(), peak=400.0), Verdict.NO),
        (overload(flood(offered_s=5.0)), Verdict.NOT_JUDGED),
    ],
)
def test_the_goal_is_read_from_what_is_written(result: OverloadResult, verdict: Verdict) -> None:
    result.failures = judge(result)
    lines = {line.key: line for line in judged({"overload": document(result)})}
    assert lines["overload"].verdict is verdict


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (overload(flood(critical_ms=600)), "critical_late"),
        (overload(flood(), peak=400.0), "memory"),
        (overload(flood(), calm_ms=50), "not_calm"),
        (overload(flood(offered_s=5.0)), "not_offered"),
    ],
)
def test_each_promise_that_is_broken_is_named(bad: OverloadResult, kind: str) -> None:
    assert [failure.kind for failure in judge(bad)] == [kind]


def test_slow_answers_and_reservations_are_named() -> None:
    late, slow = flood(), flood()
    late.took_s = late.offered_s + 6
    slow.flood_buys.record(50_000)
    slow.flood_buys.record(50_000)
    assert [failure.kind for failure in judge(overload(late))] == ["not_back"]
    assert [failure.kind for failure in judge(overload(slow))] == ["reserve_slow"]


@pytest.mark.parametrize(
    ("limit", "found"),
    [
        (1_000.0, 1_000.0),
        (800.0, 707),
        (600.0, 500.0),
        (60.0, 31.25),
        (5.0, None),
        (9_000.0, 4_000.0),
    ],
)
async def test_the_highest_rate_that_holds_is_found(limit: float, found: float | None) -> None:
    """From below, from above, up to the most that is tried, and not at all."""
    tried: list[float] = []

    async def holds(per_s: float) -> bool:
        tried.append(per_s)
        return per_s <= limit

    assert await highest(holds, first=250, most=4_000) == found
    assert len(tried) <= 8


async def test_a_short_run_loses_nothing_critical() -> None:
    """Not at the limit, which a test could not find in its time; but all of the way."""
    plan = OverloadPlan(
        viewers=15, from_per_s=20, to_per_s=20, step_s=1.0, seconds=1.5, quiet_s=0.5
    )
    async with OwnServer() as server:
        result = await run_overload(server, plan)
    kinds = {failure.kind for failure in result.failures}
    assert kinds <= {"never_stable"}, result.failures  # on a machine that is busy
    assert result.overload is not None
    assert result.overload.plan.comments_per_s == result.stable_per_s * 3
    assert result.overload.critical.count > 0
    assert result.memory.peak >= result.memory.before > 0
    assert result.tried[0][0] == 20

"""Three times what a room can bear: the steps of `prove_overload.py`, and what is read off them.

The crowd is the flood's. Here it is decided what counts as stable, memory is watched, and the
server is looked at again when the overload is over.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from loadtest.checks import Failure
from loadtest.flood import FloodPlan, FloodResult, judge_pace, run_flood
from loadtest.own_server import OwnServer, cpu_s_of, rss_bytes_of
from loadtest.report import Histogram

TIMES = 3.0  # the highest stable load
BACK_S_MAX = 5.0  # from the last comment until every one is answered
CALM_SLOWER_MAX = 2.0  # a calm room's p50 after it against before
CALM_MS_MIN = 20.0  # below this a slower answer is no worse service
STABLE_CRITICAL_MS = 250.0
STABLE_SEND_MS = 500.0
STABLE_REFUSED_SHARE = 0.01
LOWEST_PER_S = 10.0  # a machine that cannot bear this has nothing to prove
OFFERED_SHARE_MIN = 0.95  # of the load; less, and the generator was the limit
RSS_LOOK_S = 0.1
MEGABYTE = 1 << 20
# What may wait for one viewer (its outbox and its socket's buffer), and what a worker has besides.
MORE_MB_PER_VIEWER, MORE_MB = 0.35, 64.0


@dataclass(frozen=True, slots=True)
class OverloadPlan:
    """What one run does."""

    viewers: int = 500
    from_per_s: float = 250.0
    to_per_s: float = 16_000.0
    step_s: float = 4.0
    seconds: float = 15.0
    quiet_s: float = 5.0
    seed: int = 1


@dataclass
class Memory:
    """Resident megabytes of the server's processes."""

    before: float = 0.0
    peak: float = 0.0
    after: float = 0.0


@dataclass
class OverloadResult:
    """What came of it."""

    plan: OverloadPlan
    stable_per_s: float = 0.0
    tried: list[tuple[float, str]] = field(default_factory=list)
    overload: FloodResult | None = None
    calm: Sequence[FloodResult] = ()
    memory: Memory = field(default_factory=Memory)
    generator_share: float = 0.0  # of a core, in the overload
    failures: list[Failure] = field(default_factory=list)


class RssWatch:
    """The largest memory of processes while it is entered."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self.peak_mb = 0.0
        self._task: asyncio.Task[None] | None = None

    def now_mb(self) -> float:
        return sum(rss_bytes_of(pid) for pid in self._pids) / MEGABYTE

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._look())
        return self

    async def _look(self) -> None:
        while True:
            self.peak_mb = max(self.peak_mb, self.now_mb())
            await asyncio.sleep(RSS_LOOK_S)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._task is not None
        self.peak_mb = max(self.peak_mb, self.now_mb())
        while not self._task.done():  # a wait that ends in this very moment swallows a cancel
            self._task.cancel()
            await asyncio.wait([self._task], timeout=RSS_LOOK_S)


async def run_overload(server: OwnServer, plan: OverloadPlan) -> OverloadResult:
    """All of it against a server that is up."""
    result = OverloadResult(plan)
    flood = _Floods(server, plan)
    before = await flood.calm()
    result.stable_per_s = await _highest_stable(flood, plan, result)
    watch = RssWatch(server.worker_pids())
    result.memory.before = watch.now_mb()
    own_cpu = cpu_s_of(os.getpid())
    async with watch:
        hard = await flood.run(
            result.stable_per_s * TIMES, seconds=plan.seconds, quiet_s=plan.quiet_s
        )
    result.memory.peak = watch.peak_mb
    result.generator_share = (cpu_s_of(os.getpid()) - own_cpu) / max(hard.took_s, 0.001)
    result.overload = hard
    result.calm = (before, await flood.calm())
    result.memory.after = watch.now_mb()
    result.failures += hard.failures
    for calm in result.calm:
        result.failures += calm.failures
    return result


class _Floods:
    """Floods of one server, each with people of its own."""

    def __init__(self, server: OwnServer, plan: OverloadPlan) -> None:
        self._server = server
        self._plan = plan
        self._number = 0

    async def run(
        self, per_s: float, *, seconds: float, quiet_s: float, viewers: int | None = None
    ) -> FloodResult:
        self._number += 1
        seed = self._plan.seed * 1_000 + self._number
        flood = FloodPlan(viewers or self._plan.viewers, per_s, seconds, quiet_s, seed)
        return await run_flood(self._server.url, flood, jwt_secret=self._server.jwt_secret)

    async def calm(self) -> FloodResult:
        """A few people who talk a little: how the server feels when nothing is wrong."""
        return await self.run(5, seconds=self._plan.step_s, quiet_s=0.2, viewers=10)


async def _highest_stable(flood: _Floods, plan: OverloadPlan, result: OverloadResult) -> float:
    async def holds(per_s: float) -> bool:
        found = await flood.run(per_s, seconds=plan.step_s, quiet_s=0.5)
        why = unstable(found)
        result.tried.append((round(per_s), why or "stable"))
        return not why

    best = await highest(holds, first=plan.from_per_s, most=plan.to_per_s)
    if best is None:
        result.failures.append(Failure("never_stable", "overload", "too slow for any load"))
    return best or result.tried[-1][0]


async def highest(
    holds: Callable[[float], Awaitable[bool]], *, first: float, most: float
) -> float | None:
    """The highest rate that holds, known to a factor of 1.4: doubled until one does not, or halved
    until one does, then once between. None when even the lowest does not hold."""
    best, per_s = None, first
    while per_s <= most and await holds(per_s):
        best, per_s = per_s, per_s * 2
    if best is None:
        per_s = first / 2
        while per_s >= LOWEST_PER_S and not await holds(per_s):
            per_s /= 2
        return per_s if per_s >= LOWEST_PER_S else None
    between = round(best * math.sqrt(2))
    return between if per_s <= most and await holds(between) else best


def unstable(found: FloodResult) -> str:
    """Why a load is more than the server can bear; empty when it is not."""
    said = found.said + sum(found.refused.values())
    if found.failures:
        return str(found.failures[0].kind)
    if offered_share(found) < OFFERED_SHARE_MIN:
        return "generator"
    if sum(found.refused.values()) > STABLE_REFUSED_SHARE * said:
        return "refuses"
    if _ms(found.critical, 99) > STABLE_CRITICAL_MS:
        return "critical events late"
    return "answers late" if _ms(found.sends, 99) > STABLE_SEND_MS else ""


def offered_share(found: FloodResult) -> float:
    """Of the load that was to be offered."""
    return min(1.0, found.plan.seconds / max(found.offered_s, 0.001))


def back_s(found: FloodResult) -> float:
    """From the last comment that was sent until each had its answer."""
    return max(0.0, found.took_s - found.offered_s)


def judge(result: OverloadResult) -> list[Failure]:
    """What was promised of pace and memory and not held."""
    hard = result.overload
    assert hard is not None
    plan, memory = result.plan, result.memory
    more_mb, most_mb = memory.peak - memory.before, MORE_MB + plan.viewers * MORE_MB_PER_VIEWER
    calm = [_ms(each.critical, 50) for each in result.calm]
    slowest = max(CALM_MS_MIN, calm[0] * CALM_SLOWER_MAX)
    checks = (
        ("memory", more_mb <= most_mb, f"{more_mb:.0f} MB more, {most_mb:.0f} allowed"),
        ("not_back", back_s(hard) <= BACK_S_MAX, f"{back_s(hard):.1f} s until all was answered"),
        ("not_calm", calm[-1] <= slowest, f"p50 {calm[-1]:.0f} ms after, {calm[0]:.0f} before"),
        (
            "not_offered",
            offered_share(hard) >= OFFERED_SHARE_MIN,
            f"{offered_share(hard):.0%}: the generator was the limit",
        ),
    )
    missed = [Failure(kind, "overload", detail) for kind, held, detail in checks if not held]
    return [*judge_pace(hard), *missed]


def _ms(histogram: Histogram, percent: float) -> float:
    return histogram.percentile(percent) / 1_000

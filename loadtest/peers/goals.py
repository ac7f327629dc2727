"""What the rows of the fan-out benchmark mean: each goal, what was found, and whether it counts.

Pure: rows in, verdicts out. A row that the generator refused is never judged; one whose generator
was starved of its core is judged by its CPU, not by its times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Row = Mapping[str, Any]
OURS, LIMIT = "liveroom", "C send loop"
HOT, SINGLE, QUIET = "hot room", "one a frame", "quiet room"
CPU_RATIOS = {"uWebSockets": 0.5, "ws": 0.1, "nchan": 0.1, "python-socketio": 0.1}
FRAMES_SHARE = 0.75  # of the C loop's frames a CPU second
HOT_DELIVERIES_PER_S, HOT_P99_MS = 500_000, 100.0
QUIET_P50_MS = 5.0
ALL_PERCENT = 99.9  # delivered: below, a server did not keep up
JOINED_MAX = 1.05  # comments a frame where each should have one of its own
CORE_SHARE_MAX = 0.8  # of a server whose cost of a frame is compared: fuller, it is in its own way


class Goal(NamedTuple):
    """A verdict. `reached` is None when it could not be judged, and `why` says why not."""

    what: str
    found: float | None
    goal: str
    reached: bool | None
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        return self._asdict()


def goals(rows: Sequence[Row]) -> list[Goal]:
    """All goals, in one order; those without their rows say so."""
    by = {(row["load"], row["server"]): row for row in rows}
    verdicts = [_cpu_goal(by, peer, ratio) for peer, ratio in CPU_RATIOS.items()]
    return [*verdicts, _frames_goal(by), *_latency_goals(by)]


def unfit(row: Row | None, *, times: bool = False) -> str:
    """Why a row must not be judged; empty when it may."""
    if row is None:
        return "not measured"
    if row["refused"]:
        return "the generator was saturated"
    if times and row["starved"]:
        return "the generator did not have its core to itself"
    if not row["deliveries_per_s"]:
        return "nothing arrived"
    if not row["cpu_s_per_million"]["all"]:
        return "no CPU time was seen"
    return ""


def _cpu_goal(by: Mapping[tuple[str, str], Row], peer: str, ratio: float) -> Goal:
    """CPU a delivered comment, all processes of the server, at the same offered load."""
    what = f"CPU a delivery, hot room, liveroom / {peer}"
    return _compared(by, HOT, peer, what, f"≤ {ratio:g}", _cpu_ratio, lambda r: r <= ratio)


def _cpu_ratio(ours: Row, theirs: Row) -> float:
    return float(ours["cpu_s_per_million"]["all"] / theirs["cpu_s_per_million"]["all"])


def _frames_goal(by: Mapping[tuple[str, str], Row]) -> Goal:
    """Frames written in a second of CPU, the same frames for both."""
    what = "frames a CPU second, one comment a frame, liveroom / C send loop"
    wanted = f"≥ {FRAMES_SHARE:g}"
    for name in (OURS, LIMIT):
        row = by.get((SINGLE, name))
        if why := unfit(row) or _unlike(row):
            return Goal(what, None, wanted, None, f"{name}: {why}")
    return _compared(by, SINGLE, LIMIT, what, wanted, _frames_ratio, lambda r: r >= FRAMES_SHARE)


def _unlike(row: Row | None) -> str:
    """Why a row is not one of the same frames, written by a server with time to spare."""
    assert row is not None
    if row["delivered_percent"] < ALL_PERCENT:
        return f"delivered {row['delivered_percent']:.0f} % in time"
    if row["comments_per_frame"] > JOINED_MAX:
        return f"joined {row['comments_per_frame']:g} comments a frame"
    if row["cpu_share"]["all"] > CORE_SHARE_MAX:
        return f"took {row['cpu_share']['all']:.0%} of its core"
    return ""


def _frames_ratio(ours: Row, theirs: Row) -> float:
    return float(theirs["cpu_us_per_frame"]["all"] / ours["cpu_us_per_frame"]["all"])


def _compared(
    by: Mapping[tuple[str, str], Row],
    load: str,
    peer: str,
    what: str,
    wanted: str,
    ratio: Callable[[Row, Row], float],
    good: Callable[[float], bool],
) -> Goal:
    ours, theirs = by.get((load, OURS)), by.get((load, peer))
    for name, row in ((OURS, ours), (peer, theirs)):
        if why := unfit(row):
            return Goal(what, None, wanted, None, f"{name}: {why}")
    assert ours is not None
    assert theirs is not None
    found = ratio(ours, theirs)
    notes = [note for row in (ours, theirs) if (note := _note(row))]
    return Goal(what, round(found, 3), wanted, good(found), "; ".join(notes))


def _note(row: Row) -> str:
    """What a reader of the ratio should know of one side."""
    if row["delivered_percent"] < ALL_PERCENT:
        return f"{row['server']} delivered {row['delivered_percent']:.0f} % in time"
    return ""


def _latency_goals(by: Mapping[tuple[str, str], Row]) -> list[Goal]:
    hot, quiet = by.get((HOT, OURS)), by.get((QUIET, OURS))
    what = "delivery p99 ms, hot room, at 500,000 deliveries a second or more"
    verdicts = []
    if why := unfit(hot, times=True):
        verdicts.append(Goal(what, None, f"≤ {HOT_P99_MS:g}", None, why))
    else:
        assert hot is not None
        p99, rate = hot["latency_ms"]["p99"], hot["deliveries_per_s"]
        reached = p99 <= HOT_P99_MS and rate >= HOT_DELIVERIES_PER_S
        verdicts.append(Goal(what, p99, f"≤ {HOT_P99_MS:g}", reached, f"{rate:,} a second"))
    what = "delivery p50 ms, a lone comment in a quiet room"
    if why := unfit(quiet, times=True):
        verdicts.append(Goal(what, None, f"≤ {QUIET_P50_MS:g}", None, why))
    else:
        assert quiet is not None
        p50 = quiet["latency_ms"]["p50"]
        verdicts.append(Goal(what, p50, f"≤ {QUIET_P50_MS:g}", p50 <= QUIET_P50_MS))
    return verdicts

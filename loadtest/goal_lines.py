"""The goals, each in its own words, judged by what the benchmarks wrote with `--json`.

Pure: documents in, lines out. What a run could not show is never called reached: a missing
document, a row that its tool refused, a run that was not exact each make it "not judged".
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from loadtest.bench_room import JOIN, SHAKE
from loadtest.bench_sale import ENGINE, PEER
from loadtest.bench_scale import DELIVERED_MIN, grown, kept_up
from loadtest.peers.goals import CPU_RATIOS, Goal
from loadtest.peers.goals import goals as fanout_goals

Document = Mapping[str, Any]
Documents = Mapping[str, Document]

VIEWERS, VIEWERS_P99_MS, VIEWERS_KB = 18_000, 250.0, 20.0
JOIN_SHARE = 0.6
RESERVATIONS_PER_S, OVER_REDIS = 100_000.0, 2.5
BUY_SHARE = 0.5
ORDERS_PER_S, LAG_S = 20_000.0, 1.0
CACHED_VIEWERS = 10_000
LINEAR_MAX = 1.1  # from one point to the next: a tenth is what two runs differ by
COMMENTS_GROWTH_MAX = 0.5
CRITICAL_P99_MS, RESERVE_SLOWER = 500.0, 2.0
CRITICAL_FAULTS: Final = frozenset(
    ("lost", "doubled", "out_of_order", "differing", "left_behind", "false_recovery",
     "wrong_resume", "event_before_hello")
)  # fmt: skip


class Verdict(StrEnum):
    YES = "yes"
    NO = "no"
    PARTLY = "not all was measured"
    NOT_JUDGED = "not judged"
    NOT_MEASURED = "not measured"


class Clause(NamedTuple):
    """One figure of a goal. `reached` is None where there is none that counts: `found` says why."""

    what: str
    found: str
    reached: bool | None
    measured: bool = True


class Line(NamedTuple):
    """A goal and what was found of it."""

    key: str
    what: str
    goal: str
    parts: Sequence[str]  # the runs it is read from
    clauses: Sequence[Clause]

    @property
    def verdict(self) -> Verdict:
        if any(clause.reached is False for clause in self.clauses):
            return Verdict.NO
        if all(clause.reached for clause in self.clauses):
            return Verdict.YES
        if not any(clause.measured for clause in self.clauses):
            return Verdict.NOT_MEASURED
        return Verdict.PARTLY if any(c.reached for c in self.clauses) else Verdict.NOT_JUDGED


def judged(documents: Documents) -> list[Line]:
    """All goals in their order."""
    return [
        Line(key, what, goal, parts, judge(documents)) for key, what, goal, parts, judge in GOALS
    ]


def _missing(what: str) -> Clause:
    return Clause(what, "not measured", reached=None, measured=False)


def _not_judged(what: str, why: str) -> Clause:
    return Clause(what, f"not judged: {why}", reached=None)


def _at_least(what: str, found: float, least: float, *, note: str = "") -> Clause:
    return Clause(what, _figure(found) + note, found >= least)


def _at_most(what: str, found: float, most: float, *, unit: str = "", note: str = "") -> Clause:
    return Clause(what, _figure(found) + unit + note, found <= most)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


# -- fan-out --------------------------------------------------------------------------------------


def _of_fanout(names: Mapping[str, str]) -> Callable[[Documents], list[Clause]]:
    """Its own verdicts, made anew from its rows: by how their name ends, and what to call them."""

    def judge(documents: Documents) -> list[Clause]:
        document = documents.get("fanout")
        if document is None:
            return [_missing(name) for name in names.values()]
        if not document["goals"]:
            return [_not_judged(name, "a trial with fewer viewers") for name in names.values()]
        goals = fanout_goals(document["rows"])
        return [
            _of_goal(name, goal)
            for end, name in names.items()
            for goal in goals
            if goal.what.endswith(end)
        ]

    return judge


def _of_goal(what: str, goal: Goal) -> Clause:
    if goal.found is None:
        return _missing(what) if goal.why.endswith("not measured") else _not_judged(what, goal.why)
    note = f" ({goal.why})" if goal.why else ""
    return Clause(what, f"{goal.found:g}{note}", goal.reached)


# -- growth ---------------------------------------------------------------------------------------


def _points(documents: Documents, curve: str) -> list[Document]:
    document = documents.get("scale")
    points = [] if document is None else document["points"]
    return [point for point in points if point["curve"] == curve]


def _viewers(documents: Documents) -> list[Clause]:
    for point in _points(documents, "viewers"):
        if point["viewers"] < VIEWERS:
            continue
        memory = _at_most("memory of each", point["rss_kb_per_viewer"], VIEWERS_KB, unit=" KB")
        arrived = point["delivered_percent"]
        if point["refused"]:
            return [_not_judged("p99", "the generator was saturated"), memory]
        note = f" at {point['deliveries_per_s']:,} deliveries a second, {arrived:g} % arrived"
        p99 = point["latency_ms"]["p99"]
        reached = p99 <= VIEWERS_P99_MS and arrived >= DELIVERED_MIN
        return [Clause("p99", f"{_figure(p99)} ms{note}", reached), memory]
    return [_missing("p99"), _missing("memory of each")]


def _growth(documents: Documents) -> list[Clause]:
    against_viewers = "CPU's growth over the viewers'"
    against_comments = "over the comments'"
    clauses = []
    viewers = [row for row in _points(documents, "viewers") if kept_up(row)]
    steps = [grown(pair, "viewers") for pair in itertools.pairwise(viewers)]
    steepest = max((step for step in steps if step is not None), default=None)
    if steepest is None:
        clauses.append(_missing(against_viewers))
    else:
        note = f" in the steepest step of {viewers[0]['viewers']:,} to {viewers[-1]['viewers']:,}"
        clauses.append(_at_most(against_viewers, steepest, LINEAR_MAX, note=note))
    comments = [row for row in _points(documents, "comments") if kept_up(row)]
    growth = grown(comments, "comments_per_s")
    if growth is None:
        clauses.append(_missing(against_comments))
    else:
        clauses.append(_at_most(against_comments, growth, COMMENTS_GROWTH_MAX))
    return clauses


# -- a room, and the sale -------------------------------------------------------------------------


def _parts_of(documents: Documents, name: str) -> tuple[dict[str, Document], str]:
    """The parts of a run by name, and why they do not count (empty when they do)."""
    document = documents.get(name)
    if document is None:
        return {}, ""
    why = "; ".join(document["broken"][:2])
    return {part["name"]: part for part in document["parts"]}, why


def _rate(parts: Mapping[str, Document], why: str, what: str, name: str, least: float) -> Clause:
    if name not in parts:
        return _missing(what)
    return _not_judged(what, why) if why else _at_least(what, parts[name]["per_s"], least)


def _ratio(
    parts: Mapping[str, Document],
    why: str,
    what: str,
    *,
    ours: str,
    theirs: str,
    process: str,
    least: float,
) -> Clause:
    """By the clock, as the goal says it, and by the CPU of the process both have: the lower counts.

    What else a machine does moves the clock, and may move it in our favour.
    """
    if ours not in parts or theirs not in parts:
        return _missing(what)
    if why:
        return _not_judged(what, why)
    mine, peer = parts[ours]["per_s"], parts[theirs]["per_s"]
    my_us, peer_us = (parts[name]["cpu_us_each"][process] for name in (ours, theirs))
    if not (peer and my_us and peer_us):
        return _not_judged(what, "nothing was done, or no CPU seen")
    clock, cpu = mine / peer, peer_us / my_us
    full = [name for name in (ours, theirs) if parts[name]["generator_limited"]]
    note = f" by the clock ({mine:,.0f} / {peer:,.0f}), {_figure(cpu)} by CPU"
    note += "".join(f"; {name}: its generator was full" for name in full)
    return Clause(what, _figure(clock) + note, min(clock, cpu) >= least)


def _joins(documents: Documents) -> list[Clause]:
    parts, why = _parts_of(documents, "room")
    what = "of bare handshakes"
    return [_ratio(parts, why, what, ours=JOIN, theirs=SHAKE, process="worker", least=JOIN_SHARE)]


def _reservations(documents: Documents) -> list[Clause]:
    parts, why = _parts_of(documents, "sale")
    return [
        _rate(parts, why, "a second", ENGINE, RESERVATIONS_PER_S),
        _ratio(
            parts,
            why,
            "over redis-benchmark",
            ours=ENGINE,
            theirs=PEER,
            process="redis",
            least=OVER_REDIS,
        ),
    ]


def _buying(documents: Documents) -> list[Clause]:
    parts, why = _parts_of(documents, "sale")
    doors = {"WebSocket": "bare aiohttp, WebSocket echo", "HTTP": "bare aiohttp, JSON POST"}
    return [
        _ratio(
            parts,
            why,
            door,
            ours=f"sale.buy over {door}",
            theirs=bare,
            process="worker",
            least=BUY_SHARE,
        )
        for door, bare in doors.items()
    ]


def _journal(documents: Documents) -> list[Clause]:
    parts, why = _parts_of(documents, "sale")
    rates = [
        _rate(parts, why, name, f"journal into {name}", ORDERS_PER_S)
        for name in ("SQLite", "PostgreSQL")
    ]
    stampede = documents.get("stampede")
    if stampede is None:
        return [*rates, _missing("lag")]
    if stampede["broken"]:
        return [*rates, _not_judged("lag", f"the stampede was not exact: {stampede['broken']}")]
    return [*rates, _at_most("lag", stampede["journal_lag_s_max"], LAG_S, unit=" s")]


# -- the cache, and too much ----------------------------------------------------------------------


def _cached(documents: Documents) -> list[Clause]:
    what = "100 and 10,000 viewers"
    document = documents.get("ticks")
    if document is None:
        return [_missing(what)]
    if document["broken"]:
        return [_not_judged(what, "; ".join(document["broken"][:2]))]
    if document["rows"][-1]["viewers"] < CACHED_VIEWERS:
        return [_not_judged(what, "a trial with fewer viewers")]
    return [
        Clause(goal["what"], f"{goal['found']:g} (goal {goal['goal']})", goal["reached"])
        for goal in document["goals"]
    ]


def _overload(documents: Documents) -> list[Clause]:
    names = ("critical events lost", "p99 of critical", "reserving, over the quiet room's p50",
             "memory")  # fmt: skip
    document = documents.get("overload")
    if document is None:
        return [_missing(name) for name in names]
    broken, hard = document["broken"], document["overload"]
    if not document["stable_per_s"] or "not_offered" in broken:
        why = "the generator was the limit" if document["stable_per_s"] else "no load was stable"
        return [_not_judged(name, why) for name in names]
    lost = sum(count for kind, count in broken.items() if kind in CRITICAL_FAULTS)
    memory = document["rss_mb"]
    grew = f"{memory['before']:g} → {memory['peak']:g} MB"
    return [
        _at_most(names[0], lost, 0),
        _at_most(names[1], hard["latency_ms"]["critical"]["p99"], CRITICAL_P99_MS, unit=" ms"),
        _at_most(names[2], hard["reserve_ratio_p50"], RESERVE_SLOWER),
        Clause(names[3], grew, "memory" not in broken),
    ]


Judge = Callable[[Documents], list[Clause]]
GOALS: Final[Sequence[tuple[str, str, str, Sequence[str], Judge]]] = (
    (
        "cost",
        "CPU seconds per million delivered comments, hot room (2,000 viewers, 300 comments/s in)",
        "≤ ½ of uWebSockets', ≤ 1/10 of `ws`, nchan and python-socketio at the same offered load",
        ("fanout",), _of_fanout({f"/ {peer}": f"of {peer}" for peer in CPU_RATIOS}),
    ),
    (
        "frames", "frames written per second and core", "≥ 75 % of the C loop",
        ("fanout",), _of_fanout({"/ C send loop": "of the C loop"}),
    ),
    (
        "latency", "delivery latency, all viewers, hot room, p99",
        "≤ 100 ms at 500 k deliveries/s; a lone comment in a quiet room p50 ≤ 5 ms",
        ("fanout",),
        _of_fanout({"deliveries a second or more": "p99, ms", "a quiet room": "lone, p50, ms"}),
    ),
    (
        "viewers", "viewers on this machine",
        "18,000 on 2 workers with 50 comments/s, p99 ≤ 250 ms, ≤ 20 KB RSS each",
        ("scale",), _viewers,
    ),
    (
        "joins", "joins with token and snapshot", "≥ 60 % of bare aiohttp handshakes/s",
        ("room",), _joins,
    ),
    (
        "reservations", "reservations, engine, durable (`always`)",
        "≥ 100 k/s and ≥ 2.5 × `redis-benchmark` EVALSHA of the same decision, in the same run",
        ("sale",), _reservations,
    ),
    (
        "buying", "`sale.buy` over WebSocket, one worker",
        "≥ 50 % of bare aiohttp echo; over HTTP ≥ 50 % of bare JSON POST",
        ("sale",), _buying,
    ),
    (
        "journal", "journal to SQL",
        "≥ 20 k orders/s on SQLite and on PostgreSQL; lag ≤ 1 s at the end of a stampede",
        ("sale", "stampede"), _journal,
    ),
    (
        "cache", "cache-carried room, nginx as the cache in front",
        "origin requests and CPU the same for 100 and for 10,000 viewers; added latency ≤ one tick",
        ("ticks",), _cached,
    ),
    (
        "growth", "cost growth",
        "linear in viewers; in comments/s at fixed viewers, less than half as fast as the comments",
        ("scale",), _growth,
    ),
    (
        "overload", "overload",
        "at 3× the highest stable load: critical lane 0 lost, p99 of critical ≤ 500 ms, "
        "reserve path within 2×, memory bounded",
        ("overload",), _overload,
    ),
)  # fmt: skip

"""What came out of a swarm run: the figures of all processes together, as a document and a table.

Failures come from the checks alone, by way of swarm.py and replay.py.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from loadtest.checks import Failure, chat_failures, examples, summary
from loadtest.crowd import CrowdResult
from loadtest.plan import Plan
from loadtest.promises import verdicts
from loadtest.report import Histogram, print_latencies, print_table, provenance
from loadtest.timeline import rows, step_s

SATURATED_CPU = 0.9  # own share of a core above which our figures are our own slowness
SATURATED_LAG_MS = 50.0


@dataclass
class Outcome:
    """A finished run: what was measured, and what was broken."""

    plan: Plan
    stock: int
    winners: int
    results: list[CrowdResult]
    published: int = 0
    audits: int = 0
    server_cpu_s: float = 0.0  # over the measured time, when the server is ours to look at
    failures: list[Failure] = field(default_factory=list)

    @property
    def latencies(self) -> dict[str, Histogram]:
        merged: dict[str, Histogram] = {}
        for result in self.results:
            for name, histogram in result.latencies.items():
                merged.setdefault(name, Histogram()).merge(histogram)
        return {name: histogram for name, histogram in merged.items() if histogram.count}

    def total(self, name: str) -> int:
        return sum(int(getattr(result, name)) for result in self.results)

    def counts(self, name: str) -> dict[str, int]:
        total: Counter[object] = Counter()
        for result in self.results:
            total.update(getattr(result, name))
        return {str(key): count for key, count in total.most_common()}

    @property
    def saturated(self) -> bool:
        return any(
            result.cpu_share > SATURATED_CPU or result.lag_p99_ms > SATURATED_LAG_MS
            for result in self.results
        )


def judge_chat(outcome: Outcome) -> None:
    """Take over what each process found, and add up every viewer's chat."""
    for result in outcome.results:
        outcome.failures += result.failures
        outcome.failures += chat_failures(result.tallies, published=outcome.published)


def document(outcome: Outcome, *, seed: int) -> dict[str, Any]:
    """Everything about the run, for the JSON file."""
    plan, broken = outcome.plan, summary(outcome.failures)
    return {
        **provenance(seed=seed),
        "title": f"{plan.viewers:,} viewers, {plan.comments_per_s:g} comments a second, "
        f"{plan.seconds:g} s",
        "plan": _plan(outcome),
        "joined": outcome.total("joined"),
        "not_joined": outcome.total("not_joined"),
        "join_s": round(max(result.join_s for result in outcome.results), 2),
        "comments_published": outcome.published,
        "comments_refused": outcome.counts("refused"),
        **_deliveries(outcome),
        **_criticals(outcome, broken),
        "closes": outcome.counts("closes"),
        "came_back": outcome.total("resumes"),
        **_purchases(outcome),
        "lottery_entries": sum(len(result.entrants) for result in outcome.results),
        "audits": outcome.audits,
        "latency_ms": {name: each.summary_ms() for name, each in outcome.latencies.items()},
        "distribution_ms": {name: each.curve_ms() for name, each in outcome.latencies.items()},
        "timeline": rows([each.steps for each in outcome.results], step_s(plan.seconds)),
        "generator": {
            "cpu_share": [round(result.cpu_share, 3) for result in outcome.results],
            "loop_lag_p99_ms": [round(result.lag_p99_ms, 1) for result in outcome.results],
            "saturated": outcome.saturated,
        },
        "verdicts": [each._asdict() for each in verdicts(_looked_at(outcome), broken)],
        "broken": broken,
        "broken_examples": [list(failure) for failure in examples(outcome.failures)],
    }


def _plan(outcome: Outcome) -> dict[str, Any]:
    plan = outcome.plan
    return {
        "viewers": plan.viewers,
        "comments_per_s": plan.comments_per_s,
        "seconds": plan.seconds,
        "buyers": plan.buyers,
        "stock": outcome.stock,
        "churn_per_s": plan.churn_per_s,
        "cuts_per_s": plan.cuts_per_s,
        "processes": plan.parts,
    }


def _deliveries(outcome: Outcome) -> dict[str, Any]:
    """What arrived; `delivered_percent` is of viewers who were there all the time."""
    tallies = [tally for result in outcome.results for tally in result.tallies]
    whole = [tally for tally in tallies if tally.whole_window]
    shown = sum(tally.shown for tally in tallies)
    offered = outcome.published * len(whole)
    arrived = 100 * sum(tally.shown for tally in whole) / offered if offered else 0.0
    return {
        "deliveries": shown,
        "deliveries_per_s": round(shown / outcome.plan.seconds, 1),
        "frames": outcome.total("frames"),
        "whole_window_viewers": len(whole),
        "delivered_percent": round(arrived, 3),
        "told_dropped": sum(tally.dropped for tally in tallies),
        "told_folded": sum(tally.folded for tally in tallies),
        "doubled": sum(tally.doubled for tally in tallies),
    }


def _criticals(outcome: Outcome, broken: dict[str, int]) -> dict[str, Any]:
    """The critical lane over all clients, each gap and each repeat counted."""
    return {
        "critical_events": outcome.total("criticals"),
        "critical_gaps": broken.get("lost", 0),
        "critical_doubled": broken.get("doubled", 0),
        "critical_out_of_order": broken.get("out_of_order", 0),
    }


def _looked_at(outcome: Outcome) -> dict[str, str]:
    """What this run's checks had before them, by promise; nothing for what did not take place."""
    clients = sum(len(result.tallies) for result in outcome.results)
    whole = sum(tally.whole_window for result in outcome.results for tally in result.tallies)
    events = f"{outcome.total('criticals'):,} events at {clients:,} clients"
    looked = {"lost": events, "order": events, "same": events,
              "replies": f"{outcome.total('commands'):,} commands"}  # fmt: skip
    shown = sum(tally.shown for result in outcome.results for tally in result.tallies)
    looked["doubled"] = f"{events}, {shown:,} comments shown"
    if whole and outcome.published:
        looked["chat"] = f"{outcome.published:,} comments at {whole:,} clients there throughout"
    if outcome.plan.buyers:
        answers = sum(len(result.purchases) for result in outcome.results)
        looked["stock"] = f"{answers:,} answers, {outcome.stock:,} units"
        looked["conservation"] = f"{outcome.audits + 1:,} audits"
    if outcome.plan.entrants:
        entries = sum(len(result.entrants) for result in outcome.results)
        looked["winners"] = f"{min(outcome.winners, entries):,} winners of {entries:,} entries"
    return looked


def _purchases(outcome: Outcome) -> dict[str, Any]:
    purchases = [each for result in outcome.results for each in result.purchases]
    return {
        "reservations": len({each.reservation_id for each in purchases} - {""}),
        "purchase_answers": dict(Counter(each.code or "held" for each in purchases)),
    }


def show(found: dict[str, Any], console: Console) -> None:
    plan = found["plan"]
    title = (
        f"{plan['viewers']} viewers, {plan['comments_per_s']:g} comments/s, {plan['seconds']:g} s"
    )
    names = ("joined", "not_joined", "join_s", "comments_published", "comments_refused",
             "deliveries_per_s", "frames", "delivered_percent", "told_dropped", "told_folded",
             "doubled", "critical_events", "critical_gaps", "critical_doubled",
             "critical_out_of_order", "closes", "came_back", "reservations", "purchase_answers",
             "lottery_entries", "audits")  # fmt: skip
    rows = [[name.replace("_", " "), found[name]] for name in names if found[name] != {}]
    print_table(title, ["", "figure"], rows, console=console)
    print_latencies("Latency, all clients", found["latency_ms"], console=console)
    generator = found["generator"]
    console.print(f"generator: CPU {generator['cpu_share']} of a core, "
                  f"loop lag p99 {generator['loop_lag_p99_ms']} ms")  # fmt: skip
    if generator["saturated"]:
        console.print(
            "[yellow]the generator was saturated or starved: latencies include its own delay"
        )
    if found["broken"]:
        console.print(f"[red]BROKEN: {found['broken']}")
        for example in found["broken_examples"]:
            console.print("  " + " · ".join(example), markup=False)
    else:
        console.print("[green]invariants hold: nothing lost, doubled, out of order or oversold")
    console.print(f"commit {found['commit']} · seed {found['seed']} · {found['command']}",
                  markup=False)  # fmt: skip

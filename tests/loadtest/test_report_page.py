"""A run's page says what its document says: verdict, figures and plots, whoever named the room."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from loadtest import checks, crowd, sale_checks, swarm
from loadtest.checks import Failure
from loadtest.crowd import CrowdResult
from loadtest.history import ChatTally
from loadtest.outcome import Outcome, document
from loadtest.plan import Plan
from loadtest.plots import Line, over_time, round_ticks
from loadtest.promises import OTHER, PROMISES, verdicts
from loadtest.report import Histogram, provenance
from loadtest.report_page import page
from loadtest.timeline import Timeline, rows, step_s


def result() -> CrowdResult:
    """One process that saw ten comments in two steps."""
    seen, timeline = Histogram(), Timeline()
    for step in range(2):
        for number in range(5):
            seen.record((number + 1) * 1000 * (step + 1))
        totals = {"published": (step + 1) * 5, "shown": seen.count}
        timeline.note(levels={"connected": 1}, totals=totals, histograms={"comment": seen})
    tally = ChatTally("one", shown=10)
    return CrowdResult({"comment": seen}, timeline.steps, joined=1, tallies=[tally], criticals=3)


def outcome(*failures: Failure) -> Outcome:
    plan = Plan(url="http://here", room="r", viewers=1, comments_per_s=5, seconds=2)
    made = Outcome(plan, 0, 0, [result(), result()], published=10)
    made.failures += failures
    return made


def found(*failures: Failure) -> dict[str, Any]:
    return document(outcome(*failures), seed=1)


def test_processes_add_up_step_by_step() -> None:
    first, second = rows([result().steps, result().steps], 0.5)
    assert (first["connected"], first["published_per_s"], first["shown_per_s"]) == (2, 20, 20)
    assert first["p50_ms"]["comment"] == pytest.approx(3, rel=0.01)
    assert second["p50_ms"]["comment"] == pytest.approx(6, rel=0.01)


def test_a_long_run_has_no_more_steps_than_a_plot_shows() -> None:
    assert 3600 / step_s(3600) <= 240


def test_a_run_without_failures_says_that_its_promises_held() -> None:
    text = page(found())
    assert "All promises held" in text
    assert "not in this run" in text  # it had no sale
    assert text.count("<svg") == 6
    assert "src=" not in text
    assert "<script" not in text


def test_a_failure_is_told_with_its_promise_and_an_example() -> None:
    text = page(found(Failure("oversold", "sku-1", "12 held of 10")))
    assert "1 broken" in text
    assert "broken 1×" in text
    assert "12 held of 10" in text


def test_text_from_a_room_stays_text() -> None:
    assert "<b>x</b>" not in page(found(Failure("lost", "<b>x</b>", "<b>x</b>")))


def test_every_kind_of_failure_of_the_checks_belongs_to_one_promise() -> None:
    """A new kind without a line of the verdict would be found under the rest only."""
    kinds: set[str] = set()
    for module in (checks, sale_checks, crowd, swarm):
        text = Path(str(module.__file__)).read_text()
        kinds |= set(re.findall(r'(?:Failure|_fail|fail)\(\s*"([a-z_]+)"', text))
        kinds |= {
            kind for pair in re.findall(r'kind = "(\w+)".*else "(\w+)"', text) for kind in pair
        }
    of_orders = {kind for kind in kinds if kind.startswith("order_")} | {"key_ordered_twice"}
    kinds -= of_orders  # of the proofs with a ledger, which have no page
    owners = {kind: [each for each in PROMISES if kind in each.kinds] for kind in kinds}
    assert len(kinds) > 20
    assert {kind for kind, promises in owners.items() if len(promises) != 1} == set()


def test_what_belongs_to_no_promise_is_still_told() -> None:
    assert verdicts({}, {"too_slow": 2})[-1] == (OTHER, "too_slow", 2)


@pytest.mark.parametrize("largest", [0.0, 0.004, 1.0, 7.0, 99.0, 10_000_000.0])
def test_an_axis_has_a_few_round_ticks_and_room_for_all(largest: float) -> None:
    ticks = round_ticks(largest)
    assert ticks[0] == 0
    assert ticks[-1] >= largest
    assert 2 <= len(ticks) <= 6


def test_a_plot_stays_inside_its_frame_and_tells_its_values() -> None:
    text = over_time([Line("p50", [(1, 5), (2, 9)]), Line("one", [(2, 1)])], "ms")
    assert "p50: 9 ms" in text
    assert all(0 <= float(y) <= 230 for y in re.findall(r"[\d.]+,([\d.]+)", text))


def test_a_token_on_the_command_line_is_not_reported() -> None:
    told = provenance(seed=1, command=["swarm", "--host-token", "abc", "--host-token=abc", "x"])
    assert told["command"].endswith("x")
    assert "abc" not in told["command"]

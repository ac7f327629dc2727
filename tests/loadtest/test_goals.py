"""The table of goals: what counts as reached, what as missed, and what as not shown at all."""

from __future__ import annotations

import argparse
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from rich.console import Console

from loadtest.bench_room import JOIN, SHAKE
from loadtest.bench_sale import ENGINE, PEER
from loadtest.goal_lines import GOALS, Line, Verdict, judged
from loadtest.goals import PARTS, Part, command_of, measured_by, run, taken
from loadtest.goals_page import BEGIN, END, WHY_HEADING, put_goals, remarks
from loadtest.peers.goals import CPU_RATIOS, HOT, LIMIT, OURS, QUIET, SINGLE

Document = dict[str, Any]
STORY = {
    "commit": "abc123", "command": "python -m loadtest.made_up", "at": "2026-01-01T00:00:00Z",
    "machine": {"cpu": "some CPU", "cores": 2, "python": "3.11"}, "load_before": [0.5, 0, 0],
}  # fmt: skip


def fanout_row(server: str, load: str, **more: Any) -> Document:
    row = {"server": server, "load": load, "refused": False, "starved": False,
           "deliveries_per_s": 600_000, "delivered_percent": 100.0, "comments_per_frame": 1.0,
           "cpu_s_per_million": {"all": 10.0}, "cpu_us_per_frame": {"all": 4.0},
           "cpu_share": {"all": 0.4}, "latency_ms": {"p50": 2.0, "p99": 80.0}}  # fmt: skip
    return row | more


def part(name: str, per_s: float) -> Document:
    """Of a process at a full core: its rate and its CPU tell the same."""
    each_us = 1e6 / per_s
    return {"name": name, "per_s": per_s, "generator_limited": False,
            "cpu_us_each": {"worker": each_us, "redis": each_us}}  # fmt: skip


def point(curve: str, viewers: int, comments_per_s: float, cpu: float) -> Document:
    return {"curve": curve, "viewers": viewers, "comments_per_s": comments_per_s,
            "published_per_s": comments_per_s, "delivered_percent": 100.0, "refused": False,
            "deliveries_per_s": viewers * 50, "cpu_share": {"all": cpu},
            "rss_kb_per_viewer": 18.0, "latency_ms": {"p99": 240.0}}  # fmt: skip


def all_reached() -> dict[str, Document]:
    """A document of each benchmark with which every goal is reached, some only just."""
    sale = [part(ENGINE, 100_000), part(PEER, 40_000), part("sale.buy over WebSocket", 5_000),
            part("bare aiohttp, WebSocket echo", 10_000), part("sale.buy over HTTP", 5_000),
            part("bare aiohttp, JSON POST", 9_000), part("journal into SQLite", 20_000),
            part("journal into PostgreSQL", 21_000)]  # fmt: skip
    rows = [fanout_row(OURS, HOT, cpu_s_per_million={"all": 1.0})]
    rows += [fanout_row(peer, HOT) for peer in CPU_RATIOS]
    rows += [fanout_row(OURS, SINGLE), fanout_row(LIMIT, SINGLE, cpu_us_per_frame={"all": 3.0})]
    rows += [fanout_row(OURS, QUIET)]
    ticks = [{"what": "requests a tick", "found": 1.0, "goal": "≤ 1.2", "reached": True}]
    hard = {"latency_ms": {"critical": {"p99": 500.0}}, "reserve_ratio_p50": 2.0}
    found = {
        "fanout": {"rows": rows, "goals": ["judged"], "broken": []},
        "scale": {"points": [point("viewers", 100, 50, 0.3), point("viewers", 18_000, 50, 1.2),
                             point("comments", 1_000, 10, 0.1), point("comments", 1_000, 1_000, 5)],
                  "broken": []},
        "sale": {"parts": sale, "broken": []},
        "stampede": {"broken": {}, "journal_lag_s_max": 1.0},
        "room": {"parts": [part(JOIN, 600), part(SHAKE, 1_000)], "broken": []},
        "ticks": {"rows": [{"viewers": 100}, {"viewers": 10_000}], "goals": ticks, "broken": []},
        "overload": {"broken": {}, "overload": hard, "stable_per_s": 500,
                     "rss_mb": {"before": 100, "peak": 150, "after": 120}},
    }  # fmt: skip
    return {name: STORY | document for name, document in found.items()}


def line(documents: Mapping[str, Document], key: str) -> Line:
    return next(line for line in judged(documents) if line.key == key)


def test_every_goal_is_judged_once_and_by_runs_that_there_are() -> None:
    keys = [key for key, *_ in GOALS]
    assert len(set(keys)) == len(keys) == 11
    assert {name for *_, parts, _ in GOALS for name in parts} == {part.name for part in PARTS}


def test_at_its_very_limit_a_goal_is_reached() -> None:
    found = {line.key: (line.verdict, line.clauses) for line in judged(all_reached())}
    assert {verdict for verdict, _ in found.values()} == {Verdict.YES}, found


@pytest.mark.parametrize("name", [part.name for part in PARTS])
def test_what_no_benchmark_measured_is_never_reached(name: str) -> None:
    documents = all_reached()
    del documents[name]
    for line in judged(documents):
        alone = list(line.parts) == [name]
        wanted = Verdict.NOT_MEASURED if alone else Verdict.PARTLY
        assert line.verdict is (wanted if name in line.parts else Verdict.YES)


def change(documents: dict[str, Document], path: str, value: object) -> None:
    """`path`: the keys down to what is changed; a number is a place in a list."""
    *down, last = [int(key) if key.isdigit() else key for key in path.split("/")]
    inner: Any = documents
    for key in down:
        inner = inner[key]
    inner[last] = value


@pytest.mark.parametrize(
    ("key", "path", "value"),
    [
        ("cost", "fanout/rows/1/cpu_s_per_million", {"all": 1.9}),
        ("cost", "fanout/rows/4/cpu_s_per_million", {"all": 9.0}),
        ("frames", "fanout/rows/6/cpu_us_per_frame", {"all": 2.9}),
        ("latency", "fanout/rows/0/latency_ms/p99", 101.0),
        ("latency", "fanout/rows/7/latency_ms/p50", 5.1),
        ("viewers", "scale/points/1/latency_ms/p99", 251.0),
        ("viewers", "scale/points/1/rss_kb_per_viewer", 20.1),
        ("viewers", "scale/points/1/delivered_percent", 98.0),
        ("growth", "scale/points/1/cpu_share/all", 60.0),
        ("growth", "scale/points/3/cpu_share/all", 5.2),
        ("reservations", "sale/parts/0/per_s", 99_000),
        ("reservations", "sale/parts/1/per_s", 41_000),
        ("buying", "sale/parts/2/per_s", 4_900),
        ("buying", "sale/parts/4/per_s", 4_400),
        ("buying", "sale/parts/2/cpu_us_each/worker", 210.0),
        ("joins", "room/parts/0/cpu_us_each/worker", 1_700.0),
        ("journal", "sale/parts/7/per_s", 19_999),
        ("journal", "stampede/journal_lag_s_max", 1.01),
        ("joins", "room/parts/0/per_s", 599),
        ("cache", "ticks/goals/0/reached", False),
        ("overload", "overload/overload/reserve_ratio_p50", 2.1),
        ("overload", "overload/overload/latency_ms/critical/p99", 501.0),
        ("overload", "overload/broken", {"lost": 1}),
        ("overload", "overload/broken", {"memory": 1}),
    ],
)
def test_a_goal_missed_by_a_little_is_not_reached(key: str, path: str, value: object) -> None:
    documents = all_reached()
    change(documents, path, value)
    assert [line.key for line in judged(documents) if line.verdict is Verdict.NO] == [key]


@pytest.mark.parametrize(
    ("key", "path", "value", "why"),
    [
        ("cost", "fanout/rows/1/refused", True, "uWebSockets: the generator was saturated"),
        ("frames", "fanout/rows/5/comments_per_frame", 6.7, "joined 6.7 comments a frame"),
        ("latency", "fanout/rows/0/starved", True, "did not have its core"),
        ("cost", "fanout/goals", [], "a trial with fewer viewers"),
        ("viewers", "scale/points/1/refused", True, "the generator was saturated"),
        ("buying", "sale/broken", ["audit: oversold (1)"], "oversold"),
        ("journal", "stampede/broken", {"undersold": 1}, "undersold"),
        ("joins", "room/broken", ["answered wrongly"], "answered wrongly"),
        ("cache", "ticks/broken", ["7 viewers were never told"], "never told"),
        ("cache", "ticks/rows/1/viewers", 1_000, "a trial with fewer viewers"),
        ("overload", "overload/broken", {"not_offered": 1}, "the generator was the limit"),
        ("overload", "overload/stable_per_s", 0, "no load was stable"),
    ],
)
def test_a_figure_that_does_not_count_is_neither_reached_nor_missed(
    key: str, path: str, value: object, why: str
) -> None:
    documents = all_reached()
    change(documents, path, value)
    found = line(documents, key)
    assert found.verdict in (Verdict.NOT_JUDGED, Verdict.PARTLY)
    assert any(clause.reached is None and why in clause.found for clause in found.clauses)


def test_a_part_left_out_of_a_run_is_not_measured() -> None:
    """As PostgreSQL's, where there is none."""
    documents = all_reached()
    documents["sale"]["parts"] = documents["sale"]["parts"][:-1]
    clauses = {clause.what: clause for clause in line(documents, "journal").clauses}
    assert clauses["PostgreSQL"].found == "not measured"
    assert line(documents, "journal").verdict is Verdict.PARTLY


# -- the page -------------------------------------------------------------------------------------

PAGE = f"""# Performance
{BEGIN}
old figures
{END}
{WHY_HEADING}
- **joins**: a handshake is one request.
- **frames**: no longer true.

## Next
- **cost**: not a reason, it stands elsewhere.
"""


def test_the_page_tells_each_goal_its_figures_and_where_they_come_from() -> None:
    documents = all_reached()
    change(documents, "room/parts/0/per_s", 100)
    change(documents, "sale/parts/2/per_s", 100)
    del documents["ticks"]
    page = put_goals(PAGE, judged(documents), documents)
    assert "old figures" not in page
    assert page.startswith("# Performance\n")
    assert page.endswith("elsewhere.\n")
    rows = {text.split(" | ")[0].strip("| "): text for text in page.splitlines()}
    assert "0.1 by the clock (100 / 1,000), 0.6 by CPU | **no** ([why](#why-a-" in rows["joins"]
    assert "0.01 by the clock (100 / 10,000), 0.5 by CPU (**no**)" in rows["buying"]
    assert "HTTP: 0.556 by the clock (5,000 / 9,000), 0.556 by CPU (yes)" in rows["buying"]
    assert "not measured" in rows["cache"]
    for word in ("`abc123`", "`python -m loadtest.made_up`", "some CPU, 2 cores", "0.5"):
        assert word in rows["overload"] or word in page
    assert put_goals(page, judged(documents), documents) == page


def test_a_missed_goal_without_a_word_on_why_and_a_reason_out_of_date_are_told() -> None:
    documents = all_reached()
    change(documents, "room/parts/0/per_s", 100)
    change(documents, "sale/parts/2/per_s", 100)
    assert remarks(PAGE, judged(documents)) == [
        "frames: reached, yet there is a reason why not",
        "buying: not reached, and no word on why",
    ]


def test_a_page_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="make goals"):
        put_goals("# Performance\n", [], {})


# -- running --------------------------------------------------------------------------------------

WRITE = "import sys; open(sys.argv[2], 'w').write('{}')"


def asked(folder: Path, *parts: Part, reuse: bool = False) -> argparse.Namespace:
    return argparse.Namespace(folder=folder, peers=folder, wanted=parts, reuse=reuse)


def test_runs_follow_each_other_and_those_that_end_badly_are_told(tmp_path: Path) -> None:
    """An older figure of a run that failed is gone: it was of another commit."""
    (tmp_path / "bad.json").write_text("{}")
    given = asked(
        tmp_path,
        Part("good", ("-c", WRITE), 60),
        Part("bad", ("-c", "raise SystemExit(3)"), 60),
        Part("slow", ("-c", "import time; time.sleep(600)"), 0.2),
    )
    console = Console(file=io.StringIO(), width=150)
    wrong = run(given, console)
    assert [text.partition(";")[0] for text in wrong] == ["bad: status 3", "slow: cut off"]
    assert taken(given) == {"good": {}}
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert "3/3 slow: at most 0 s" in told


def test_only_a_file_of_this_very_commit_is_used_again(tmp_path: Path) -> None:
    file = tmp_path / "sale.json"
    assert not measured_by(file, "abc")
    file.write_bytes(orjson.dumps({"commit": "abc"}))
    assert measured_by(file, "abc")
    assert not measured_by(file, "def")
    file.write_bytes(orjson.dumps({"commit": "abc-dirty"}))
    assert not measured_by(file, "abc-dirty")


def test_each_benchmark_is_told_where_to_write() -> None:
    for part in PARTS:
        command = command_of(part, Path("peers"), Path("there.json"))
        assert command[-2:] == ["--json", "there.json"]
        assert ("--peers" in command) is (part.name in ("fanout", "scale"))

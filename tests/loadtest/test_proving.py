"""A load tool does not take its own pauses for the server's, and its exit status is its verdict."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from rich.console import Console

from loadtest.checks import Failure
from loadtest.garbage import no_collections
from loadtest.proving import broken, conclude


def test_nothing_is_collected_while_it_is_measured_and_all_of_it_afterwards() -> None:
    before = gc.get_stats()
    with no_collections():
        began = gc.get_stats()
        kept = [[number] for number in range(50_000)]
        assert [each["collections"] for each in gc.get_stats()] == [
            each["collections"] for each in began
        ]
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    assert before[2]["collections"] < began[2]["collections"]  # what was there is not walked again
    assert len(kept) == 50_000


def show(found: Mapping[str, Any], console: Console) -> None:
    console.print(f"said {found['said']}")


@pytest.mark.parametrize(
    ("failures", "status", "told"),
    [([], 0, "all was held"), ([Failure("critical_late", "room", "p99 600 ms")], 1, "p99 600 ms")],
)
def test_the_verdict_is_printed_written_and_the_exit_status(
    failures: list[Failure],
    status: int,
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = {"said": 5, "commit": "abc", "seed": 1, **broken(failures)}
    path = tmp_path / "run.json"
    assert conclude(found, show, held="all was held", json_path=str(path)) == status
    printed = capsys.readouterr().out
    assert "said 5" in printed
    assert told in printed
    assert orjson.loads(path.read_bytes()) == found

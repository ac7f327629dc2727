"""Every part of the sale's benchmark works and is exact, at a tiny size. Nothing here is timed."""

from __future__ import annotations

import pytest

from loadtest.bench_engine import ask_of, random_ask
from loadtest.bench_parts import GENERATOR_BUSY, Part, Round
from loadtest.bench_sale import ENGINE, GROUPS, PIPELINED, goals, measure
from loadtest.goal_lines import judged
from tests.postgres_cluster import PostgresCluster


@pytest.mark.slow
def test_every_part_is_exact(postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    postgres.sql("CREATE DATABASE bench_sale")
    monkeypatch.setenv("LIVEROOM_DATABASE_URL", postgres.url("bench_sale"))
    found = measure(GROUPS, rounds=1, seed=1, quick=True)
    assert found["broken"] == []
    assert found["skipped"] == []
    assert all(row["per_s"] > 0 for row in found["parts"]), found["parts"]
    assert len(found["goals"]) == 6
    names = [row["name"] for row in found["parts"]]
    assert ENGINE in names
    assert PIPELINED in names
    lines = {line.key: line for line in judged({"sale": found})}
    told = [clause.what for key in ("buying", "journal") for clause in lines[key].clauses
            if clause.measured]  # fmt: skip
    assert told == ["WebSocket", "HTTP", "SQLite", "PostgreSQL"]  # the goals' table can read it
    assert lines["reservations"].clauses[0].measured


def test_what_redis_benchmark_is_given_has_no_zero_byte_and_its_three_marks() -> None:
    assert b"\0" not in random_ask()
    assert random_ask().count(b"__rand_int__") == 3
    assert b"\0" in ask_of(1)  # the engine's own requests have: hence the other


def test_the_median_round_is_told_and_a_busy_generator_is_named() -> None:
    async def never() -> Round:
        raise AssertionError

    part = Part("part", never)
    part.rounds = [
        Round(done=100, took_s=1.0, cpu={"generator": 0.1}),
        Round(done=300, took_s=1.0, cpu={"generator": GENERATOR_BUSY}),
        Round(done=900, took_s=1.0, cpu={"generator": 0.2}, problems=("one lost",)),
    ]
    row = part.to_json()
    assert row["per_s"] == 300
    assert row["rounds_per_s"] == [100, 300, 900]
    assert row["generator_limited"] is True
    assert row["broken"] == ["one lost"]


def test_goals_compare_with_redis_benchmark_or_else_with_the_pipelined_client() -> None:
    ours = {"per_s": 120_000.0, "cpu_us_each": {"redis": 5.0}}
    theirs = {"per_s": 40_000.0, "cpu_us_each": {"redis": 20.0}}
    rate, ratio = goals({ENGINE: ours, PIPELINED: theirs})
    assert rate["reached"]
    assert (ratio["found"], ratio["cpu_ratio"], ratio["reached"]) == (3.0, 4.0, True)

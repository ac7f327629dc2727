"""The load tools against a real server: short runs that must end with every invariant holding."""

from __future__ import annotations

import asyncio
import os
import random
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from loadtest.api import LiveroomApi
from loadtest.audience import Audience
from loadtest.client import Address, Viewer
from loadtest.crash import run_crash
from loadtest.messages import Message
from loadtest.outcome import document
from loadtest.own_server import OwnServer
from loadtest.plan import Plan
from loadtest.rains import run_rains
from loadtest.report_page import page
from loadtest.sellouts import run_sellouts
from loadtest.stampede import run_stampede
from loadtest.storm import run_storm
from loadtest.swarm import run_swarm
from loadtest.unpaid import BACK_WITHIN_S, run_unpaid

PROJECT = Path(__file__).resolve().parents[2]
WAIT_S = 30.0


@pytest.fixture
async def server() -> AsyncIterator[OwnServer]:
    async with OwnServer(workers=2) as running:
        yield running


@pytest.mark.slow
async def test_a_swarm_with_cuts_and_a_sale_loses_and_oversells_nothing(server: OwnServer) -> None:
    plan = Plan(
        url=server.url,
        room="small-swarm",
        viewers=80,
        comments_per_s=20,
        seconds=5,
        buyers=40,
        speakers=40,
        entrants=40,
        churn_per_s=2,
        cuts_per_s=2,
        jwt_secret=server.jwt_secret,
        parts=2,
    )
    outcome = await run_swarm(plan, stock=15, winners=3, host_token=None)
    found = document(outcome, seed=plan.seed)
    assert found["broken"] == {}, found["broken_examples"]
    assert found["comments_published"] == 100
    assert found["delivered_percent"] == 100
    assert found["reservations"] == 15
    assert found["came_back"] > 0
    assert found["critical_events"] > 0
    assert {"comment", "critical", "state", "sale.buy reply"} <= found["latency_ms"].keys()
    assert len(found["timeline"]) > 5
    assert all(verdict["looked_at"] for verdict in found["verdicts"])
    assert "All promises held" in page(found)


@pytest.mark.slow
async def test_holds_that_nobody_pays_are_back_in_time_and_sell_again(server: OwnServer) -> None:
    lapses, failures = await run_unpaid(server.url, jwt_secret=server.jwt_secret, stock=40)
    assert failures == []
    assert [lapse.sold_again for lapse in lapses] == [40]
    assert all(lapse.back_after_s <= BACK_WITHIN_S for lapse in lapses)


@pytest.mark.slow
async def test_a_stampede_on_two_workers_sells_exactly_the_stock(server: OwnServer) -> None:
    result = await run_stampede(
        server.url, jwt_secret=server.jwt_secret, rounds=1, buyers=100, stocks=(1, 7, 60)
    )
    assert result.failures == []
    assert [each.held for each in result.rounds] == [1, 7, 60]
    assert result.audits > 0


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_sell_outs_of_any_size_end_with_exactly_the_stock_sold(
    database: str, request: pytest.FixtureRequest
) -> None:
    """Ten of the thousand of `make prove-sellouts`, on each database, two workers."""
    environment = {}
    if database == "postgresql":
        cluster = request.getfixturevalue("postgres")
        cluster.sql("CREATE DATABASE sellouts")
        environment["LIVEROOM_DATABASE_URL"] = cluster.url("sellouts")
    async with OwnServer(workers=2, environment=environment) as running:
        result = await run_sellouts(
            running.url, jwt_secret=running.jwt_secret, runs=10, buyers=200, seed=7
        )
    assert result.failures == [], result.broken_seeds
    assert [run.held for run in result.runs] == [run.stock for run in result.runs]
    assert all(run.wishes > run.stock for run in result.runs)
    assert result.audits.answered > 0


@pytest.mark.slow
async def test_every_cent_of_a_few_rains_is_accounted_for(server: OwnServer) -> None:
    """Five of the two hundred of `make prove-rain`, one of them stopped half-way."""
    result = await run_rains(
        server.url, jwt_secret=server.jwt_secret, runs=5, people=120, packets=30, seed=8
    )
    assert result.failures == [], result.broken_seeds
    assert all(run.claimed_cents + run.returned_cents == run.total_cents for run in result.runs)


@pytest.mark.slow
async def test_the_audience_is_lively_from_the_first_minute(server: OwnServer) -> None:
    """A card, comments of several people and a sale's countdown, without any human."""
    heard: set[str] = set()
    speakers: set[str] = set()
    enough = asyncio.Event()

    def hear(viewer: Viewer, message: Message) -> None:
        for event in message.events:
            heard.add(event["t"])
            if event["t"] == "comment":
                speakers.add(event["d"]["user"]["id"])
            if event["t"] == "sale.phase":
                heard.add(event["d"]["sale"]["phase"])
        if {"card.shown", "comment", "countdown"} <= heard and len(speakers) >= 5:
            enough.set()

    audience = Audience(server.url, "lively", host_token=None, viewers=25, rng=random.Random(3))
    async with LiveroomApi(server.url, jwt_secret=server.jwt_secret) as api:
        host = await api.person("someone", role="host")
        await api.ensure_room("lively", title="Lively", token=host.token)
    watcher = Viewer(Address.of(server.url, "lively"), name="watcher", on_message=hear)
    await watcher.connect()
    show = asyncio.create_task(audience.run())
    try:
        async with asyncio.timeout(WAIT_S):
            await enough.wait()
    finally:
        show.cancel()
        await asyncio.gather(show, return_exceptions=True)
        watcher.cut()


@pytest.mark.slow
async def test_locust_with_two_workers_is_judged_as_a_whole(
    server: OwnServer, tmp_path: Path
) -> None:
    """In processes of their own: importing locust patches the sockets of whoever does."""
    arguments = ["--url", server.url, "--workers", "2", "--users", "20", "--seconds", "8"]
    arguments += ["--shape", "reconnect-storm", "--stock", "3"]
    arguments += ["--html", str(tmp_path / "run.html"), "--csv", str(tmp_path / "run")]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "loadtest.locust_run", *arguments,
        cwd=PROJECT, env={**os.environ, "LIVEROOM_JWT_SECRET": server.jwt_secret},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    told = output.decode(errors="replace")
    assert process.returncode == 0, told[-3000:]
    assert "users of 2 processes" in told
    assert "3 units told to buyers; broken {}" in told
    assert int(re.findall(r"processes, (\d+) returns", told)[0]) > 0
    for report in ("run.html", "run_stats.csv"):
        assert "No critical event is lost" in (tmp_path / report).read_text()


@pytest.mark.slow
async def test_a_sale_survives_kills_of_workers_and_redis() -> None:
    """The short form of `make prove-crash`."""
    result = await run_crash(seed=1, seconds=20, stock=200, buyers=30, viewers=20)
    assert {kill.what for kill in result.kills} == {"worker", "redis"}
    assert result.failures == []
    assert result.acknowledged == result.units_in_orders == 200


@pytest.mark.slow
async def test_everybody_thrown_out_comes_back_and_misses_nothing() -> None:
    result = await run_storm(viewers=150, workers=2, seed=1)
    assert result.failures == []
    assert len(result.back_s) == 150
    assert (result.resumed, result.snapshots) == (150, 0)

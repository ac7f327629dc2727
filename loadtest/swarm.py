"""The raw swarm: an open-loop crowd on one room, all clients measured, then the invariants.

    python -m loadtest.swarm --url http://127.0.0.1:8000 --viewers 2000 --comments 100 \\
        --seconds 20 --buyers 300 --stock 100 --html out.html --json out.json
    python -m loadtest.swarm --own-server 2 --viewers 10000 --comments 5

Exit status 1 when an invariant was broken. Needs a host token, or a server in development mode,
or the server's JWT secret in LIVEROOM_JWT_SECRET.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import uvloop
from rich.console import Console

from loadtest.api import LiveroomApi
from loadtest.checks import Failure, winner_failures
from loadtest.client import Refused
from loadtest.gauge import joining, running
from loadtest.outcome import Outcome, document, judge_chat, show
from loadtest.own_server import OwnServer
from loadtest.parts import LocalPart, RemotePart, make_parts
from loadtest.plan import Plan
from loadtest.report import write_json
from loadtest.report_page import write_page
from loadtest.sale_checks import audit_failures, final_stock_failures, purchase_failures
from loadtest.seat import clock_us
from loadtest.stage import Stage

START_DELAY_S = 1.0  # between the last join and the first comment, for all processes
SALE_AT = 0.3  # the sale's countdown begins after this share of the run
AUDIT_STEP_S = 0.25


def _not_ours() -> float:
    return 0.0


async def run_swarm(
    plan: Plan,
    *,
    stock: int,
    winners: int,
    host_token: str | None,
    server_cpu: Callable[[], float] = _not_ours,
    console: Console | None = None,
) -> Outcome:
    """The whole run against a server that is up; progress is drawn on `console`."""
    console = console or Console(quiet=True)
    async with LiveroomApi(plan.url, jwt_secret=plan.jwt_secret) as api:
        token = host_token or (await api.person("swarm-host", role="host")).token
        stage = Stage(api, plan.room, token=token)
        await stage.open()
        if plan.buyers:
            sale_id, sku_id = await stage.make_sale(stock=stock)
            plan = replace(plan, sale_id=sale_id, sku_id=sku_id)
        parts = make_parts(plan)
        gauges = [part.gauge for part in parts]
        async with joining(gauges, plan.viewers + plan.buyers, console):
            await asyncio.gather(*(part.join() for part in parts))
        outcome = Outcome(plan, stock, winners, [])
        cpu_before = server_cpu()
        async with running(gauges, plan.seconds + START_DELAY_S, console):
            lottery_id = await _load(stage, parts, outcome)
        outcome.server_cpu_s = server_cpu() - cpu_before
        await _settle(stage, parts, outcome, lottery_id)
        return outcome


async def _load(stage: Stage, parts: Sequence[LocalPart | RemotePart], outcome: Outcome) -> str:
    """The measured time. Returns the lottery's id, or nothing."""
    plan = outcome.plan
    begin_us = clock_us() + int(START_DELAY_S * 1e6)
    beside = [asyncio.create_task(stage.keep_announcing(2.0))]
    running = asyncio.gather(*(part.run(begin_us) for part in parts))
    await asyncio.sleep(START_DELAY_S)
    lottery_id = await stage.open_lottery(outcome.winners) if plan.entrants else ""
    if plan.buyers:
        beside.append(asyncio.create_task(_sell(stage, outcome)))
    await running
    for task in beside:
        task.cancel()
    for task in beside:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    return lottery_id


async def _sell(stage: Stage, outcome: Outcome) -> None:
    """Start the sale, then look at the audit all the time."""
    plan = outcome.plan
    await asyncio.sleep(plan.seconds * SALE_AT)
    await stage.start_sale(plan.sale_id)
    while True:
        outcome.failures += audit_failures(await stage.api.audit(plan.room, stage.token))
        outcome.audits += 1
        await asyncio.sleep(AUDIT_STEP_S)


async def _settle(
    stage: Stage, parts: Sequence[LocalPart | RemotePart], outcome: Outcome, lottery_id: str
) -> None:
    await stage.return_if_lost()
    draw = await _draw(stage, outcome, lottery_id) if lottery_id else None
    end = await stage.end_position()
    outcome.published = sum([await part.accepted() for part in parts])
    outcome.results = await asyncio.gather(*(part.settle(outcome.published, end) for part in parts))
    _judge(outcome, draw)
    if outcome.plan.buyers:
        await _judge_sale(stage, outcome)


async def _draw(stage: Stage, outcome: Outcome, lottery_id: str) -> dict[str, Any]:
    try:
        await stage.draw(lottery_id)
    except Refused as refusal:
        outcome.failures.append(Failure("draw_refused", lottery_id, str(refusal)))
    return await stage.proof(lottery_id)


def _judge(outcome: Outcome, draw: dict[str, Any] | None) -> None:
    judge_chat(outcome)
    if draw is not None:
        joined = [user for result in outcome.results for user in result.entrants]
        outcome.failures += winner_failures(draw, joined=joined, winners_count=outcome.winners)


async def _judge_sale(stage: Stage, outcome: Outcome) -> None:
    plan, stock = outcome.plan, outcome.stock
    answers = [answer for result in outcome.results for answer in result.purchases]
    outcome.failures += purchase_failures(
        answers,
        stock={plan.sku_id: stock},
        per_user=1,
        demand={plan.sku_id: len({answer.user_id for answer in answers})},
    )
    audit = await stage.api.audit(plan.room, stage.token)
    outcome.failures += audit_failures(audit)
    taken = {plan.sku_id: len({each.reservation_id for each in answers if each.held})}
    outcome.failures += final_stock_failures(audit, sale_id=plan.sale_id, taken=taken)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.swarm", description="An open-loop crowd on one room."
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--own-server", type=int, metavar="WORKERS", help="start one for this run")
    parser.add_argument("--room", help="default: a new one")
    parser.add_argument("--host-token", default=os.environ.get("LIVEROOM_HOST_TOKEN"))
    parser.add_argument("--viewers", type=int, default=500)
    parser.add_argument("--comments", type=float, default=50, help="comments per second")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--buyers", type=int, default=0, help="buyers at the sale's start")
    parser.add_argument("--stock", type=int, default=100)
    parser.add_argument("--winners", type=int, default=5)
    parser.add_argument("--churn", type=float, default=0, help="viewers replaced per second")
    parser.add_argument("--cuts", type=float, default=0, help="connections cut per second")
    parser.add_argument("--joins", type=float, default=400, help="joins per second")
    parser.add_argument("--processes", type=int, default=1, help="at most 10,000 sockets each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", help="write all figures here")
    parser.add_argument("--html", help="write a page with plots here")
    parser.add_argument("--p99-ms", type=float, help="fail when comments' p99 is above this")
    return parser.parse_args(arguments)


def _plan(given: argparse.Namespace) -> Plan:
    speakers = min(given.viewers, max(50, int(given.comments * 2)))
    return Plan(
        url=given.url,
        room=given.room or f"swarm-{secrets.token_hex(4)}",
        viewers=given.viewers,
        comments_per_s=given.comments,
        seconds=given.seconds,
        buyers=given.buyers,
        speakers=speakers,
        entrants=speakers if given.winners else 0,
        churn_per_s=given.churn,
        cuts_per_s=given.cuts,
        joins_per_s=given.joins,
        seed=given.seed,
        parts=given.processes,
        jwt_secret=os.environ.get("LIVEROOM_JWT_SECRET"),
    )


async def _run(given: argparse.Namespace, console: Console) -> Outcome:
    """Against the server that is named, or one that lives as long as the run."""
    plan = _plan(given)

    async def run(plan: Plan) -> Outcome:
        return await run_swarm(
            plan,
            stock=given.stock,
            winners=given.winners,
            host_token=given.host_token,
            console=console,
        )

    if not given.own_server:
        return await run(plan)
    async with OwnServer(workers=given.own_server) as server:
        return await run(replace(plan, url=server.url, jwt_secret=server.jwt_secret))


def main(arguments: Sequence[str] | None = None) -> int:
    given = _arguments(arguments)
    console = Console(width=100)
    began = time.monotonic()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        outcome = runner.run(_run(given, console))
    found = document(outcome, seed=given.seed)
    found["took_s"] = round(time.monotonic() - began, 1)
    p99 = found["latency_ms"].get("comment", {}).get("p99", 0.0)
    if given.p99_ms and p99 > given.p99_ms:
        found["broken"]["too_slow"] = 1
    show(found, console)
    if given.json:
        write_json(given.json, found)
    if given.html:
        write_page(given.html, found)
    return 1 if found["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())

"""Play a recorded room as load, at N times its speed, and judge what everyone saw.

    liveroom replay evening.jsonl.gz --url http://127.0.0.1:8000 --speed 4 --viewers 200

Open loop: each thing is done when it is due, whatever the server does. It happens in a new room,
with sales and draws of its own. Exit status 1 when a promise was broken, 2 when the file cannot be
played. Needs the server's JWT secret in LIVEROOM_JWT_SECRET, or a server in development mode.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any

import uvloop
from rich.console import Console

from loadtest.api import ApiError, LiveroomApi
from loadtest.cast import Cast
from loadtest.checks import Failure, winner_failures
from loadtest.client import Lost, Refused
from loadtest.full_room import Audits
from loadtest.gauge import Gauge, running
from loadtest.outcome import Outcome, document, judge_chat, show
from loadtest.own_server import OwnServer
from loadtest.plan import Plan
from loadtest.playbill import Playbill, SalePlan
from loadtest.recording import (
    Announced,
    BadRecording,
    CardHidden,
    CardShown,
    Commented,
    Entered,
    Happening,
    Liked,
    LotteryDrawn,
    LotteryOpened,
    Online,
    SaleEnded,
    SaleStarted,
    Sold,
    read,
)
from loadtest.report import Histogram, write_json
from loadtest.report_page import write_page
from loadtest.sale_checks import audit_failures, final_stock_failures, purchase_failures
from loadtest.stage import Stage
from loadtest.timeline import Timeline, step_s

LAG_STEP_S = 0.02
HOLD_S = 3600  # no hold may lapse while we play: playbill.py bounds a run to less
NOT_PLAYED = (ApiError, OSError, TimeoutError, Lost, Refused)


class Player:
    """One run of a recording in a room that is up."""

    def __init__(self, stage: Stage, cast: Cast, bill: Playbill) -> None:
        self.stage, self.cast, self.bill = stage, cast, bill
        self.lotteries: dict[str, tuple[str, int]] = {}  # label → id, winners
        self.failures: list[Failure] = []
        self.gauge = [0] * len(Gauge)
        self.timeline = Timeline()
        self._bought: Counter[str] = Counter()
        self._entered: Counter[str] = Counter()
        self._begun = 0.0
        self._lag = Histogram()
        self._host_acts: set[asyncio.Task[None]] = set()

    async def prepare(self) -> None:
        """Sales stand in preheat before it begins: making them is no part of the load."""
        for sale in self.bill.sales.values():
            skus = [
                {"sku_id": sku_id, "product_id": "swarm-item", "stock": sku.stock,
                 "list_cents": max(sku.list_cents, sku.sale_cents, 1),
                 "sale_cents": max(sku.sale_cents, 1), "per_user": sku.per_user}
                for sku_id, sku in sale.skus.items()
            ]  # fmt: skip
            await self.stage.viewer.command(
                "sale.create", sale_id=sale.sale_id, skus=skus, start="manual",
                duration_s=HOLD_S, hold_s=HOLD_S, pay_s=HOLD_S,
            )  # fmt: skip
            await self.stage.viewer.command("sale.preheat", sale_id=sale.sale_id)

    async def play(self) -> None:
        """Everything when it is due, then until all of it is answered."""
        self._begun = time.monotonic()
        cpu = time.process_time()
        beside = [asyncio.create_task(self._observe()), asyncio.create_task(self._measure_lag())]
        for due_s, happening in self.bill.acts:
            wait_s = self._begun + due_s - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self._do(happening)
        await asyncio.sleep(max(0.0, self._begun + self.bill.seconds - time.monotonic()))
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, *self._host_acts, return_exceptions=True)
        result, took_s = self.cast.result, time.monotonic() - self._begun
        result.cpu_share = (time.process_time() - cpu) / took_s
        result.lag_p99_ms = self._lag.percentile(99) / 1000
        await self.cast.acts_are_over()

    def _do(self, happening: Happening) -> None:
        cast, host = self.cast, self._host
        match happening:
            case Online():
                cast.have_guests(self.bill.guests_for(happening.viewers))
            case Commented():
                cast.say(happening.who, happening.text)
            case Liked():
                cast.like(happening.taps)
            case CardShown():
                self._later(self._show(happening))
            case CardHidden():
                host("card.hide", product_id=happening.product)
            case Announced():
                host("announce", text=happening.text)
            case SaleStarted():
                sale = self.bill.sales[happening.sale]
                host("sale.start", sale_id=sale.sale_id, countdown_s=sale.countdown_s)
            case Sold():
                self._sell(self.bill.sales[happening.sale], happening)
            case SaleEnded():
                sale_id = self.bill.sales[happening.sale].sale_id
                host("sale.stop", fair=("ended", "conflict"), sale_id=sale_id)
            case LotteryOpened():
                self._later(self._open(happening))
            case Entered():
                self._enter(happening)
            case LotteryDrawn():
                self._later(self._draw(happening.lottery))

    def _host(self, op: str, *, fair: Sequence[str] = (), **params: object) -> None:
        self._later(self._act(op, fair, params))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._host_acts.add(task)
        task.add_done_callback(self._host_acts.discard)

    async def _act(self, op: str, fair: Sequence[str], params: dict[str, object]) -> None:
        """A host who is refused did not play the recording: that is a failure of the run."""
        try:
            await self.stage.viewer.command(op, **params)
        except Refused as refusal:
            if refusal.code not in fair:
                self.failures.append(Failure("host_refused", op, str(refusal)))
        except (Lost, TimeoutError) as error:
            self.failures.append(Failure("host_unanswered", op, str(error)))
            await self.stage.return_if_lost()

    async def _show(self, card: CardShown) -> None:
        product = {"product_id": card.product, "title": card.title or card.product,
                   "price_cents": max(card.price_cents, 1),
                   "list_cents": max(card.list_cents, card.price_cents, 1)}  # fmt: skip
        await self._act("product.put", (), product)
        await self._act("card.show", (), {"product_id": card.product, "mode": card.mode})

    def _sell(self, sale: SalePlan, sold: Sold) -> None:
        sku_id = sale.sku_ids[sold.sku]
        for _ in range(sold.units):
            self.cast.buy(self._bought[sku_id], sale_id=sale.sale_id, sku_id=sku_id)
            self._bought[sku_id] += 1

    async def _open(self, lottery: LotteryOpened) -> None:
        try:
            lottery_id = await self.stage.open_lottery(lottery.winners)
        except (Refused, Lost, TimeoutError) as error:
            self.failures.append(Failure("host_refused", "lottery.open", str(error)))
            return
        self.lotteries[lottery.lottery] = (lottery_id, lottery.winners)

    def _enter(self, entered: Entered) -> None:
        """As many people as entered then, and no more than there are here."""
        opened = self.lotteries.get(entered.lottery)
        if opened is None:
            return
        first = self._entered[entered.lottery]
        until = min(first + entered.people, len(self.cast.speakers))
        for number in range(first, until):
            self.cast.enter(number, opened[0])
        self._entered[entered.lottery] = until

    async def _draw(self, label: str) -> None:
        if label in self.lotteries:
            await self._act("lottery.draw", ("conflict", "closed"),
                            {"lottery_id": self.lotteries[label][0]})  # fmt: skip

    async def end_lotteries(self) -> None:
        """Draw what the recording left open, so that each can be judged."""
        for label in self.lotteries:
            await self._draw(label)

    async def _observe(self) -> None:
        step, number = step_s(self.bill.seconds), 0
        while True:
            number += 1
            await asyncio.sleep(max(0.0, self._begun + number * step - time.monotonic()))
            cast = self.cast
            shown = cast.latency("comment").count
            self.gauge[Gauge.PUBLISHED], self.gauge[Gauge.SHOWN] = cast.result.accepted, shown
            self.timeline.note(
                levels={"connected": cast.connected},
                totals={"published": cast.result.accepted, "shown": shown, "frames": cast.frames},
                histograms=cast.latencies,
            )

    async def _measure_lag(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_STEP_S
            await asyncio.sleep(LAG_STEP_S)
            self._lag.record(int((loop.time() - due) * 1e6))


async def run_replay(
    bill: Playbill, *, url: str, jwt_secret: str | None, seed: int, console: Console
) -> Outcome:
    """The whole run against a server that is up."""
    room = f"replay-{secrets.token_hex(4)}"
    async with LiveroomApi(url, jwt_secret=jwt_secret) as api:
        host = await api.person("replay-host", role="host")
        stage = Stage(api, room, token=host.token)
        await stage.open()
        player = Player(stage, Cast(api, room, random.Random(seed)), bill)
        await player.prepare()
        await player.cast.seat_people(
            speakers=bill.speakers, buyers=bill.buyers, guests=bill.guests_at_first
        )
        audits = Audits()
        watching = asyncio.create_task(audits.watch(stage, 0.5))
        async with running([player.gauge], bill.seconds, console):
            await player.play()
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        try:
            return await _judge(player, audits, Plan(
                url=url, room=room, viewers=bill.peak_guests,
                comments_per_s=round(bill.comments / bill.seconds, 2), seconds=bill.seconds,
                buyers=bill.buyers, speakers=bill.speakers, entrants=len(player.lotteries),
                seed=seed,
            ))  # fmt: skip
        finally:
            stage.viewer.leave()


async def _judge(player: Player, audits: Audits, plan: Plan) -> Outcome:
    stage, bill, cast = player.stage, player.bill, player.cast
    await stage.return_if_lost()
    await player.end_lotteries()
    outcome = Outcome(plan, bill.stock, sum(each for _, each in player.lotteries.values()), [])
    outcome.published = cast.result.accepted
    result = await cast.settle(outcome.published, await stage.end_position())
    result.steps = player.timeline.steps
    outcome.results, outcome.audits = [result], audits.answered
    outcome.failures += [*player.failures, *audits.failures]
    judge_chat(outcome)
    for lottery_id, winners in player.lotteries.values():
        joined = [user for each, _, user in (row.partition(" ") for row in result.entrants)
                  if each == lottery_id]  # fmt: skip
        draw = await stage.proof(lottery_id)
        outcome.failures += winner_failures(draw, joined=joined, winners_count=winners)
    audit = await stage.api.audit(stage.room, stage.token)
    outcome.failures += audit_failures(audit)
    for sale in bill.sales.values():
        outcome.failures += _sale_failures(sale, outcome, audit)
    return outcome


def _sale_failures(sale: SalePlan, outcome: Outcome, audit: dict[str, Any]) -> list[Failure]:
    answers = [each for result in outcome.results for each in result.purchases
               if each.sku_id in sale.skus]  # fmt: skip
    failures: list[Failure] = []
    taken: Counter[str] = Counter(dict.fromkeys(sale.skus, 0))
    for each in {each.reservation_id: each for each in answers if each.held}.values():
        taken[each.sku_id] += each.qty
    for sku_id, sku in sale.skus.items():
        of_sku = [each for each in answers if each.sku_id == sku_id]
        units = len({each.reservation_id for each in of_sku if each.held})
        units += len({each.key for each in of_sku if each.code == "sold_out"})
        failures += purchase_failures(
            of_sku, stock={sku_id: sku.stock}, per_user=sku.per_user, demand={sku_id: units}
        )
    return [*failures, *final_stock_failures(audit, sale_id=sale.sale_id, taken=taken)]


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="liveroom replay", description="Play a recorded room as load."
    )
    parser.add_argument("file", help="a recording by `liveroom record`")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--own-server", type=int, metavar="WORKERS", help="start one for this run")
    parser.add_argument("--speed", type=float, default=1.0, help="times as fast as it happened")
    parser.add_argument("--viewers", type=int, help="at the peak; as recorded without it")
    parser.add_argument("--rush", type=int, default=0, help="more buyers when each sale opens")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", help="write all figures here")
    parser.add_argument("--html", help="write a page with plots here")
    return parser.parse_args(arguments)


async def _run(given: argparse.Namespace, bill: Playbill, console: Console) -> Outcome:
    secret = os.environ.get("LIVEROOM_JWT_SECRET")
    if not given.own_server:
        return await run_replay(
            bill, url=given.url, jwt_secret=secret, seed=given.seed, console=console
        )
    async with OwnServer(workers=given.own_server) as server:
        return await run_replay(
            bill, url=server.url, jwt_secret=server.jwt_secret, seed=given.seed, console=console
        )


def main(arguments: Sequence[str] | None = None) -> int:
    given = _arguments(arguments)
    console = Console(width=100)
    try:
        bill = Playbill.of(
            read(given.file), speed=given.speed, viewers=given.viewers, rush=given.rush
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            outcome = runner.run(_run(given, bill, console))
    except (BadRecording, *NOT_PLAYED) as error:
        print(f"liveroom: cannot play {given.file}: {error}", file=sys.stderr)
        return 2
    found = document(outcome, seed=given.seed)
    found["title"] = f"{bill.title or 'A recorded room'}, at {given.speed:g} times its speed"
    show(found, console)
    if given.json:
        write_json(given.json, found)
    if given.html:
        write_page(given.html, found)
    return 1 if found["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())

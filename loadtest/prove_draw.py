"""The proof of the draw: a crowd enters at two workers, and anybody can recompute who won.

    python -m loadtest.prove_draw --seed 1 --entrants 10000 --winners 100 --kills 20

First the crowd enters one lottery; it is drawn, and a late entry and a second draw are refused.
Then, again and again, a smaller crowd enters and both workers are killed (kill -9) at a random
moment of the draw; whatever they had done, each lottery must end drawn once. Every proof is
recomputed by `liveroom verify`, a process that asks no server, and every receipt must be in it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console

from loadtest.api import ApiError, LiveroomApi, Person
from loadtest.checks import Failure, examples, summary, winner_failures
from loadtest.own_server import OwnServer
from loadtest.report import provenance, write_json

ROOM = "draw"
JOINS_AT_ONCE = 200
ATTEMPTS_MAX = 50
KILLED_ENTRANTS = 300
KILLED_WINNERS = 10
KILL_WITHIN_S = 0.12  # from asking for the draw; a draw takes a few tens of milliseconds
DRAWN_WITHIN_S = 30.0
REST_ERRORS = (aiohttp.ClientError, TimeoutError, OSError)

Receipts = dict[str, dict[str, Any]]


@dataclass
class DrawResult:
    """What was done and what was broken."""

    seed: int
    entrants: int = 0
    joined_s: float = 0.0
    drawn_s: float = 0.0
    kills: int = 0
    answered_before_kill: int = 0
    finished_by_clock: int = 0  # drawn after the kill without anybody asking again
    asked_again: int = 0
    verified: int = 0
    failures: list[Failure] = field(default_factory=list)

    def fail(self, kind: str, who: str, detail: str) -> None:
        self.failures.append(Failure(kind, who, detail))


class Prover:
    """One server, one room, one lottery after the other."""

    def __init__(self, server: OwnServer, api: LiveroomApi, host: Person, seed: int) -> None:
        self.server = server
        self.api = api
        self.host = host
        self.rng = random.Random(seed)
        self.result = DrawResult(seed)

    async def big(self, entrants: int, winners: int) -> None:
        """One lottery of many, drawn without a fault."""
        lottery_id = await self._open(winners)
        began = time.monotonic()
        receipts = await self._join(lottery_id, entrants)
        self.result.entrants, self.result.joined_s = len(receipts), time.monotonic() - began
        began = time.monotonic()
        await self.api.command(ROOM, self.host.token, "lottery.draw", lottery_id=lottery_id)
        self.result.drawn_s = time.monotonic() - began
        await self._expect("closed", "lottery.join", "latecomer", lottery_id)
        await self._expect("conflict", "lottery.draw", None, lottery_id)
        await self._check(lottery_id, receipts, winners)

    async def killed(self) -> None:
        """One lottery whose draw both workers do not survive."""
        lottery_id = await self._open(KILLED_WINNERS)
        receipts = await self._join(lottery_id, KILLED_ENTRANTS)
        answered = await self._draw_and_kill(lottery_id)
        self.result.kills += 1
        self.result.answered_before_kill += answered
        await self.server.wait_ready()
        await self._drawn(lottery_id, answered=answered)
        await self._expect("conflict", "lottery.draw", None, lottery_id)
        await self._check(lottery_id, receipts, KILLED_WINNERS)

    async def _draw_and_kill(self, lottery_id: str) -> bool:
        asked = asyncio.create_task(
            self.api.command(ROOM, self.host.token, "lottery.draw", lottery_id=lottery_id)
        )
        await asyncio.sleep(self.rng.uniform(0, KILL_WITHIN_S))
        for pid in self.server.worker_pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            await asked
        except (*REST_ERRORS, ApiError):
            return False
        return True

    async def _drawn(self, lottery_id: str, *, answered: bool) -> None:
        """Until it is drawn. One that was still open is drawn by its host, who asks again."""
        until = time.monotonic() + DRAWN_WITHIN_S
        asked_again = False
        while time.monotonic() < until:
            with contextlib.suppress(*REST_ERRORS, ApiError):
                state = (await self.api.draw(lottery_id))["state"]
                if state == "drawn":
                    self.result.finished_by_clock += not answered and not asked_again
                    self.result.asked_again += asked_again
                    return
                if state == "open":
                    asked_again = True
                    await self.api.command(
                        ROOM, self.host.token, "lottery.draw", lottery_id=lottery_id
                    )
            await asyncio.sleep(0.1)
        self.result.fail("not_drawn", lottery_id, f"not within {DRAWN_WITHIN_S:.0f} s")

    async def _open(self, winners: int) -> str:
        """Once the room has been told of the last draw: that may be a moment after it."""
        until = time.monotonic() + DRAWN_WITHIN_S
        while True:
            try:
                answer = await self._persist(
                    self.host.token, "lottery.open", winners=winners, prize="Proof", manual=True
                )
            except ApiError as refused:
                if refused.code != "conflict" or time.monotonic() > until:
                    raise
                await asyncio.sleep(0.1)
            else:
                return str(answer["lottery_id"])

    async def _join(self, lottery_id: str, count: int) -> Receipts:
        gate = asyncio.Semaphore(JOINS_AT_ONCE)
        receipts: Receipts = {}

        async def one(number: int) -> None:
            async with gate:
                who = await self.api.person(f"e{number}")
                answer = await self._persist(who.token, "lottery.join", lottery_id=lottery_id)
                receipts[who.user_id] = answer["receipt"]

        await asyncio.gather(*(one(number) for number in range(count)))
        return receipts

    async def _persist(self, token: str, op: str, **params: object) -> dict[str, Any]:
        """Ask until there is an answer, as an app does; all these commands may be repeated."""
        for _ in range(ATTEMPTS_MAX):
            try:
                return await self.api.command(ROOM, token, op, **params)
            except ApiError as refused:
                if refused.code not in ("unavailable", "rate_limited"):
                    raise
            except REST_ERRORS:
                pass
            await asyncio.sleep(0.1)
        raise TimeoutError(f"{op} found no answer")

    async def _expect(self, code: str, op: str, user_id: str | None, lottery_id: str) -> None:
        token = self.host.token if user_id is None else (await self.api.person(user_id)).token
        try:
            await self._persist(token, op, lottery_id=lottery_id)
        except ApiError as refused:
            if refused.code == code:
                return
            self.result.fail("wrong_refusal", lottery_id, f"{op}: {refused.code}, not {code}")
            return
        self.result.fail("not_refused", lottery_id, f"{op} should have been refused with {code}")

    async def _check(self, lottery_id: str, receipts: Receipts, winners: int) -> None:
        proof = await self.api.draw(lottery_id)
        self.result.failures += winner_failures(proof, joined=list(receipts), winners_count=winners)
        self.result.failures += receipt_failures(proof, receipts)
        if await verified(proof, self.server.data_dir / "proof.json"):
            self.result.verified += 1
        else:
            self.result.fail("not_verified", lottery_id, "liveroom verify says no")


def receipt_failures(proof: dict[str, Any], receipts: Receipts) -> list[Failure]:
    """Every receipt must be borne out by the published entries, hashed anew here."""
    running = hashlib.sha256(str(proof["lottery_id"]).encode()).hexdigest()
    published: Receipts = {}
    for index, user_id in enumerate(proof.get("entries", ())):
        running = hashlib.sha256(f"{running}:{user_id}".encode()).hexdigest()
        published[user_id] = {"index": index, "running_hash": running}
    return [
        Failure("receipt_broken", user_id, f"{receipt} is not {published.get(user_id)}")
        for user_id, receipt in receipts.items()
        if published.get(user_id) != receipt
    ]


async def verified(proof: dict[str, Any], path: Path) -> bool:
    """What the stand-alone verifier says, from the file alone."""
    await asyncio.to_thread(path.write_text, json.dumps(proof))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "server",
        "verify",
        str(path),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait() == 0


async def prove(*, seed: int, entrants: int, winners: int, kills: int) -> DrawResult:
    """The whole proof on a server of its own."""
    async with (
        OwnServer(workers=2) as server,
        LiveroomApi(server.url, jwt_secret=server.jwt_secret) as api,
    ):
        host = await api.person("host", role="host")
        await api.ensure_room(ROOM, title="Draw", token=host.token)
        prover = Prover(server, api, host, seed)
        await prover.big(entrants, winners)
        for _ in range(kills):
            await prover.killed()
        return prover.result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--entrants", type=int, default=10_000)
    parser.add_argument("--winners", type=int, default=100)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    result = asyncio.run(
        prove(seed=asked.seed, entrants=asked.entrants, winners=asked.winners, kills=asked.kills)
    )
    report = {
        "entrants": result.entrants,
        "joined_s": round(result.joined_s, 2),
        "drawn_s": round(result.drawn_s, 3),
        "kills": result.kills,
        "answered_before_kill": result.answered_before_kill,
        "finished_by_clock": result.finished_by_clock,
        "asked_again": result.asked_again,
        "verified": result.verified,
        "failures": summary(result.failures),
    }
    Console().print_json(data=report)
    for failure in examples(result.failures):
        Console().print(failure)
    if asked.out:
        write_json(asked.out, {"provenance": provenance(seed=asked.seed), **report})
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())

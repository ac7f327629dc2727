"""What a viewer costs a room: saying something, coming in, staying. `make bench-room`.

    python -m loadtest.bench_room [--rounds 5] [--viewers 4000] [--quick] [--json FILE]

One worker beside a bare aiohttp server, with the same clients; the parts take turns. Judge by the
CPU of a request: it moves little with what else the machine does. Fan-out is `bench.py`'s.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
import uvloop
from rich.console import Console

from loadtest.bench_parts import Part, Round, Watch, in_turns
from loadtest.beside_bare import NO_CONNECTION_LIMIT, BesideBare, ask_all
from loadtest.lean import SocketAsker, Tally, open_socket, text_frame
from loadtest.report import print_table, provenance, write_json

ROOM = "bench-room"
SPEAKERS = 64
COMMENTS = 10_000  # a turn
JOINS = 1_000  # a turn
JOINS_AT_ONCE = 32
PEOPLE = 500  # tokens; nobody may have too many sockets at once
VIEWERS = 4_000
QUICK_DIVISOR = 50
BUDGET = {"comments_per_user_per_s": 0, "chat_per_viewer_per_s": 20}
TALK, ECHO, JOIN, SHAKE = (
    "comment.send, from read to told",
    "bare aiohttp, WebSocket echo",
    "join: handshake, token, snapshot",
    "bare aiohttp, handshake",
)
ENVIRONMENT = NO_CONNECTION_LIMIT | {"LIVEROOM_ROLES": "gateway"}  # else duties are in each figure
GOALS = {"join_over_handshake": 0.6, "rss_kb_per_viewer": 20.0}


class RoomBench:
    """A room with nobody in it, and a bare server. Use as an async context manager."""

    def __init__(self) -> None:
        self._both = BesideBare(ROOM, [f"bench-{n}" for n in range(PEOPLE)], ENVIRONMENT)
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Self:
        both = await self._both.__aenter__()
        await both.stage.viewer.command("room.set", **BUDGET)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._both.__aexit__(kind, error, tb)

    # -- clients --------------------------------------------------------------------------------

    async def _viewer(self, number: int) -> SocketAsker:
        """A viewer who has been greeted."""
        path = f"/v1/rooms/{ROOM}/ws"
        port, tokens = self._both.port, self._both.tokens
        asker = await open_socket(port, path, good=b'"ok":', begins=b'{"re":')
        hello = {"id": 0, "op": "hello", "token": tokens[number % PEOPLE]}
        tally = Tally()
        await asker.start(iter([text_frame(orjson.dumps(hello))]), tally)
        if tally.bad:
            raise ConnectionError(tally.bad[0].decode(errors="replace"))
        return asker

    async def _bare_socket(self, _: int) -> SocketAsker:
        return await self._both.bare_socket()

    def _comments(self, count: int) -> Iterator[bytes]:
        for number in itertools.islice(self._numbers, count):
            said = {"id": 1, "op": "comment.send", "text": f"how much is it? {number:x}"}
            yield text_frame(orjson.dumps(said))

    # -- turns ----------------------------------------------------------------------------------

    async def _talk(
        self, come_in: Callable[[int], Awaitable[SocketAsker]], pid: int, count: int
    ) -> Round:
        askers = [await come_in(number) for number in range(SPEAKERS)]
        return await ask_all(askers, iter(list(self._comments(count))), {"worker": pid})

    async def _come(
        self, come_in: Callable[[int], Awaitable[SocketAsker]], pid: int, count: int
    ) -> Round:
        numbers = iter(range(count))

        async def one_after_the_other() -> None:
            for number in numbers:
                (await come_in(number)).transport.close()

        watch = Watch(generator=os.getpid(), worker=pid)
        await asyncio.gather(*(one_after_the_other() for _ in range(JOINS_AT_ONCE)))
        took_s, cpu = watch.stop()
        return Round(count, took_s, cpu)

    def parts(self, share: int) -> list[Part]:
        """Each beside what it is compared with."""
        comments, joins = COMMENTS // share, JOINS // share
        worker, bare = self._both.pids["worker"], self._both.bare_pids["worker"]
        return [
            Part(TALK, lambda: self._talk(self._viewer, worker, comments)),
            Part(ECHO, lambda: self._talk(self._bare_socket, bare, comments)),
            Part(JOIN, lambda: self._come(self._viewer, worker, joins)),
            Part(SHAKE, lambda: self._come(self._bare_socket, bare, joins)),
        ]

    async def memory(self, viewers: int) -> dict[str, float]:
        """What the worker grows by for each viewer that stays, in KB."""
        pid = self._both.pids["worker"]
        warm = [await self._viewer(number) for number in range(JOINS_AT_ONCE)]
        before, held = rss_kb(pid), []
        for begin in range(0, viewers, JOINS_AT_ONCE):
            some = range(begin, min(viewers, begin + JOINS_AT_ONCE))
            held += await asyncio.gather(*(self._viewer(number) for number in some))
        grown = rss_kb(pid) - before
        for asker in (*warm, *held):
            asker.transport.close()
        return {"viewers": viewers, "rss_kb_per_viewer": round(grown / viewers, 1)}


def rss_kb(pid: int) -> int:
    """The resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


async def run(*, rounds: int, viewers: int, share: int, seed: int) -> dict[str, Any]:
    """The whole run."""
    async with RoomBench() as bench:
        rows = await in_turns(bench.parts(share), rounds, random.Random(seed))
        memory = await bench.memory(viewers // share)
    cpu_us = {row["name"]: row["cpu_us_each"]["worker"] for row in rows}
    ratio = round(cpu_us[SHAKE] / cpu_us[JOIN], 2) if cpu_us[JOIN] else 0.0
    found = {"parts": rows, "memory": memory, "join_over_handshake": ratio}
    return found | {"broken": [f"{row['name']}: {w}" for row in rows for w in row["broken"]]}


def show(found: dict[str, Any], console: Console) -> None:
    rows = [
        [
            row["name"],
            row["cpu_us_each"]["worker"],
            round(row["per_s"]),
            row["latency_ms"].get("p50", ""),
            "generator" if row["generator_limited"] else "",
        ]
        for row in found["parts"]
    ]
    console.print(f"load average {found['load_before']} before, {found['load_after']} after")
    print_table("A room, one worker", ["", "CPU µs each", "a second", "p50 ms", "limit"], rows,
                console=console)  # fmt: skip
    figures = [
        ["join over bare handshake, by CPU", found["join_over_handshake"],
         f"≥ {GOALS['join_over_handshake']}"],
        [f"RSS of each of {found['memory']['viewers']} viewers, KB",
         found["memory"]["rss_kb_per_viewer"], f"≤ {GOALS['rss_kb_per_viewer']}"],
    ]  # fmt: skip
    print_table("Goals", ["", "found", "goal"], figures, console=console)
    for problem in found["broken"]:
        console.print(f"[red]{problem}", markup=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench_room")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--viewers", type=int, default=VIEWERS, help="held at once for the memory")
    parser.add_argument("--quick", action="store_true", help="tiny amounts: does it run?")
    parser.add_argument("--seed", type=int, default=1, help="draws the order of the turns")
    parser.add_argument("--json", default="", help="write everything here as well")
    given = parser.parse_args()
    share = QUICK_DIVISOR if given.quick else 1
    found: dict[str, Any] = provenance(seed=given.seed)
    found |= {"load_before": os.getloadavg()}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found |= runner.run(
            run(rounds=given.rounds, viewers=given.viewers, share=share, seed=given.seed)
        )
    found["load_after"] = os.getloadavg()
    show(found, Console(width=110))
    if given.json:
        write_json(given.json, found)
    sys.stdout.write(orjson.dumps(found).decode() + "\n")
    return 1 if found["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())

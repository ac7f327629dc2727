"""What can be done to a server of our own while it sells: each fault by name, drawn by a seed.

Only processes below the server that `OwnServer` started, its files and its database are touched.
Nothing is judged here. The cut tail is the one fault that destroys what was acknowledged: Redis is
stopped, the last bytes of its append-only file are cut off, and it is killed, as when a disk loses
what it had promised to keep. `Cut` remembers the bytes, so that what was lost can be proved.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import redis.asyncio as redis_asyncio
from redis.exceptions import RedisError

from loadtest.away import Away
from loadtest.own_server import OwnServer, state_of

LEASE_KEY = "liveroom:{lease:duties}"
CUT_BYTES = (200, 60_000)  # from half a reservation to some hundred of them
FIND_WAIT_S = 5.0  # for the process that is to be killed to be there
SQL_AWAY_S = (0.5, 2.0)
MULTI, EXEC = b"*1\r\n$5\r\nMULTI\r\n", b"*1\r\n$4\r\nEXEC\r\n"
Witness = Callable[[], Awaitable[None]]
KINDS = ("worker", "redis", "redis_cut", "cut_while_sql_away", "lease_holder", "sql", "bank",
         "one_key")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cut:
    """The piece of the append-only file that was destroyed, and all that was kept."""

    lost: bytes
    kept: bytes

    def destroyed(self, text: str) -> bool:
        """Whether every trace of something written was in the lost piece."""
        return text.encode() in self.lost and text.encode() not in self.kept


class Faults:
    """The faults of one server. Each returns when it is done or, for `sql`, over."""

    def __init__(self, server: OwnServer, away: Away) -> None:
        self.server, self.away = server, away

    async def inject(self, kind: str, rng: random.Random, witness: Witness) -> Cut | None:
        """Do one of KINDS. `bank` does nothing here: the payments themselves misbehave.

        `witness` is awaited when Redis has stopped and its tail is not cut yet.
        """
        if kind == "worker":
            await self.kill_worker(rng)
        elif kind == "lease_holder":
            await self.kill_lease_holder()
        elif kind in ("redis", "one_key"):
            self._kill(await self._redis_pid())
        elif kind == "redis_cut":
            return await self.cut_tail(rng.randint(*CUT_BYTES), witness)
        elif kind == "cut_while_sql_away":
            return await self._cut_while_away(rng, witness)
        elif kind == "sql":
            await self.away.stay_away(rng.uniform(*SQL_AWAY_S), rng)
        return None

    async def kill_worker(self, rng: random.Random) -> None:
        self._kill(rng.choice(await self._workers()))

    async def kill_lease_holder(self) -> None:
        """The worker that has the run-once duties at this moment."""
        until = time.monotonic() + FIND_WAIT_S
        while time.monotonic() < until:
            index = await self.lease_holder()
            pid = self.server.worker_pid(index) if index is not None else None
            if pid is not None:
                return self._kill(pid)
            await asyncio.sleep(0.05)
        raise RuntimeError("nobody holds the lease of the duties")

    async def lease_holder(self) -> int | None:
        """The index of the worker that holds the lease; None when nobody does or Redis is away."""
        client = redis_asyncio.Redis(unix_socket_path=str(self.server.redis_socket))
        try:
            held: bytes | None = await client.get(LEASE_KEY)  # type: ignore[assignment]
        except (RedisError, OSError):
            return None
        finally:
            await client.aclose()
        return int(held[1 : held.index(b"-")]) if held else None

    async def cut_tail(self, size_bytes: int, witness: Witness) -> Cut:
        """Kill Redis and destroy the end of what it had written."""
        pid = await self._redis_pid()
        os.kill(pid, signal.SIGSTOP)
        await stopped(pid)
        await witness()
        newest = self._append_only_file()
        written = newest.read_bytes()
        keep = max(0, len(written) - size_bytes)
        os.truncate(newest, keep)
        os.kill(pid, signal.SIGKILL)
        older = b"".join(
            path.read_bytes() for path in newest.parent.glob("*.aof") if path != newest
        )
        whole = end_of_whole(written[:keep])
        return Cut(lost=written[whole:], kept=older + written[:whole])

    async def _cut_while_away(self, rng: random.Random, witness: Witness) -> Cut:
        """The journal cannot reach SQL for a while, and then Redis loses the end of it."""
        await witness()  # now: a database that is away cannot be asked
        size_bytes, seconds = rng.randint(*CUT_BYTES), rng.uniform(*SQL_AWAY_S)
        away = asyncio.create_task(self.away.stay_away(seconds, rng))
        try:
            await asyncio.sleep(rng.uniform(0.1, SQL_AWAY_S[0]))
            return await self.cut_tail(size_bytes, _nobody)
        finally:
            await away

    async def freeze_redis(self, seconds: float) -> None:
        """Redis neither answers nor ends."""
        pid = await self._redis_pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)

    def _append_only_file(self) -> Path:
        """The one that is being written: of several the newest increment."""
        found = list(self.server.redis_dir.rglob("*.incr.aof"))
        return max(found, key=lambda path: int(path.name.split(".")[-3]))

    async def _redis_pid(self) -> int:
        until = time.monotonic() + FIND_WAIT_S
        while time.monotonic() < until:
            pid = self.server.redis_pid()
            if pid is not None:
                return pid
            await asyncio.sleep(0.05)
        raise RuntimeError("no Redis is running")

    async def _workers(self) -> list[int]:
        until = time.monotonic() + FIND_WAIT_S
        while time.monotonic() < until:
            pids = self.server.worker_pids()
            if pids:
                return pids
            await asyncio.sleep(0.05)
        raise RuntimeError("no worker is running")

    @staticmethod
    def _kill(pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def _nobody() -> None:
    """No witness."""


def end_of_whole(log: bytes) -> int:
    """How much of a cut log Redis takes: a transaction without its end counts as never begun."""
    begun, ended = log.rfind(MULTI), log.rfind(EXEC)
    return begun if begun > ended else len(log)


async def stopped(pid: int) -> None:
    """Until the process has come to rest: a stop signal is delivered a moment later."""
    while state_of(pid) not in ("T", "t", "Z", ""):  # noqa: ASYNC110 - nobody would tell us
        await asyncio.sleep(0.001)

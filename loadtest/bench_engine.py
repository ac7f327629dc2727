"""The reservation engine alone, on a real Redis, beside one script call a request.

`Counter` is a shop in this process: the engine as a worker has it, an embedded Redis that syncs
every write, SQLite for the sale's terms. Every round sells from a fresh sale and is counted after.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import msgpack
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy.ext.asyncio import AsyncEngine

from flash_sale.eligibility import Buyer
from flash_sale.sale import SaleSpec, SkuSpec
from flash_sale.storage import keys
from flash_sale.storage.scripts import source
from flash_sale.storage.wiring import FlashSale, assemble
from loadtest.bench_parts import Part, Round, Watch
from loadtest.report import Histogram
from loadtest.resp import pipelined
from server.database import make_engine, migrate
from server.embedded import EmbeddedRedis
from server.randomness import token_source

STOCK = 1_000_000  # never sold out: what is measured is selling
PER_USER = 2  # limited, so that the limit is looked at and written
CENTS = 1900
SKU = "item-1"
ROOM = "bench"
IN_FLIGHT = 1024  # buyers waiting at once, for the engine and for one call a request alike
CONNECTIONS = 16  # of one call a request; IN_FLIGHT / CONNECTIONS go in one pipeline
KEYSPACE = 2_000_000_000  # redis-benchmark's random numbers: people hardly ever meet
DURATION_S = 6 * 3600
PATIENCE_S = 30.0  # what is slow shall be measured as slow, not be refused


def make_tables(database_url: str) -> None:
    """Bring an empty database up to date. Not to be called from a running event loop."""
    migrate(database_url)


class Counter:
    """A shop in this process. Use as an async context manager."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._folder = tempfile.TemporaryDirectory(prefix="liveroom-bench-")
        self._stack = AsyncExitStack()
        self._names = itertools.count(1)
        self._sale_id = ""
        self.redis: Redis
        self.server: EmbeddedRedis
        self.shop: FlashSale
        self.database: AsyncEngine

    async def __aenter__(self) -> Self:
        self.server = EmbeddedRedis.start(Path(self._folder.name))
        pool = BlockingConnectionPool.from_url(
            self.server.url, max_connections=8, timeout=30, socket_timeout=30,
            retry=Retry(NoBackoff(), 0),
        )  # fmt: skip
        self.redis = Redis(connection_pool=pool)
        self.database = make_engine(self._database_url)
        self._stack.push_async_callback(self.database.dispose)
        self._stack.push_async_callback(pool.aclose)
        self.shop = assemble(
            self.redis,
            self.database,
            payment_secret=secrets.token_bytes(32),
            callback_url=lambda: "",
            post=_nobody,
            new_token=token_source(),
        )
        self.shop.engine.answered_within_s = PATIENCE_S
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.shop.close()
        await self._stack.aclose()
        self.server.stop()
        self._folder.cleanup()

    async def fresh_sale(self) -> str:
        """A live sale of one limited SKU; the one before is forgotten by Redis."""
        if self._sale_id:
            await self._clear_away(self._sale_id)
        self._sale_id = f"bench-{next(self._names)}-{secrets.token_hex(4)}"
        sku = SkuSpec(SKU, "item", "Item", STOCK, CENTS, per_user=PER_USER)
        spec = SaleSpec(self._sale_id, (sku,), start="now", duration_s=DURATION_S)
        await self.shop.desk.create(spec, ROOM, time.time_ns() // 1_000_000)
        return self._sale_id

    async def _clear_away(self, sale_id: str) -> None:
        """Nobody's round may pay for freeing what the one before left, or for its log's rewrite."""
        await self.redis.delete(*keys.all_of(sale_id))
        await self.shop.stock.forget(sale_id)
        await self.redis.bgrewriteaof()
        while True:
            state = await self.redis.info("persistence")
            if not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"]:
                return
            await asyncio.sleep(0.02)

    async def counted(self, sale_id: str, least: int, most: int) -> tuple[str, ...]:
        """What is wrong with the counters after between `least` and `most` won buys."""
        asked = self.redis.hmget(keys.stock(sale_id), [f"a:{SKU}", f"h:{SKU}"])
        left, held = (int(each or 0) for each in await cast("Awaitable[list[bytes]]", asked))
        said = await self.redis.hget(keys.sale(sale_id), "journal_seq")
        facts = await self.shop.stock.entries_after(sale_id, 0, most + 2)
        numbers = [fact.seq for fact in facts]  # the start is one of them
        whole = numbers == list(range(1, held + 2)) and int(said or 0) == held + 1
        if left + held == STOCK and whole and least <= held <= most:
            return ()
        return (f"{least} bought, but {left} left, {held} held, {len(facts)} in the journal",)

    async def _exactly(self, sale_id: str, count: int) -> tuple[str, ...]:
        return await self.counted(sale_id, count, count)

    # -- the engine -----------------------------------------------------------------------------

    async def buy(self, sale_id: str, count: int) -> tuple[int, Histogram]:
        """`count` people buy one unit each, IN_FLIGHT at a time; how many got it, and when."""
        numbers = iter(range(count))
        latency = Histogram()
        reserve = self.shop.engine.reserve
        lines = ((SKU, 1),)
        clock, record = time.perf_counter_ns, latency.record

        async def shopper() -> int:
            held = 0
            for number in numbers:
                began = clock()
                answer = await reserve(sale_id, Buyer(f"person-{number}"), lines, f"key-{number}")
                record((clock() - began) // 1000)
                held += answer.code == "held"
            return held

        held = await asyncio.gather(*(shopper() for _ in range(min(IN_FLIGHT, count))))
        return sum(held), latency

    async def engine_turn(self, count: int) -> Round:
        sale_id = await self.fresh_sale()
        watch = Watch(engine=os.getpid(), redis=self.server.pid)
        held, latency = await self.buy(sale_id, count)
        took_s, cpu = watch.stop()
        return Round(held, took_s, cpu, latency.summary_ms(), await self._exactly(sale_id, count))

    # -- one call a request ---------------------------------------------------------------------

    async def _plain_call(self, sale_id: str) -> list[str]:
        digest = await self.redis.script_load(source("reserve"))
        names = keys.all_of(sale_id)
        return ["EVALSHA", str(digest), str(len(names)), *names]

    async def benchmark_turn(self, program: str, count: int) -> Round:
        """`redis-benchmark`: every buy its own EVALSHA, pipelined; random people and keys."""
        sale_id = await self.fresh_sale()
        command: list[str | bytes] = [
            *(program, "-s", str(self.server.socket), "-n", str(count), "-r", str(KEYSPACE)),
            *("-c", str(CONNECTIONS), "-P", str(IN_FLIGHT // CONNECTIONS), "--csv"),
            *await self._plain_call(sale_id),
            random_ask(),
        ]
        before = _children_cpu_s()
        watch = Watch(redis=self.server.pid)
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        took_s, cpu = watch.stop()
        cpu["generator"] = (_children_cpu_s() - before) / took_s
        # It ends its last pipelines; and of so many random numbers a few are equal.
        wrong = await self.counted(sale_id, count - count // 100, count + IN_FLIGHT)
        own_s, latency_ms = _said(out, count)
        return Round(count, own_s, cpu, latency_ms, wrong)

    async def pipelined_turn(self, count: int) -> Round:
        """The same from this process, with people as the engine's, for want of that program."""
        sale_id = await self.fresh_sale()
        head = [part.encode() for part in await self._plain_call(sale_id)]
        asks = [[*head, ask_of(number)] for number in range(count)]
        watch = Watch(generator=os.getpid(), redis=self.server.pid)
        latency = await pipelined(
            str(self.server.socket), asks, CONNECTIONS, IN_FLIGHT // CONNECTIONS
        )
        took_s, cpu = watch.stop()
        return Round(count, took_s, cpu, latency.summary_ms(), await self._exactly(sale_id, count))

    def parts(self, count: int) -> list[Part]:
        """The engine and its peers, each `count` buys a round."""
        found = [Part("engine, batches", lambda: self.engine_turn(count))]
        program = shutil.which("redis-benchmark") or shutil.which("valkey-benchmark")
        if program:
            found.append(
                Part("redis-benchmark, one EVALSHA a buy",
                     lambda: self.benchmark_turn(program, count))
            )  # fmt: skip
        found.append(
            Part("pipelined client, one EVALSHA a buy", lambda: self.pipelined_turn(count))
        )
        return found


def _ask(now: float, user: str, key: str, suffix: str, off_cents: int = 0) -> bytes:
    ask = ("f" * 24, ((SKU, 1),), "live", 1, off_cents, "", 1)
    asked = (now, (ask,), (user,), (key,), (suffix,), (1,))
    packed: bytes = msgpack.packb(asked, use_bin_type=False)
    return packed


def ask_of(number: int) -> bytes:
    """What the script is given for one buyer."""
    return _ask(0, f"person-{number}", f"key-{number}", f"1-suffix-{number:09}")


def random_ask() -> bytes:
    """The same with marks that redis-benchmark replaces, each by twelve random digits.

    It takes arguments without zero bytes only. So a cent is taken off, and instead of the time 0
    (Redis' own clock) the time is given, as a number whose bytes have none.
    """
    mark, now = "__rand_int__", float(time.time_ns() // 1_000_000)
    while b"\0" in (packed := _ask(now, mark, mark, mark, off_cents=1)):
        now += 0.000_976_562_5  # tries other low bytes
    return packed


def _said(out: bytes, count: int) -> tuple[float, dict[str, float]]:
    """Seconds and latencies by redis-benchmark's own clock: its start-up is not counted."""
    figures = [part.strip('"') for part in out.decode(errors="replace").split(",")[-7:]]
    per_s, _, _, p50, _, p99, most = (float(figure.strip().strip('"')) for figure in figures)
    return count / per_s, {"p50": p50, "p99": p99, "max": most}


def _children_cpu_s() -> float:
    """CPU of child processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system


async def _nobody(url: str, headers: dict[str, str], body: bytes) -> int:
    raise AssertionError("nothing is paid here")

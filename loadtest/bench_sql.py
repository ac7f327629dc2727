"""The journal's way into SQL, and beside it a shop that keeps its stock in SQL alone."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url

from loadtest.bench_engine import CENTS, SKU, STOCK, Counter
from loadtest.bench_parts import Part, Round, Watch
from loadtest.report import Histogram

CONNECTIONS = 16  # of the shop in SQL; more only wait longer for the one row
TABLES = """
DROP TABLE IF EXISTS plain_orders; DROP TABLE IF EXISTS plain_stock;
CREATE TABLE plain_stock (sku_id text PRIMARY KEY, left_pieces bigint NOT NULL);
CREATE TABLE plain_orders (
    order_id bigserial PRIMARY KEY, user_id text NOT NULL, key text NOT NULL,
    sku_id text NOT NULL, cents bigint NOT NULL, created_ms bigint NOT NULL,
    UNIQUE (user_id, key));
"""
TAKE = "UPDATE plain_stock SET left_pieces = left_pieces - 1 WHERE sku_id = $1 AND left_pieces > 0"
ORDER = "INSERT INTO plain_orders (user_id, key, sku_id, cents, created_ms) VALUES ($1,$2,$3,$4,$5)"


class Drain:
    """Moves the journal of a filled sale into the database of a counter."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    async def turn(self, count: int) -> Round:
        counter = self._counter
        sale_id = await counter.fresh_sale()
        held, _ = await counter.buy(sale_id, count)
        step = counter.shop.consumer.step
        watch = Watch(consumer=os.getpid(), redis=counter.server.pid)
        moved = 0
        while some := await step():
            moved += some
        took_s, cpu = watch.stop()
        wrong: tuple[str, ...] = (
            () if moved == held + 1 else (f"{held} held, {moved} entries moved",)
        )
        audit = await counter.shop.auditor.audit_sale(sale_id)
        wrong += () if audit["balanced"] else (f"not balanced: {audit['problems']}",)
        return Round(held, took_s, cpu, {}, wrong)

    def part(self, database: str, count: int) -> Part:
        return Part(f"journal into {database}", lambda: self.turn(count))


class PlainShop:
    """One transaction a buy: take a piece, write the order. No holds, no limits, no answers."""

    def __init__(self, database_url: str) -> None:
        url = make_url(database_url)
        self._where: dict[str, Any] = {
            "user": url.username,
            "database": url.database,
            "password": url.password,
        }
        self._where |= {"host": url.query.get("host", url.host), "port": url.port}
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(
            **self._where, min_size=CONNECTIONS, max_size=CONNECTIONS
        )

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.execute("DROP TABLE IF EXISTS plain_orders, plain_stock")
            await self._pool.close()

    async def turn(self, count: int) -> Round:
        assert self._pool is not None
        await self._pool.execute(TABLES)
        await self._pool.execute("INSERT INTO plain_stock VALUES ($1, $2)", SKU, STOCK)
        latency, numbers = Histogram(), iter(range(count))
        watch = Watch(generator=os.getpid())
        await asyncio.gather(*(self._buy(numbers, latency) for _ in range(CONNECTIONS)))
        took_s, cpu = watch.stop()
        left = await self._pool.fetchval("SELECT left_pieces FROM plain_stock")
        orders = await self._pool.fetchval("SELECT count(*) FROM plain_orders")
        exact = left == STOCK - count and orders == count
        wrong = () if exact else (f"{count} bought, {left} left, {orders} orders",)
        return Round(count, took_s, cpu, latency.summary_ms(), wrong)

    async def _buy(self, numbers: Iterator[int], latency: Histogram) -> None:
        assert self._pool is not None
        async with self._pool.acquire() as connection:
            for number in numbers:
                began = time.perf_counter_ns()
                async with connection.transaction():
                    if await connection.execute(TAKE, SKU) != "UPDATE 1":
                        continue
                    at_ms = time.time_ns() // 1_000_000
                    await connection.execute(ORDER, f"u{number}", f"k{number}", SKU, CENTS, at_ms)
                latency.record((time.perf_counter_ns() - began) // 1000)

    def part(self, count: int) -> Part:
        return Part("PostgreSQL, one transaction a buy", lambda: self.turn(count))

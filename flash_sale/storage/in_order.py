"""Commands that Redis must see in the order they were given, several of them on their way at once.

A pool sends them over different connections, and Redis reads those in an order of its own: a later
batch of buyers could be decided before an earlier one. Here all go down one connection, which is
the pool's again whenever nothing is on its way: so the pool finds out when it has died. A client
that does more than to send (of a cluster, or one that waits for replicas) has one of a sale at a
time on its way: the order holds there too, and nothing overlaps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakValueDictionary

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

Word = str | bytes | int
Command = Callable[..., Awaitable[Any]]


def in_order(redis: Redis) -> Command:
    """As `redis.execute_command`, for commands whose fourth word is their first key."""
    if type(redis) is Redis:
        return InOrder(redis.connection_pool).command
    return _OneByOne(redis.execute_command).command


class _OneByOne:
    """The next command of a key is sent when the last has its answer."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._turns: WeakValueDictionary[Word, asyncio.Lock] = WeakValueDictionary()

    async def command(self, *words: Word) -> Any:  # noqa: ANN401 - whatever Redis answers
        turn = self._turns.setdefault(words[3], asyncio.Lock())
        async with turn:
            return await self._command(*words)


class _Line:
    """One connection while commands are on their way over it."""

    __slots__ = ("broken", "connection", "reading", "under_way")

    def __init__(self, connection: AbstractConnection) -> None:
        self.connection = connection
        self.under_way = 0
        self.broken = False
        self.reading = asyncio.Lock()  # first come first served: answers come in that order


class InOrder:
    """Errors: redis-py's. Whatever was sent behind a call that got no answer gets none either."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._line: _Line | None = None
        self._sending = asyncio.Lock()

    async def command(self, *words: Word) -> Any:  # noqa: ANN401 - whatever Redis answers
        """Sent before whatever is given later, from the moment of this call on."""
        async with self._sending:
            line = self._line
            if line is None:
                connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
                line = self._line = _Line(connection)
            line.under_way += 1
            try:
                packed = line.connection.pack_command(*words)
                await line.connection.send_packed_command(packed)
            except BaseException:  # half a command may be out: nothing can follow it
                await self._done(line, broken=True)
                raise
        try:
            async with line.reading:
                if line.broken:
                    raise RedisConnectionError("an earlier call ended the connection")
                answer = await line.connection.read_response()
        except ResponseError:  # an answer like any other
            await self._done(line)
            raise
        except BaseException:  # its answer may still come, and would be taken for another's
            await self._done(line, broken=True)
            raise
        await self._done(line)
        return answer

    async def _done(self, line: _Line, *, broken: bool = False) -> None:
        line.under_way -= 1
        if broken and not line.broken:
            line.broken = True
            await line.connection.disconnect(nowait=True)
        if line.broken and self._line is line:
            self._line = None
        if line.under_way == 0:
            if self._line is line:
                self._line = None
            await self._pool.release(line.connection)

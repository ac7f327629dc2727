"""A Redis whose scripts are answered for only when replicas have them.

A script's reply and that of WAIT come over one connection and in one packet, since WAIT speaks of
the writes of its own connection. Too few replicas is *unknown*, not "no": the script has run.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import redis.asyncio as redis_asyncio
from redis.exceptions import TimeoutError as RedisTimeoutError

from server.cluster.slots import SCRIPTED

CONFIRM_MS: Final = 500  # well below the time after which a call is given up


class Unconfirmed(RedisTimeoutError):
    """A write is on its server and not yet on as many replicas as were asked for."""


class ConfirmingRedis(redis_asyncio.Redis):
    """`uncounted` are digests of scripts that only count: to lose the last call harms nobody."""

    def __init__(
        self,
        *,
        connection_pool: redis_asyncio.ConnectionPool,
        replicas: int,
        uncounted: Collection[str] = (),
    ) -> None:
        super().__init__(connection_pool=connection_pool)
        self._replicas = replicas
        self._uncounted = frozenset(uncounted)

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - any reply
        if args[0] not in SCRIPTED or args[1] in self._uncounted:
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        async with self.pipeline(transaction=False) as pipe:
            pipe.execute_command(*args, **options)
            pipe.execute_command("WAIT", self._replicas, CONFIRM_MS)
            reply, confirmed = await pipe.execute(raise_on_error=False)
        for answer in (reply, confirmed):
            if isinstance(answer, Exception):
                raise answer
        if confirmed < self._replicas:
            raise Unconfirmed(f"{confirmed} of {self._replicas} replicas have confirmed")
        return reply

"""Calls that arrive while one is in flight travel together in the next one.

One batch per key is under way at a time, so a busy key costs the store one call for many requests
and a quiet key waits for nobody. What a batch does is handed in; nothing here knows its meaning.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from room.errors import Refused

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Reply = TypeVar("Reply")


class MicroBatch(Generic[Key, Item, Reply]):
    """`send(key, items)` must answer each item, in order. Its error reaches all of the batch.

    Beyond `waiting_max` waiting items of one key a request is refused with rate_limited.
    """

    def __init__(
        self,
        send: Callable[[Key, list[Item]], Awaitable[list[Reply]]],
        *,
        batch_max: int,
        waiting_max: int,
    ) -> None:
        self._send = send
        self._batch_max = batch_max
        self._waiting_max = waiting_max
        self._waiting: dict[Key, list[tuple[Item, asyncio.Future[Reply]]]] = {}
        self._running: dict[Key, asyncio.Task[None]] = {}

    async def submit(self, key: Key, item: Item) -> Reply:
        waiting = self._waiting.setdefault(key, [])
        if len(waiting) >= self._waiting_max:
            raise Refused("rate_limited", "too many at once", retry_ms=1_000)
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        waiting.append((item, answer))
        if key not in self._running:
            self._running[key] = asyncio.create_task(self._run(key))
        return await answer

    async def _run(self, key: Key) -> None:
        try:
            while self._waiting.get(key):
                waiting = self._waiting[key]
                batch, self._waiting[key] = waiting[: self._batch_max], waiting[self._batch_max :]
                await self._flush(key, batch)
        finally:
            del self._running[key]
            for _, answer in self._waiting.pop(key, []):
                answer.cancel()

    async def _flush(self, key: Key, batch: list[tuple[Item, asyncio.Future[Reply]]]) -> None:
        try:
            replies = await self._send(key, [item for item, _ in batch])
        except Exception as failed:  # every waiting caller gets it and handles it
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(failed)
            return
        for (_, answer), reply in zip(batch, replies, strict=True):
            if not answer.done():
                answer.set_result(reply)

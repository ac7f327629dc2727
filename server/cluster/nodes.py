"""A cluster as one process sees it: its nodes, who owns what, and how it learns of changes.

Shared by all clients of a worker, so that what one of them runs into is known to the others. It
never repeats a call: that a node is away or a slot has moved is only noted here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

import redis.asyncio as redis_asyncio
import structlog
from redis.exceptions import ClusterDownError, RedisError

from server.cluster.slots import ClusterAddress, Place, SlotTable, spans_of
from server.tasks import end_all

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 0.25  # between two looks at the table: a fault makes many calls fail at once
REDIRECTS_MAX: Final = 4  # a slot that moves on more often than this within one call is a fault
AWAY: Final = (redis_asyncio.ConnectionError, redis_asyncio.TimeoutError, ClusterDownError, OSError)

MakeNode = Callable[[Place], redis_asyncio.Redis]


async def call(node: redis_asyncio.Redis, *args: Any, **options: Any) -> Any:  # noqa: ANN401
    """One command on one node; redis-py leaves this untyped."""
    return await node.execute_command(*args, **options)  # type: ignore[no-untyped-call]


class Nodes:
    """The slot table and a connection to each node for asking about it."""

    def __init__(self, address: ClusterAddress, make_node: MakeNode) -> None:
        self.table = SlotTable()
        self.on_moved: list[Callable[[], None]] = []  # told when an owner has changed
        self._seeds = address.seeds
        self._make_node = make_node
        self._asked: dict[Place, redis_asyncio.Redis] = {}
        self._silent: set[Place] = set()  # did not answer when last asked
        self._look: asyncio.Task[None] | None = None
        self._again = False

    async def connect(self) -> None:
        """Learn the table. Raises redis-py's ConnectionError when no node tells."""
        await self._learn()
        if not self.table.places:
            raise redis_asyncio.ConnectionError("no node of the cluster answers")

    async def close(self) -> None:
        await end_all([self._look] if self._look is not None else [])
        for node in self._asked.values():
            await node.aclose()

    def in_order(self, more: Iterable[Place] = ()) -> list[Place]:
        """Whom to ask what any node can answer: those that were silent come last."""
        known = dict.fromkeys((*self.table.places, *more))
        return sorted(known, key=self._silent.__contains__)

    def move(self, slot: int, place: Place) -> None:
        """A node said MOVED."""
        if self.table.move(slot, place):
            self._tell()
            self.look_soon()  # seldom is it one slot alone

    def look_soon(self) -> None:
        """Ask for the table anew, in the background, once however many want it."""
        self._again = True
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._keep_looking(), name="cluster-look")

    async def _keep_looking(self) -> None:
        while self._again:
            self._again = False
            await self._learn()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _learn(self) -> None:
        """Ask one node after the other until one knows an owner of every slot."""
        for place in self.in_order(self._seeds):
            try:
                answer = await self._ask(place)
            except (RedisError, OSError) as error:
                if place not in self._silent:
                    log.warning("cluster_node_silent", node=place, error=str(error))
                self._silent.add(place)
                continue
            self._silent.discard(place)
            told = SlotTable()
            told.take(spans_of(answer, place))
            if told.is_whole or not self.table.places:
                if self.table.take(spans_of(answer, place)):
                    self._tell()
                if told.is_whole:
                    return

    async def _ask(self, place: Place) -> list[list[object]]:
        node = self._asked.get(place)
        if node is None:
            node = self._asked[place] = self._make_node(place)
        async with node.pipeline(transaction=False) as pipe:
            pipe.execute_command("CLUSTER", "SLOTS")  # two words: no reply callback, the raw form
            (answer,) = await pipe.execute()
        return list(answer)

    def _tell(self) -> None:
        log.info("cluster_table", nodes=[f"{host}:{port}" for host, port in self.table.places])
        for told in self.on_moved:
            told()

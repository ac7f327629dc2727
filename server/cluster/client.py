"""One client for all nodes of a cluster: each call goes to the node that owns its key.

To the stores it is a `Redis`. Each node is reached by a plain client with a pool of its own, so
a call behaves as it does without a cluster: it is sent once, and what raised may have been applied.
Only MOVED and ASK are followed, for by them a node says that it has done nothing.
"""

from __future__ import annotations

from typing import Any

import redis.asyncio as redis_asyncio
from redis.exceptions import AskError, ClusterDownError, MovedError, RedisError, TryAgainError

from server.cluster.lines import ShardLines
from server.cluster.nodes import AWAY, REDIRECTS_MAX, MakeNode, Nodes, call
from server.cluster.pipelines import ClusterPipeline
from server.cluster.slots import Place, key_of, slot_of


class ClusterRedis(redis_asyncio.Redis):
    """Commands with keys of one hash tag, pipelines over several, sharded subscriptions."""

    def __init__(self, nodes: Nodes, make_node: MakeNode) -> None:
        self._make_node = make_node
        self._nodes = nodes
        self._open: dict[Place, redis_asyncio.Redis] = {}
        some = self.node_at(nodes.table.places[0])
        super().__init__(connection_pool=some.connection_pool)  # for reply callbacks; never used

    @property
    def nodes(self) -> Nodes:
        return self._nodes

    def node_at(self, place: Place) -> redis_asyncio.Redis:
        """The plain client of one node."""
        node = self._open.get(place)
        if node is None:
            node = self._open[place] = self._make_node(place)
        return node

    def at(self, key: str) -> redis_asyncio.Redis:
        """The node that holds a key, for what must be said to it alone, such as SCRIPT LOAD."""
        return self.node_at(self.place_of(key))

    def place_of(self, key: object) -> Place:
        """Raises ClusterDownError when no node owns the key's slot."""
        place = self._nodes.table.owner(slot_of(key))
        if place is None:
            self._nodes.look_soon()
            raise ClusterDownError("nobody owns the slot")
        return place

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - any reply
        key = key_of(args)
        if key is None:
            return await self._of_any(*args, **options)
        for _ in range(REDIRECTS_MAX):
            node = self.node_at(self.place_of(key))
            try:
                return await call(node, *args, **options)
            except MovedError as moved:
                self.follow(moved)
            except AskError as asked:
                return await self._ask(asked, *args, **options)
            except AWAY:
                self._nodes.look_soon()
                raise
        raise TryAgainError("the slot moves on and on")

    def follow(self, moved: MovedError) -> None:
        """Note a slot's new owner."""
        self._nodes.move(moved.slot_id, Place(moved.host, moved.port))

    async def _ask(self, asked: AskError, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        """The slot is on its way: this once, the key is at the other node."""
        node = self.node_at(Place(asked.host, asked.port))
        async with node.pipeline(transaction=False) as pipe:
            pipe.execute_command("ASKING")
            pipe.execute_command(*args, **options)
            _, reply = await pipe.execute(raise_on_error=False)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def _of_any(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        """The first node that answers: for reading a clock, and to learn whether any is there."""
        trouble: Exception = ClusterDownError("no node is known")
        for place in self._nodes.in_order():
            try:
                return await call(self.node_at(place), *args, **options)
            except (RedisError, OSError) as error:
                self._nodes.look_soon()
                trouble = error
        raise trouble

    def pipeline(
        self,
        transaction: bool = True,  # noqa: FBT001, FBT002 - as redis-py has it
        shard_hint: str | None = None,
    ) -> ClusterPipeline:
        return ClusterPipeline(self, "together" if transaction else "apart")

    def pubsub(self, **_options: object) -> ShardLines:  # type: ignore[override]
        """Sharded subscriptions; see `lines.py` for the few methods it has."""
        return ShardLines(self)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001
        for node in self._open.values():
            await node.connection_pool.aclose()

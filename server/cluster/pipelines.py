"""Several commands at once on a cluster: a transaction on one node, or a batch over many.

A transaction's keys have one hash tag. A batch is cut up by node, keeps its order within each, and
costs one exchange a node however many rooms it asks about.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from redis.asyncio.client import Pipeline
from redis.exceptions import AskError, ClusterCrossSlotError, MovedError, RedisError, TryAgainError

from server.cluster.nodes import AWAY, REDIRECTS_MAX
from server.cluster.slots import Place, key_of, slot_of

if TYPE_CHECKING:
    from server.cluster.client import ClusterRedis

Command = tuple[tuple[Any, ...], dict[str, Any]]


class ClusterPipeline(Pipeline):
    """Queues as redis-py's pipeline does; only where it is sent to differs."""

    def __init__(self, client: ClusterRedis, how: Literal["together", "apart"]) -> None:
        super().__init__(
            client.connection_pool, client.response_callbacks, transaction=False, shard_hint=None
        )
        self._client = client
        self._how = how

    async def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002
        commands: list[Command] = [(args, dict(options)) for args, options in self.command_stack]
        try:
            if not commands:
                return []
            if self._how == "together":
                return await self._together(commands)
            replies = await self._apart(commands)
        finally:
            await self.reset()  # type: ignore[no-untyped-call]
        trouble = next((reply for reply in replies if isinstance(reply, Exception)), None)
        if trouble is not None and raise_on_error:
            raise trouble
        return replies

    async def _together(self, commands: list[Command]) -> list[Any]:
        keys = [key_of(args) for args, _ in commands]
        if len({slot_of(key) for key in keys}) != 1:
            raise ClusterCrossSlotError("the keys of a transaction must have one hash tag")
        for _ in range(REDIRECTS_MAX):
            node = self._client.node_at(self._client.place_of(keys[0]))
            try:
                return await _send(node.pipeline(transaction=True), commands, strict=True)
            except MovedError as moved:  # nothing of it was done: EXEC was refused
                self._client.follow(moved)
            except AskError as asked:
                raise TryAgainError("the slot is on its way to another node") from asked
            except AWAY:
                self._client.nodes.look_soon()
                raise
        raise TryAgainError("the slot moves on and on")

    async def _apart(self, commands: list[Command]) -> list[Any]:
        """A node that is away fails its own commands only."""
        by_place: dict[Place, list[int]] = {}
        for at, (args, _) in enumerate(commands):
            by_place.setdefault(self._client.place_of(key_of(args)), []).append(at)
        parts = await asyncio.gather(
            *(self._part(place, [commands[at] for at in part]) for place, part in by_place.items())
        )
        replies: list[Any] = [None] * len(commands)
        for part, answers in zip(by_place.values(), parts, strict=True):
            for at, answer in zip(part, answers, strict=True):
                replies[at] = answer
        for at, reply in enumerate(replies):
            if isinstance(reply, AskError):  # MOVED is one of these: the node has done nothing
                replies[at] = await self._follow(commands[at], reply)
        return replies

    async def _part(self, place: Place, commands: list[Command]) -> list[Any]:
        pipe = self._client.node_at(place).pipeline(transaction=False)
        try:
            return await _send(pipe, commands, strict=False)
        except (RedisError, OSError) as error:
            self._client.nodes.look_soon()
            return [error] * len(commands)

    async def _follow(self, command: Command, said: AskError) -> Any:  # noqa: ANN401 - any reply
        if isinstance(said, MovedError):
            self._client.follow(said)
        args, options = command
        try:
            return await self._client.execute_command(*args, **options)
        except (RedisError, OSError) as error:
            return error


async def _send(pipe: Pipeline, commands: list[Command], *, strict: bool) -> list[Any]:
    async with pipe:
        for args, options in commands:
            pipe.execute_command(*args, **options)
        return list(await pipe.execute(raise_on_error=strict))

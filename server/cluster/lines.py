"""Subscriptions on a cluster: one line to each node that owns channels somebody wants.

Offers the five methods of redis-py's `PubSub` that the bus uses, with the names plain pub/sub has
for its messages. A channel lives in the slot of its room; when the slot gets another owner (moved
on purpose, or a replica took over) the channel is subscribed there. When messages may have been
missed, one `restored` message follows once the line's subscriptions are confirmed again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError, ResponseError

from server.cluster.slots import Place
from server.tasks import end_all

if TYPE_CHECKING:
    from server.cluster.client import ClusterRedis

log = structlog.get_logger(__name__)

QUEUED_MAX: Final = 10_000  # messages read and not yet taken; then the sockets wait
RECONNECT_S_MIN: Final = 0.05
RECONNECT_S_MAX: Final = 1.0
ASK_AGAIN_S: Final = 0.25  # after a node refused a channel: the table needs a moment to be learned
RESTORED: Final[dict[str, Any]] = {"type": "restored", "channel": None, "data": None}


class _Line(PubSub):
    """To one node. Channels are subscribed one by one, for their slots differ."""

    def __init__(self, node: Redis, place: Place) -> None:
        super().__init__(node.connection_pool)
        self.place = place
        self.unconfirmed: set[bytes] = set()
        self.missed = False  # whether messages may have been
        self.reader: asyncio.Task[None] | None = None
        self.asking: asyncio.Task[None] | None = None

    @property
    def is_connected_unread(self) -> bool:
        """It has had a connection, and nobody reads what comes."""
        connection: object = self.connection  # redis-py's own annotation knows only None
        return connection is not None and (self.reader is None or self.reader.done())

    async def add(self, channel: bytes) -> None:
        """Noted before it is sent: should that fail, it is subscribed at the next connection."""
        self.unconfirmed.add(channel)
        self.shard_channels.setdefault(channel, None)
        await self.ssubscribe(channel)

    def forget(self, channel: bytes) -> None:
        self.unconfirmed.discard(channel)
        self.shard_channels.pop(channel, None)

    async def come_back(self) -> None:
        """Connect again; `on_connect` sends all subscriptions. Raises what redis-py raises."""
        self.missed = True
        self.unconfirmed.update(self.shard_channels)
        await self.connect()  # type: ignore[no-untyped-call]

    def ask_again_soon(self) -> None:
        """The node has refused channels; one attempt for all of them is on its way."""
        if self.asking is None or self.asking.done():
            self.asking = asyncio.create_task(self._ask_again(), name="cluster-ask-again")

    async def _ask_again(self) -> None:
        await asyncio.sleep(ASK_AGAIN_S)
        for channel in tuple(self.unconfirmed):
            try:
                await self.ssubscribe(channel)
            except (RedisError, OSError):
                return  # the reader finds the line broken, too

    async def _resubscribe_shard_channels(self) -> None:
        for channel in tuple(self.shard_channels):
            await self.ssubscribe(channel)


class ShardLines:
    """The subscriptions of one worker."""

    def __init__(self, client: ClusterRedis) -> None:
        self._client = client
        self._wanted: dict[bytes, Place] = {}  # channel → where it is subscribed
        self._lines: dict[Place, _Line] = {}
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue(QUEUED_MAX)
        self._moving = asyncio.Event()
        self._mover: asyncio.Task[None] | None = None
        client.nodes.on_moved.append(self._moving.set)

    async def connect(self) -> None:
        """Nothing to do: each line comes back by itself."""

    async def aclose(self) -> None:
        self._client.nodes.on_moved.remove(self._moving.set)
        lines = tuple(self._lines.values())
        tasks = [self._mover, *(line.reader for line in lines), *(line.asking for line in lines)]
        await end_all(task for task in tasks if task is not None)
        for line in lines:
            await line.aclose()  # type: ignore[no-untyped-call]

    async def subscribe(self, channel: str) -> None:
        """Send it; a `subscribe` message confirms. Raises redis-py's errors."""
        if self._mover is None:
            self._mover = asyncio.create_task(self._follow_owners(), name="cluster-lines")
        await self._put(channel.encode())

    async def unsubscribe(self, channel: str) -> None:
        name = channel.encode()
        place = self._wanted.pop(name, None)
        line = self._lines.get(place) if place is not None else None
        if line is not None:
            line.forget(name)
            await line.sunsubscribe(name)

    async def get_message(self, timeout: float | None = None) -> dict[str, Any]:
        """The next message of any node; does not raise for a node that is away."""
        async with asyncio.timeout(timeout):
            return await self._messages.get()

    # -- where channels are ----------------------------------------------------------------------

    async def _put(self, channel: bytes) -> _Line:
        place = self._client.place_of(channel)
        self._wanted[channel] = place
        line = self._lines.get(place)
        if line is None:
            line = self._lines[place] = _Line(self._client.node_at(place), place)
        try:
            await line.add(channel)
        finally:
            if line.is_connected_unread:
                line.reader = asyncio.create_task(self._read(line), name="cluster-line")
        return line

    async def _follow_owners(self) -> None:
        """Put every channel whose slot has another owner where it belongs now."""
        while True:
            await self._moving.wait()
            self._moving.clear()
            for channel, place in tuple(self._wanted.items()):
                await self._put_right(channel, place)

    async def _put_right(self, channel: bytes, place: Place) -> None:
        try:
            if self._wanted.get(channel) != place or self._client.place_of(channel) == place:
                return
            if (old := self._lines.get(place)) is not None:
                old.forget(channel)
            (await self._put(channel)).missed = True
        except (RedisError, OSError) as error:  # its line has noted it and tries on
            log.warning("shard_channel_not_moved", channel=channel.decode(), error=str(error))

    # -- reading ---------------------------------------------------------------------------------

    async def _read(self, line: _Line) -> None:
        delay_s = RECONNECT_S_MIN
        while True:
            try:
                message = await line.get_message(timeout=None)
                delay_s = RECONNECT_S_MIN
                if message is not None:
                    await self._take(line, message)
            except ResponseError:  # MOVED or CLUSTERDOWN: not the owner, or not just now
                self._client.nodes.look_soon()
                line.ask_again_soon()
            except (RedisError, OSError) as error:
                self._client.nodes.look_soon()
                if not line.shard_channels:
                    return await self._give_up(line)
                if delay_s == RECONNECT_S_MIN:
                    log.warning("cluster_line_lost", node=line.place, error=str(error))
                await asyncio.sleep(delay_s)
                delay_s = min(RECONNECT_S_MAX, delay_s * 2)
                await self._reconnect(line)

    async def _give_up(self, line: _Line) -> None:
        """Nobody wants anything of this node any more, and it is away."""
        del self._lines[line.place]
        await line.aclose()  # type: ignore[no-untyped-call]

    async def _reconnect(self, line: _Line) -> None:
        try:
            await line.come_back()
        except (RedisError, OSError):
            return

    async def _take(self, line: _Line, message: dict[str, Any]) -> None:
        kind, channel = message["type"], message["channel"]
        if kind == "smessage":
            await self._messages.put({**message, "type": "message"})
        elif kind == "ssubscribe":
            line.unconfirmed.discard(channel)
            await self._messages.put({**message, "type": "subscribe"})
            if line.missed and not line.unconfirmed:
                line.missed = False
                await self._messages.put(RESTORED)
        elif kind == "sunsubscribe" and self._wanted.get(channel) == line.place:
            # By itself, since it gives the slot away: the new owner is learned, then asked.
            line.unconfirmed.add(channel)
            self._client.nodes.look_soon()
            line.ask_again_soon()

"""Redis between workers: one subscription connection in, one paced stream of publishes out.

A room's channel carries five kinds of message, all MessagePack maps with a kind under `k`:
`critical` and `rebased` are published by the room store's scripts, `tick` says that one more can be
read over plain HTTP, and `chat` is this file's (comments, notices, stock levels and private events
of a few milliseconds, in one message). Losing a `chat` message loses only what may be lost, and the
next one's running count tells how much it was; a lost `critical` one is noticed by its number.
Where no other worker listens a `probe` of a few bytes goes out in place of each `chat`: its echo,
and the count of who heard it, show that nobody missed anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

import msgpack
import orjson
import redis.asyncio as redis_asyncio
import structlog
from redis.exceptions import RedisError

from room.errors import Unavailable
from room.ports import RoomStore, Sequenced
from server.live_counts import Values
from server.outbox import ChatItem, count_by_kind
from server.tasks import end_all

log = structlog.get_logger(__name__)

ROOMS_QUEUED_MAX = 10_000  # rooms with something to publish; one entry each
ITEMS_PER_MESSAGE_MAX = 2_000  # chat beyond this in one loop turn is not told to other workers
STAFF = ""  # in place of a user: every staff member of the room
WORKERS_HEARD_MAX = 256  # per room; past it the one heard of first starts anew
RECONNECT_S_MAX = 1.0
SEND_EVERY_S = 0.005  # one batch and not one for each turn of the loop; a lone one goes at once
ECHO_WITHIN_S = 0.1  # of a probe; after this somebody else may have heard it, and gets the batch


class BusListener(Protocol):
    """What the bus tells the hub. Every call is quick and never awaits."""

    def on_critical(self, room_id: str, epoch: str, events: list[Sequenced]) -> None:
        """Critical events were committed by some worker."""
        ...

    def on_rebased(self, room_id: str, epoch: str) -> None:
        """The room continues under a new epoch."""
        ...

    def on_chat(self, room_id: str, batch: ChatBatch) -> None:
        """Another worker's chat, stock levels and private events."""
        ...

    def on_tick(self, room_id: str, n: int) -> None:
        """A tick over plain HTTP was kept."""
        ...

    def on_reconnected(self) -> None:
        """Messages may have been lost: every room should look for gaps."""
        ...


class ChatBatch:
    """What one worker has to tell the others about one room."""

    __slots__ = ("chat", "kicked", "live", "lost", "private", "said", "stock")

    def __init__(self) -> None:
        self.chat: list[ChatItem] = []
        self.said: dict[str, int] = {}  # chat of the sender since its start, this batch included
        self.lost: dict[str, int] = {}  # of that, what never arrived here
        self.private: list[tuple[str, bytes]] = []
        self.kicked: list[tuple[str, int]] = []
        self.stock: dict[str, dict[str, int]] = {}
        self.live: dict[str, dict[str, Mapping[str, Any]]] = {}  # part → id → counts

    def pack(self, worker_id: str) -> bytes:
        """The message, without what is empty."""
        chat = [
            (i.kind, i.user_id, i.role, i.raw, i.buyer, i.first, i.name, i.comment_id, i.fold)
            for i in self.chat
        ]
        message: dict[str, Any] = {"k": "chat", "w": worker_id, "c": chat, "p": self.private}
        message |= {"s": self.stock, "x": self.kicked, "n": self.said, "l": self.live}
        packed: bytes = msgpack.packb({key: value for key, value in message.items() if value})
        return packed

    @classmethod
    def unpack(cls, message: dict[str, Any]) -> ChatBatch:
        """The batch in a decoded message."""
        batch = cls()
        batch.chat = [ChatItem(*fields) for fields in message.get("c", ())]
        batch.private = [(user_id, raw) for user_id, raw in message.get("p", ())]
        batch.said = message.get("n", {})
        batch.stock = message.get("s", {})
        batch.live = message.get("l", {})
        batch.kicked = [(user_id, code) for user_id, code in message.get("x", ())]
        return batch


class Bus:
    """One worker's end of every room's channel."""

    def __init__(self, client: redis_asyncio.Redis, store: RoomStore, worker_id: str):
        self._store = store
        self._worker_id = worker_id
        self._pubsub = client.pubsub(ignore_subscribe_messages=False)
        self._rooms: dict[bytes, str] = {}
        self._confirmed: dict[str, asyncio.Event] = {}
        self._pending: dict[str, ChatBatch] = {}
        self._said: dict[str, dict[str, int]] = {}  # room → chat told since the start, by kind
        self._heard: dict[str, dict[str, dict[str, int]]] = {}  # the same of others, by worker
        self._unheard: set[str] = set()  # rooms whose last batch nobody else seemed to hear
        self._probes: dict[int, asyncio.Future[None]] = {}  # on their way, by number
        self._probed = 0
        self._wake = asyncio.Event()
        self._subscribed = asyncio.Event()  # reading before the first subscription would fail
        self._tasks: list[asyncio.Task[None]] = []
        self._leaving: set[asyncio.Task[None]] = set()
        self.listener: BusListener | None = None

    async def start(self) -> None:
        """Begin receiving and publishing."""
        self._tasks = [
            asyncio.create_task(self._receive(), name="bus-receive"),
            asyncio.create_task(self._send(), name="bus-send"),
        ]

    async def stop(self) -> None:
        """Stop both directions; what is queued is published first if Redis answers."""
        if self._pending:
            await self._publish_pending()
        await end_all([*self._tasks, *self._leaving])
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]

    # -- subscriptions --------------------------------------------------------------------------

    async def subscribe(self, room_id: str) -> None:
        """Return once Redis has confirmed the subscription; raises `Unavailable` otherwise."""
        channel = self._store.channel(room_id)
        confirmed = self._confirmed.setdefault(room_id, asyncio.Event())
        self._rooms[channel.encode()] = room_id
        try:
            await self._pubsub.subscribe(channel)
            self._subscribed.set()
            async with asyncio.timeout(1.0):
                await confirmed.wait()
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable("the bus does not answer") from error

    def unsubscribe_soon(self, room_id: str) -> None:
        """Stop receiving a room, without waiting for Redis."""
        task = asyncio.create_task(self._unsubscribe(room_id))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _unsubscribe(self, room_id: str) -> None:
        channel = self._store.channel(room_id)
        self._rooms.pop(channel.encode(), None)
        self._confirmed.pop(room_id, None)
        self._heard.pop(room_id, None)
        self._unheard.discard(room_id)
        self._said.pop(room_id, None)  # who hears a smaller number knows that it began anew
        try:
            await self._pubsub.unsubscribe(channel)
        except (RedisError, OSError):
            log.warning("unsubscribe_failed", room_id=room_id)

    async def resubscribe(self, room_id: str) -> None:
        """Subscribe again: the cure for a subscription that has gone deaf."""
        self._confirmed.pop(room_id, None)
        await self.subscribe(room_id)

    # -- receiving ------------------------------------------------------------------------------

    async def _receive(self) -> None:
        await self._subscribed.wait()
        delay_s = 0.05
        lost = False
        while True:
            try:
                message = await self._pubsub.get_message(timeout=None)
                if lost:
                    lost, delay_s = False, 0.05
                    self._listening.on_reconnected()
                if message is not None:
                    self._take(message)
            except (RedisError, OSError) as error:
                if not lost:
                    log.warning("bus_lost", error=str(error))
                lost = True
                await asyncio.sleep(delay_s)
                delay_s = min(RECONNECT_S_MAX, delay_s * 2)
                await self._reconnect()

    async def _reconnect(self) -> None:
        try:
            await self._pubsub.connect()  # type: ignore[no-untyped-call]
        except (RedisError, OSError):
            return

    @property
    def _listening(self) -> BusListener:
        assert self.listener is not None, "set `listener` before `start`"
        return self.listener

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "restored":  # of a cluster one node was away, the others were not
            self._listening.on_reconnected()
            return
        room_id = self._rooms.get(message["channel"])
        if room_id is None:
            return
        if message["type"] == "subscribe":
            self._confirmed.setdefault(room_id, asyncio.Event()).set()
        elif message["type"] == "message":
            try:
                self._dispatch(room_id, msgpack.unpackb(message["data"]))
            except Exception:
                log.exception("bus_message_failed", room_id=room_id)

    def _dispatch(self, room_id: str, message: dict[str, Any]) -> None:
        kind = message["k"]
        if kind == "critical":
            events = [sequenced(seq, raw) for seq, raw in message["s"]]
            self._listening.on_critical(room_id, message["e"], events)
        elif kind == "rebased":
            self._listening.on_rebased(room_id, message["e"])
        elif kind == "tick":
            self._listening.on_tick(room_id, message["n"])
        elif kind == "chat" and message["w"] != self._worker_id:
            batch = ChatBatch.unpack(message)
            batch.lost = self._lost(room_id, message["w"], batch)
            self._listening.on_chat(room_id, batch)
        elif kind == "probe" and message["w"] == self._worker_id:
            probe = self._probes.get(message["i"])
            if probe is not None and not probe.done():
                probe.set_result(None)

    def _lost(self, room_id: str, worker_id: str, batch: ChatBatch) -> dict[str, int]:
        """What a worker has said since its last batch that came, beyond what this one brings."""
        if not batch.said:
            return {}
        of_room = self._heard.setdefault(room_id, {})
        before = of_room.get(worker_id)
        of_room[worker_id] = batch.said
        if len(of_room) > WORKERS_HEARD_MAX:
            del of_room[next(iter(of_room))]
        if before is None:
            return {}  # the first that is heard of it: what was said before was not for us
        brought = count_by_kind(batch.chat)
        gaps = {k: n - before.get(k, 0) - brought.get(k, 0) for k, n in batch.said.items()}
        return {kind: gap for kind, gap in gaps.items() if gap > 0}

    # -- publishing -----------------------------------------------------------------------------

    def tell_chat(self, room_id: str, item: ChatItem) -> None:
        """Queue a chat event for the other workers."""
        said = self._said.setdefault(room_id, {})
        said[item.kind] = said.get(item.kind, 0) + 1
        batch = self._batch(room_id)
        batch.said = dict(said)
        if len(batch.chat) < ITEMS_PER_MESSAGE_MAX:
            batch.chat.append(item)

    def tell_stock(self, room_id: str, levels: dict[str, dict[str, int]]) -> None:
        """Queue stock levels for the other workers; the newest of each SKU is enough."""
        self._batch(room_id).stock.update(levels)

    def tell_live(self, room_id: str, part: str, values: Values) -> None:
        """Queue counts for the other workers; the newest of each id is enough."""
        self._batch(room_id).live.setdefault(part, {}).update(values)

    def tell_user(self, room_id: str, user_id: str, event: bytes) -> None:
        """Queue a private event for the sockets a user has on other workers."""
        self._batch(room_id).private.append((user_id, event))

    async def tell_tick(self, room_id: str, n: int) -> None:
        """Say at once that a tick over plain HTTP was kept."""
        await self._store.publish(room_id, msgpack.packb({"k": "tick", "n": n}))

    def said(self, room_id: str) -> dict[str, dict[str, int]]:
        """How much was said in a room, by worker, as far as it was heard here."""
        here = {self._worker_id: dict(self._said.get(room_id, {}))}
        return {**self._heard.get(room_id, {}), **here}

    def tell_kick(self, room_id: str, user_id: str, code: int) -> None:
        """Queue the closing of a user's sockets on other workers."""
        self._batch(room_id).kicked.append((user_id, code))

    def _batch(self, room_id: str) -> ChatBatch:
        batch = self._pending.get(room_id)
        if batch is None:
            batch = ChatBatch()
            if len(self._pending) < ROOMS_QUEUED_MAX:
                self._pending[room_id] = batch
                self._wake.set()
        return batch

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._publish_pending()
            except Exception:
                log.exception("bus_send_failed")  # one bad batch must not silence this worker
            await asyncio.sleep(SEND_EVERY_S)

    async def _publish_pending(self) -> None:
        pending, self._pending = self._pending, {}
        for room_id, batch in pending.items():
            comments = [item.raw for item in batch.chat if item.kind == "comment"]
            try:
                # Remembered first: whoever sees a comment may answer, pin or delete it at once.
                if comments:
                    await self._store.remember_comments(room_id, comments)
                await self._publish(room_id, batch)
            except Unavailable:
                log.warning("publish_failed", room_id=room_id, chat=len(batch.chat))

    async def _publish(self, room_id: str, batch: ChatBatch) -> None:
        """Tell the other workers, if there are any."""
        if room_id in self._unheard and await self._alone(room_id):
            return
        self._unheard.discard(room_id)
        heard = await self._store.publish(room_id, batch.pack(self._worker_id))
        if heard is not None and heard <= 1:
            self._unheard.add(room_id)

    async def _alone(self, room_id: str) -> bool:
        """Whether this worker, and nobody else, hears what is published in a room.

        One listener alone proves nothing, for our own subscription may be the one that is missing:
        the probe must come back as well.
        """
        self._probed += 1
        number, echo = self._probed, asyncio.get_running_loop().create_future()
        self._probes[number] = echo
        packed = msgpack.packb({"k": "probe", "w": self._worker_id, "i": number})
        try:
            if await self._store.publish(room_id, packed) != 1:
                return False
            async with asyncio.timeout(ECHO_WITHIN_S):
                await echo
        except TimeoutError:
            return False
        finally:
            del self._probes[number]
        return True


def sequenced(seq: int, raw: bytes) -> Sequenced:
    """A critical event from its number and its wire bytes."""
    event = orjson.loads(raw)
    return Sequenced(seq=seq, ts=event["ts"], t=event["t"], d=event["d"], raw=raw)

"""The live room in Redis. Each method is one act; the atomic ones are one Lua script each.

The client must answer in bytes (`decode_responses=False`) and must not retry by itself: a repeated
commit that had gone through would be reported as somebody else's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import astuple
from typing import Any, Final, Literal, cast

import msgspec
from redis.asyncio import Redis

from room.limits import CRITICAL_HISTORY_MAX, RECENT_COMMENTS_MAX, WORKERS_RETIRED_MAX
from room.ports import Committed, Conflict, Missing, Pulse, Sequenced, Stored
from room.state import decode, encode
from room.storage import keys
from room.storage.scripts import Script, reachable
from room.visits import (
    INVITERS_SHOWN,
    LABELS_MAX,
    OTHER,
    RETURNED_AFTER_MS,
    STAYED_MINUTES,
    Audience,
    Visit,
)
from room.wire import critical_payload, rebased_payload, sequenced

ONLINE_WINDOW_MS: Final = 1_000  # workers pulse every 400 ms: one lost pulse is forgiven
SILENT_MS_MAX: Final = 60_000
PRESENT_MAX: Final = 1_000_000  # in one room without a socket; about 100 MB
WATCH_KEPT_S: Final = 7 * 86_400

_commit: Final = Script("room_commit")
_rebase: Final = Script("room_rebase")
_pulse: Final = Script("room_pulse")
_take_turn: Final = Script("take_turn")
_credit_watch: Final = Script("credit_watch")
_note_present: Final = Script("note_present")
_note_visits: Final = Script("note_visits")
# Digests of what only counts: the last call of one may be lost with a server and harms nobody.
COUNTING_SCRIPTS: Final = frozenset(
    script.digest for script in (_pulse, _take_turn, _credit_watch, _note_present, _note_visits)
)


class RedisRooms:
    """Implements `room.ports.RoomStore`. `publish`: SPUBLISH where workers subscribe sharded."""

    def __init__(
        self, redis: Redis, *, publish: Literal["PUBLISH", "SPUBLISH"] = "PUBLISH"
    ) -> None:
        self._redis = redis
        self._publish = publish

    async def load(self, room_id: str) -> Stored | None:
        with reachable():
            found: Any = await self._redis.hmget(keys.room(room_id), ["epoch", "seq", "state"])
        epoch, seq, state = found
        if epoch is None or seq is None or state is None:
            return None
        return Stored(epoch.decode(), int(seq), decode(state))

    async def create(self, room_id: str, stored: Stored) -> bool:
        """Atomic: `room_rebase.lua`."""
        return await self.rebase(room_id, old_epoch=None, stored=stored)

    async def commit(
        self,
        room_id: str,
        *,
        epoch: str,
        expected_seq: int,
        events: Sequence[Sequenced],
        state: bytes,
    ) -> Committed | Conflict | Missing:
        """Atomic: `room_commit.lua`."""
        pairs = [part for event in events for part in (event.seq, event.raw)]
        after = events[-1].seq
        reply = await _commit(
            self._redis,
            [keys.room(room_id), keys.critical(room_id)],
            [
                epoch,
                expected_seq,
                after,
                state,
                CRITICAL_HISTORY_MAX,
                keys.bus(room_id),
                critical_payload(epoch, events),
                self._publish,
                *pairs,
            ],
        )
        if reply[0] == b"ok":
            return Committed(after)
        if reply[0] == b"missing":
            return Missing()
        return Conflict(reply[1].decode(), int(reply[2]))

    async def events_after(
        self, room_id: str, seq: int, limit: int = 1_000
    ) -> tuple[str, list[Sequenced]] | None:
        with reachable():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hmget(keys.room(room_id), ["epoch", "seq"])
                pipe.xrange(keys.critical(room_id), min=f"{seq + 1}-0", count=limit)
                (epoch, newest), entries = await pipe.execute()
        if epoch is None or int(newest) < seq:
            return None
        events = [sequenced(fields[b"raw"]) for _, fields in entries]
        reaches_back = bool(events) and events[0].seq == seq + 1
        if int(newest) > seq and not reaches_back:
            return None
        return epoch.decode(), events

    async def newest_events(self, room_id: str, count: int) -> tuple[str, list[Sequenced]] | None:
        with reachable():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hget(keys.room(room_id), "epoch")
                pipe.xrevrange(keys.critical(room_id), count=count)
                epoch, entries = await pipe.execute()
        if epoch is None:
            return None
        return epoch.decode(), [sequenced(fields[b"raw"]) for _, fields in reversed(entries)]

    async def rebase(self, room_id: str, *, old_epoch: str | None, stored: Stored) -> bool:
        """Atomic: `room_rebase.lua`."""
        reply = await _rebase(
            self._redis,
            [keys.room(room_id), keys.critical(room_id)],
            [
                old_epoch or "",
                stored.epoch,
                stored.seq,
                encode(stored.state),
                keys.bus(room_id),
                rebased_payload(stored.epoch),
                self._publish,
            ],
        )
        return bool(reply)

    async def publish(self, room_id: str, payload: bytes) -> int | None:
        with reachable():
            send: Callable[..., Awaitable[int]] = self._redis.execute_command
            heard = await send(self._publish, keys.bus(room_id), payload)
            return int(heard) if self._publish == "PUBLISH" else None

    def channel(self, room_id: str) -> str:
        return keys.bus(room_id)

    async def pulse(
        self,
        room_id: str,
        *,
        worker_id: str,
        online: int,
        counters: Mapping[str, int],
        now_ms: int | None = None,
    ) -> Pulse | None:
        """Atomic: `room_pulse.lua`."""
        reply = await _pulse(
            self._redis,
            [
                keys.room(room_id),
                keys.workers(room_id),
                keys.retired(room_id),
                keys.totals(room_id),
                keys.without_socket(room_id),
            ],
            [
                worker_id,
                online,
                msgspec.json.encode(counters),
                now_ms or 0,
                ONLINE_WINDOW_MS,
                SILENT_MS_MAX,
                WORKERS_RETIRED_MAX,
            ],
        )
        if reply is None:
            return None
        epoch, seq, here, peak, *pairs = reply
        names, counts = pairs[::2], pairs[1::2]
        totals = {name.decode(): int(count) for name, count in zip(names, counts, strict=True)}
        return Pulse(epoch.decode(), int(seq), here, peak, totals)

    async def note_present(self, room_id: str, user_id: str, *, for_ms: int) -> int | None:
        """Atomic: `note_present.lua`."""
        key = keys.without_socket(room_id)
        since = int(await _note_present(self._redis, [key], [user_id, for_ms, PRESENT_MAX]))
        return since if since >= 0 else None

    async def note_visits(self, room_id: str, visits: Sequence[Visit]) -> None:
        """Atomic: `note_visits.lua`."""
        if not visits:
            return
        await _note_visits(
            self._redis,
            [
                keys.visited(room_id),
                keys.watched_until(room_id),
                keys.audience(room_id),
                keys.arrivals(room_id),
                keys.inviters(room_id),
                keys.returned(room_id),
            ],
            [
                WATCH_KEPT_S,
                RETURNED_AFTER_MS,
                LABELS_MAX,
                OTHER,
                *(part for visit in visits for part in astuple(visit)),
            ],
        )

    async def audience(self, room_id: str) -> Audience:
        with reachable():
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hlen(keys.visited(room_id))
                pipe.scard(keys.returned(room_id))
                pipe.hgetall(keys.audience(room_id))
                pipe.hgetall(keys.arrivals(room_id))
                pipe.zrevrange(keys.inviters(room_id), 0, INVITERS_SHOWN - 1, withscores=True)
                visitors, returned, counts, arrivals, inviters = await pipe.execute()
        return Audience(
            visitors=visitors,
            returned=returned,
            counts={name.decode(): int(count) for name, count in counts.items()},
            arrivals={int(minute): int(count) for minute, count in arrivals.items()},
            inviters=[(user.decode(), int(invited)) for user, invited in inviters],
        )

    async def remember_comments(self, room_id: str, comments: Sequence[bytes]) -> None:
        if not comments:
            return
        with reachable():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.rpush(keys.comments(room_id), *comments[-RECENT_COMMENTS_MAX:])
                pipe.ltrim(keys.comments(room_id), -RECENT_COMMENTS_MAX, -1)
                await pipe.execute()

    async def recent_comments(self, room_id: str, count: int = 50) -> list[bytes]:
        if count <= 0:
            return []
        with reachable():
            return cast(list[bytes], await self._redis.lrange(keys.comments(room_id), -count, -1))

    async def find_comment(self, room_id: str, comment_id: str) -> dict[str, object] | None:
        for raw in reversed(await self.recent_comments(room_id, RECENT_COMMENTS_MAX)):
            d: Any = msgspec.json.decode(raw)["d"]
            if d["id"] == comment_id:
                return cast(dict[str, object], d)
        return None

    async def take_turn(
        self, room_id: str, user_id: str, *, gap_ms: int, burst: int, now_ms: int | None = None
    ) -> int:
        """Atomic: `take_turn.lua`."""
        key = keys.turn(room_id, user_id)
        return int(await _take_turn(self._redis, [key], [gap_ms, burst, now_ms or 0]))

    async def say_once(self, room_id: str, text_key: str, *, within_s: int) -> int:
        key = keys.said(room_id, text_key)
        with reachable():
            if await self._redis.set(key, 1, nx=True, ex=within_s):
                return 0
            return max(1, int(await self._redis.pttl(key)))

    async def credit_watch(self, room_id: str, spans: Sequence[tuple[str, int, int]]) -> None:
        """Atomic: `credit_watch.lua`."""
        if not spans:
            return
        await _credit_watch(
            self._redis,
            [
                keys.watched(room_id),
                keys.watched_until(room_id),
                keys.watched_total(room_id),
                keys.audience(room_id),
                keys.visited(room_id),
            ],
            [
                WATCH_KEPT_S,
                len(STAYED_MINUTES),
                *STAYED_MINUTES,
                *(part for span in spans for part in span),
            ],
        )

    async def watched_ms(self, room_id: str, user_id: str) -> int:
        with reachable():
            return int(await self._redis.hget(keys.watched(room_id), user_id) or 0)

    async def watched_total_ms(self, room_id: str) -> int:
        with reachable():
            return int(await self._redis.get(keys.watched_total(room_id)) or 0)

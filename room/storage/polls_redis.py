"""Votes in Redis. A poll's hash is there before the room knows the poll: else votes were lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from redis.asyncio import Redis

from room.polls import Tally
from room.shapes import Poll
from room.stage_ports import Options, VoteOutcome
from room.storage import keys
from room.storage.scripts import Script, reachable

KEPT_AFTER_CLOSE_S: Final = 7 * 86_400

_vote: Final = Script("poll_vote")
_close: Final = Script("poll_close")


class RedisPolls:
    """Implements `room.stage_ports.PollStore`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def open(self, room_id: str, poll_id: str) -> None:
        with reachable():
            await self._redis.hset(keys.poll(room_id, poll_id), "open", "1")

    async def vote(
        self, room_id: str, poll: Poll, votes: Sequence[tuple[str, Options]], *, seen: int = 0
    ) -> list[tuple[VoteOutcome, Options | None]]:
        """Atomic: `poll_vote.lua`."""
        pairs = (part for user_id, chosen in votes for part in (user_id, _joined(chosen)))
        reply = await _vote(
            self._redis,
            [keys.poll(room_id, poll.poll_id), keys.votes(room_id, poll.poll_id)],
            [poll.close_ms or 0, seen, *pairs],
        )
        return [
            (cast(VoteOutcome, outcome.decode()), _options(known))
            for outcome, known in zip(reply[::2], reply[1::2], strict=True)
        ]

    async def vote_of(self, room_id: str, poll_id: str, user_id: str) -> Options | None:
        with reachable():
            chosen: Any = await self._redis.hget(keys.votes(room_id, poll_id), user_id)
        return _options(chosen)

    async def close(self, room_id: str, poll: Poll) -> Tally | None:
        """Atomic: `poll_close.lua`."""
        reply = await _close(
            self._redis,
            [keys.poll(room_id, poll.poll_id), keys.votes(room_id, poll.poll_id)],
            [KEPT_AFTER_CLOSE_S, *range(len(poll.options))],
        )
        return _tally(reply[0], reply[1:]) if reply is not None else None

    async def tallies(self, room_id: str, polls: Sequence[Poll]) -> Mapping[str, Tally]:
        with reachable():
            async with self._redis.pipeline(transaction=False) as pipe:
                for poll in polls:
                    fields = ["open", "voters", *map(str, range(len(poll.options)))]
                    pipe.hmget(keys.poll(room_id, poll.poll_id), fields)
                rows = await pipe.execute()
        return {
            poll.poll_id: _tally(voters, counts)
            for poll, (opened, voters, *counts) in zip(polls, rows, strict=True)
            if opened is not None
        }


def _tally(voters: bytes | None, counts: Sequence[bytes | None]) -> Tally:
    return Tally(tuple(int(count or 0) for count in counts), int(voters or 0))


def _joined(options: Options) -> str:
    return ",".join(map(str, options))


def _options(chosen: bytes | None) -> Options | None:
    return tuple(int(option) for option in chosen.split(b",")) if chosen else None

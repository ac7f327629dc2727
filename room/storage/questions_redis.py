"""Questions in Redis: what was asked, who wants it answered, in which order, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec
from msgspec.structs import replace
from redis.asyncio import Redis

from room.limits import QUESTIONS_KEPT_MAX, QUESTIONS_OPEN_MAX, QUESTIONS_PER_USER_MAX
from room.questions import Archived, Board, End, Question, Standing
from room.stage_ports import AddOutcome
from room.storage import keys
from room.storage.scripts import Script, reachable

VOTERS_AT_ONCE_MAX: Final = 1_000  # put back by one script
VOTE: Final = 2**32  # what one vote weighs in the order; below it stands who asked first

_add: Final = Script("question_add")
_vote: Final = Script("question_vote")
_end: Final = Script("question_end")
_put_back: Final = Script("question_put_back")
_recount: Final = Script("question_recount")

_QUESTION: Final = msgspec.json.Decoder(Question)
_END: Final = msgspec.json.Decoder(End)


class RedisQuestions:
    """Implements `room.stage_ports.QuestionStore`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def add(self, room_id: str, question: Question) -> tuple[AddOutcome, str]:
        """Atomic: `question_add.lua`."""
        outcome, question_id = await _add(
            self._redis,
            [
                *(
                    keys.questions(room_id, part)
                    for part in ("", "open", "authors", "said", "meta")
                ),
                keys.question_voters(room_id, question.question_id),
            ],
            [
                question.question_id,
                msgspec.json.encode(question),
                question.user.id,
                question.digest,
                QUESTIONS_OPEN_MAX,
                QUESTIONS_PER_USER_MAX,
            ],
        )
        return cast(AddOutcome, outcome.decode()), question_id.decode()

    async def vote(self, room_id: str, question_id: str, user_id: str) -> int | None:
        """Atomic: `question_vote.lua`."""
        votes: int | None = await _vote(
            self._redis,
            [
                keys.questions(room_id, "open"),
                keys.question_voters(room_id, question_id),
                keys.questions(room_id, "meta"),
            ],
            [question_id, user_id],
        )
        return votes

    async def load(self, room_id: str, question_id: str) -> Question | None:
        with reachable():
            raw: Any = await self._redis.hget(keys.questions(room_id), question_id)
        return _QUESTION.decode(raw) if raw is not None else None

    async def end(self, room_id: str, question: Question, end: End) -> End | None:
        """Atomic: `question_end.lua`."""
        parts = ("open", "ends", "answered", "authors", "said", "meta", "replies", "")
        reply = await _end(
            self._redis,
            [
                *(keys.questions(room_id, part) for part in parts),
                keys.question_voters(room_id, question.question_id),
            ],
            [
                question.question_id,
                msgspec.json.encode(end),
                end.state,
                question.user.id,
                question.digest,
                max(0, end.at_ms - question.asked_ms),
                QUESTIONS_KEPT_MAX,
            ],
        )
        return _ended(reply) if reply is not None else None

    async def open_ones(
        self, room_id: str, user_id: str, after: str | None, limit: int
    ) -> list[Standing]:
        start = 0
        with reachable():
            if after is not None:
                place: Any = await self._redis.zrevrank(keys.questions(room_id, "open"), after)
                start = 0 if place is None else int(place) + 1
            found: Any = await self._redis.zrevrange(
                keys.questions(room_id, "open"), start, start + limit - 1, withscores=True
            )
            if not found:
                return []
            ids = [member.decode() for member, _ in found]
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hmget(keys.questions(room_id), ids)
                for question_id in ids:
                    pipe.sismember(keys.question_voters(room_id, question_id), user_id)
                raws, *voted = await pipe.execute()
        return [
            Standing(_QUESTION.decode(raw), _votes(score), None, voted=bool(wanted))
            for raw, (_, score), wanted in zip(raws, found, voted, strict=True)
            if raw is not None  # it ended between the two questions
        ]

    async def answered_ones(self, room_id: str, limit: int) -> list[Standing]:
        with reachable():
            ids: Any = await self._redis.lrange(keys.questions(room_id, "answered"), 0, limit - 1)
            if not ids:
                return []
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hmget(keys.questions(room_id), ids)
                pipe.hmget(keys.questions(room_id, "ends"), ids)
                raws, ends = await pipe.execute()
        pairs = [(raw, _ended(end)) for raw, end in zip(raws, ends, strict=True) if raw and end]
        return [Standing(_QUESTION.decode(raw), end.votes, end) for raw, end in pairs]

    async def revisions(self, room_ids: Sequence[str]) -> dict[str, int]:
        with reachable():
            async with self._redis.pipeline(transaction=False) as pipe:
                for room_id in room_ids:
                    pipe.hget(keys.questions(room_id, "meta"), "rev")
                found = await pipe.execute(raise_on_error=False)
            errors = [rev for rev in found if isinstance(rev, Exception)]
            if errors and len(errors) == len(found):
                raise errors[0]
        pairs = zip(room_ids, found, strict=True)
        return {room_id: int(rev or 0) for room_id, rev in pairs if not isinstance(rev, Exception)}

    async def board(self, room_id: str, known_rev: int, top: int) -> Board | None:
        with reachable():
            meta: Any = await self._redis.hmget(
                keys.questions(room_id, "meta"), ["rev", "answered"]
            )
            rev = int(meta[0] or 0)
            if rev == known_rev:
                return None
            waiting = int(await self._redis.zcard(keys.questions(room_id, "open")))
        wanted = await self.open_ones(room_id, "", None, top)
        return Board(rev, waiting, int(meta[1] or 0), tuple(wanted))

    async def reply_times(self, room_id: str) -> Sequence[int]:
        with reachable():
            raws: Any = await self._redis.lrange(keys.questions(room_id, "replies"), 0, -1)
        return [int(raw) for raw in raws]

    async def put_back(self, room_id: str, archived: Archived) -> None:
        """Atomic for each question: `question_put_back.lua`; then `question_recount.lua`."""
        for question, voters in archived.open:
            for start in range(0, max(1, len(voters)), VOTERS_AT_ONCE_MAX):
                some = voters[start : start + VOTERS_AT_ONCE_MAX]
                await self._put_back(room_id, question, None, some)
        for each in archived.answered:
            await self._put_back(room_id, each.question, each.end, ())
        meta = keys.questions(room_id, "meta")
        await _recount(self._redis, [meta], [archived.answered_count])

    async def _put_back(
        self, room_id: str, question: Question, end: End | None, voters: Sequence[str]
    ) -> None:
        parts = ("", "open", "authors", "said", "meta", "ends", "answered", "replies")
        kept = f"{end.votes} ".encode() + msgspec.json.encode(end) if end is not None else b""
        await _put_back(
            self._redis,
            [
                *(keys.questions(room_id, part) for part in parts),
                keys.question_voters(room_id, question.question_id),
            ],
            [
                question.question_id,
                msgspec.json.encode(question),
                question.user.id,
                question.digest,
                kept,
                max(0, end.at_ms - question.asked_ms) if end is not None else 0,
                *voters,
            ],
        )


def _votes(score: float) -> int:
    return -(-int(score) // VOTE)


def _ended(kept: bytes) -> End:
    votes, _, end = kept.partition(b" ")
    return replace(_END.decode(end), votes=int(votes))

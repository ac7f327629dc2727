"""Questions over their stores: asked, wanted, ended once, told, listed, and put back after a loss.

Redis answers; what happened is noted in SQL before it is told, and when Redis has lost its data the
questions come back from there with everybody's votes. While SQL is away questions go on without.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from statistics import median
from typing import Final

from msgspec.structs import replace

from room import questions as rules
from room.errors import Refused, Unavailable
from room.micro_batch import MicroBatch
from room.ports import Stored
from room.questions import Board, End, Ended, EndState, Note, Question, Standing, Wanted
from room.replica import Replica
from room.room import Rooms
from room.stage_ports import QuestionArchive, QuestionStore

NOTED_WITHIN_S: Final = 0.5  # how long an answer waits for SQL
NOTES_BATCH_MAX: Final = 256
NOTES_WAITING_MAX: Final = 10_000  # per room and worker; what does not fit is in Redis alone


class Questions:
    """Use cases of questions."""

    def __init__(self, rooms: Rooms, store: QuestionStore, archive: QuestionArchive) -> None:
        self._rooms = rooms
        self._store = store
        self._archive = archive
        self._notes: MicroBatch[str, Note, None] = MicroBatch(
            self._note_batch, batch_max=NOTES_BATCH_MAX, waiting_max=NOTES_WAITING_MAX
        )
        rooms.before_rebase.append(self._put_back_room)

    async def ask(self, room_id: str, question: Question) -> str:
        """Its id, which is the first one's when the same person has asked the same before.

        Refuses conflict, limit_reached.
        """
        outcome, question_id = await self._store.add(room_id, question)
        if outcome == "full":
            raise rules.full()
        if outcome == "limit":
            raise rules.too_many()
        await self._note(room_id, replace(question, question_id=question_id))
        return question_id

    async def vote(self, room_id: str, question_id: str, user_id: str) -> int:
        """Want it answered, once; how many do. Refuses not_found for what is not open."""
        votes = await self._store.vote(room_id, question_id, user_id)
        if votes is None:
            raise rules.gone()
        await self._note(room_id, Wanted(question_id, user_id))
        return votes

    async def answer(
        self, replica: Replica, question_id: str, *, by: str, text: str, now_ms: int
    ) -> End:
        """Mark as answered and tell the room; again is the same as once. Refuses not_found."""
        question, end = await self._end(replica, question_id, "answered", by, text, now_ms)
        await self._rooms.change(
            replica, lambda state: rules.told_answered(state, question, end), now_ms
        )
        return end

    async def hide(self, replica: Replica, question_id: str, *, by: str, now_ms: int) -> None:
        """Take a question from the board, answered or not. Refuses not_found."""
        await self._end(replica, question_id, "hidden", by, "", now_ms)

    async def _end(
        self, replica: Replica, question_id: str, state: EndState, by: str, text: str, now_ms: int
    ) -> tuple[Question, End]:
        question = await self._store.load(replica.room_id, question_id)
        if question is None:
            raise rules.gone()
        asked = End(state, now_ms, by, votes=0, answer=rules.answer_text(text))
        # Noted before as well: what is hidden must not come back because a worker died just here.
        await self._note(replica.room_id, Ended(question, asked))
        end = await self._store.end(replica.room_id, question, asked)
        if end is None:
            raise rules.gone()
        await self._note(replica.room_id, Ended(question, end))
        return question, end

    async def _note(self, room_id: str, note: Note) -> None:
        with contextlib.suppress(Unavailable, Refused, TimeoutError):  # Redis has it all the same
            async with asyncio.timeout(NOTED_WITHIN_S):
                await self._notes.submit(room_id, note)

    async def _note_batch(self, room_id: str, notes: Sequence[Note]) -> list[None]:
        await self._archive.note_questions(room_id, notes)
        return [None for _ in notes]

    async def put_back(self, room_id: str) -> bool:
        """What Redis has lost of a room's questions; False when SQL is away: ask again later."""
        try:
            await self._store.put_back(room_id, await self._archive.archived_questions(room_id))
        except Unavailable:
            return False
        return True

    async def _put_back_room(self, base: Stored) -> None:
        await self.put_back(base.state.room_id)

    async def open_ones(
        self, room_id: str, user_id: str, after: str | None, limit: int
    ) -> Sequence[Standing]:
        """The most wanted first, among equals the one asked first; from behind `after` on."""
        return await self._store.open_ones(room_id, user_id, after, limit)

    async def answered_ones(self, room_id: str, limit: int) -> Sequence[Standing]:
        """The last answered first."""
        return await self._store.answered_ones(room_id, limit)

    async def revisions(self, room_ids: Sequence[str]) -> dict[str, int]:
        """Of the boards of many rooms, as far as their servers answer."""
        return await self._store.revisions(room_ids)

    async def board(self, room_id: str, known_rev: int, top: int) -> Board | None:
        """None when nothing has changed since `known_rev`."""
        return await self._store.board(room_id, known_rev, top)

    async def median_reply_ms(self, room_id: str) -> int | None:
        """Of the questions answered last; None when none was."""
        replies = await self._store.reply_times(room_id)
        return round(median(replies)) if replies else None

"""Questions in SQL: what was asked, who wants it answered while it is open, and how it ended.

Nothing here is read while Redis has its data; the order of the board is made anew from the votes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import msgspec
from sqlalchemy import delete, desc, func, select

from room.limits import QUESTIONS_KEPT_MAX, QUESTIONS_OPEN_MAX
from room.questions import Archived, End, Ended, Note, Question, Wanted
from room.storage.engine import SqlStore
from room.storage.tables import question_votes, questions

_QUESTION: Final = msgspec.json.Decoder(Question)
_END: Final = msgspec.json.Decoder(End)
_T: Final = questions.c


class SqlQuestions(SqlStore):
    """Implements `room.stage_ports.QuestionArchive`."""

    async def note_questions(self, room_id: str, notes: Sequence[Note]) -> None:
        asked = [note for note in notes if isinstance(note, Question)]
        ended = {note.question.question_id: note for note in notes if isinstance(note, Ended)}
        votes = [note for note in notes if isinstance(note, Wanted)]
        votes += [Wanted(each.question_id, each.user.id) for each in asked]
        rows = [_row(room_id, question, None) for question in asked]
        wanted = [{"question_id": v.question_id, "user_id": v.user_id} for v in votes]
        async with self._connection() as connection:
            if rows:
                await connection.execute(
                    self._insert(questions).values(rows).on_conflict_do_nothing()
                )
            if wanted:
                await connection.execute(
                    self._insert(question_votes).values(wanted).on_conflict_do_nothing()
                )
            for each in ended.values():
                row = _row(room_id, each.question, each.end)
                how = {name: row[name] for name in ("state", "end", "ended_ms")}
                upsert = self._insert(questions).values(row)
                await connection.execute(
                    upsert.on_conflict_do_update(index_elements=["question_id"], set_=how)
                )
            gone = delete(question_votes).where(question_votes.c.question_id.in_(list(ended)))
            if ended:
                await connection.execute(gone)

    async def archived_questions(self, room_id: str) -> Archived:
        of_room = (_T.room_id == room_id, _T.state == "open")
        opened = select(_T.question).where(*of_room).order_by(_T.asked_ms, _T.question_id)
        wanted = (
            select(question_votes)
            .join(questions, _T.question_id == question_votes.c.question_id)
            .where(*of_room)
        )
        done = (_T.room_id == room_id, _T.state == "answered")
        answered = select(_T.question, _T.end).where(*done).order_by(desc(_T.ended_ms))
        async with self._connection() as connection:
            open_ones = (await connection.execute(opened.limit(QUESTIONS_OPEN_MAX))).scalars().all()
            voters: dict[str, list[str]] = {}
            for question_id, user_id in await connection.execute(wanted):
                voters.setdefault(question_id, []).append(user_id)
            ends = (await connection.execute(answered.limit(QUESTIONS_KEPT_MAX))).all()
            count = select(func.count()).select_from(questions).where(*done)
            total = (await connection.execute(count)).scalar_one()
        asked = [_QUESTION.decode(cast(bytes, blob)) for blob in open_ones]
        return Archived(
            tuple((one, tuple(voters.get(one.question_id, ()))) for one in asked),
            tuple(Ended(_QUESTION.decode(row.question), _END.decode(row.end)) for row in ends),
            total,
        )


def _row(room_id: str, question: Question, end: End | None) -> dict[str, object]:
    return {
        "question_id": question.question_id,
        "room_id": room_id,
        "state": end.state if end is not None else "open",
        "question": msgspec.json.encode(question),
        "end": msgspec.json.encode(end) if end is not None else None,
        "asked_ms": question.asked_ms,
        "ended_ms": end.at_ms if end is not None else None,
    }

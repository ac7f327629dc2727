"""Questions of the crowd: asked, wanted by others, answered aloud or hidden by the staff.

A question obeys every rule of a comment (`comments.post`). It is not a critical event, for there
are many; that one was answered is, with both times, so that reply time can be read from history.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import msgspec

from room.errors import Refused
from room.events import Event, QuestionAnswered
from room.limits import ANSWER_GRAPHEMES_MAX, QUESTIONS_OPEN_MAX, QUESTIONS_PER_USER_MAX
from room.shapes import Speaker
from room.state import RoomState, require_live
from room.text import clean

EndState = Literal["answered", "hidden"]


class Question(msgspec.Struct, frozen=True):
    """As it was asked; this never changes."""

    question_id: str
    user: Speaker
    text: str
    product_id: str | None
    asked_ms: int

    @property
    def digest(self) -> str:
        """The same words of the same person are the same question."""
        said = f"{self.user.id}/{self.product_id or ''}/{self.text.casefold()}"
        return hashlib.sha256(said.encode()).hexdigest()[:32]


class End(msgspec.Struct, frozen=True):
    """How a question ended, and how many had wanted it answered."""

    state: EndState
    at_ms: int
    by: str
    votes: int
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One person wants a question answered."""

    question_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A question and how it ended."""

    question: Question
    end: End


Note = Question | Wanted | Ended  # what the archive is told; a question by itself was asked


@dataclass(frozen=True, slots=True)
class Archived:
    """A room's questions as SQL knows them: open ones with who wants them, oldest first; answered
    ones newest first, and how many there ever were."""

    open: tuple[tuple[Question, tuple[str, ...]], ...]
    answered: tuple[Ended, ...]
    answered_count: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A question with how it stands; `end` is None while it is open."""

    question: Question
    votes: int
    end: End | None
    voted: bool = False

    def to_wire(self) -> dict[str, object]:
        wire: dict[str, object] = msgspec.to_builtins(self.question)
        state = self.end.state if self.end is not None else "open"
        wire |= {"votes": self.votes, "state": state, "voted": self.voted}
        if self.end is not None:
            wire |= {"answered_ms": self.end.at_ms, "answer": self.end.answer}
        return wire


@dataclass(frozen=True, slots=True)
class Board:
    """What everybody is shown of the questions. `rev` grows with every change."""

    rev: int
    open: int
    answered: int
    top: tuple[Standing, ...] = ()

    def to_wire(self) -> dict[str, object]:
        top = [standing.to_wire() for standing in self.top]
        return {"rev": self.rev, "open": self.open, "answered": self.answered, "top": top}


def asked(
    state: RoomState,
    *,
    question_id: str,
    speaker: Speaker,
    text: str,
    product_id: str | None,
    now_ms: int,
) -> Question:
    """The question; `text` is what the rules of comments let pass. Refuses not_found."""
    require_live(state)
    if product_id is not None and product_id not in state.products:
        raise Refused("not_found", "no such product in this room")
    return Question(question_id, speaker, text, product_id, now_ms)


def answer_text(text: str) -> str:
    """What the staff wrote; nothing when it was answered aloud only."""
    return clean(text, graphemes_max=ANSWER_GRAPHEMES_MAX) if text.strip() else ""


def told_answered(state: RoomState, question: Question, end: End) -> tuple[Event, ...]:
    """The event that is still lacking in the room, if any."""
    if question.question_id in state.answered:
        return ()
    return (
        QuestionAnswered(
            question_id=question.question_id,
            user=question.user,
            text=question.text,
            product_id=question.product_id,
            asked_ms=question.asked_ms,
            answered_ms=end.at_ms,
            votes=end.votes,
            answer=end.answer,
            by=end.by,
        ),
    )


def full() -> Refused:
    return Refused("conflict", f"{QUESTIONS_OPEN_MAX} questions are waiting already")


def too_many() -> Refused:
    waiting = f"{QUESTIONS_PER_USER_MAX} of your questions are waiting already"
    return Refused("limit_reached", waiting)


def gone() -> Refused:
    return Refused("not_found", "no such open question in this room")

"""Questions on a real Redis: one vote a person, an order, an end that is told once, bounds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from room import questions as rules
from room.asking import Questions
from room.errors import Refused
from room.limits import QUESTIONS_KEPT_MAX, QUESTIONS_OPEN_MAX, QUESTIONS_PER_USER_MAX
from room.questions import Question
from room.replica import Replica
from room.room import Healed, Rooms
from room.shapes import Speaker
from room.storage.questions_redis import RedisQuestions
from room.storage.questions_sql import SqlQuestions
from room.storage.sql import SqlArchive
from server.database import make_engine
from tests.room.people import NOW_MS


@pytest.fixture
def questions(rooms: Rooms, redis: Redis, archive: SqlArchive) -> Questions:
    return Questions(rooms, RedisQuestions(redis), SqlQuestions(archive._engine))


def a_question(question_id: str, user_id: str = "", **more: Any) -> Question:
    user = Speaker(user_id or f"by-{question_id}", "名", "viewer")
    given = {"text": f"{question_id} 保温吗?", "product_id": None, "asked_ms": NOW_MS, **more}
    return Question(question_id=question_id, user=user, **given)


async def order(questions: Questions, after: str | None = None, limit: int = 100) -> list[str]:
    found = await questions.open_ones("r1", "me", after, limit)
    return [standing.question.question_id for standing in found]


async def test_the_most_wanted_comes_first_and_the_earlier_of_equals(questions: Questions) -> None:
    for question_id in ("a", "b", "c"):
        assert await questions.ask("r1", a_question(question_id)) == question_id
    wanting = [f"u{n}" for n in range(30) for _ in range(3)]  # each asks three times at once
    votes = await asyncio.gather(*(questions.vote("r1", "b", user) for user in wanting))
    assert max(votes) == 31  # the author wants it too
    assert await order(questions) == ["b", "a", "c"]
    assert await order(questions, after="b", limit=1) == ["a"]
    await questions.vote("r1", "c", "me")
    found = await questions.open_ones("r1", "me", None, 2)
    assert [(s.question.question_id, s.votes, s.voted) for s in found] == [
        ("b", 31, False),
        ("c", 2, True),
    ]


async def test_the_same_words_find_the_same_question(questions: Questions) -> None:
    await questions.ask("r1", a_question("a", "lin", text="Is it warm?"))
    again = a_question("b", "lin", text="is it WARM?")
    assert await questions.ask("r1", again) == "a"
    assert await questions.ask("r1", a_question("c", "kim", text="Is it warm?")) == "c"


async def test_bounds_of_a_person_and_of_a_room(questions: Questions, replica: Replica) -> None:
    for n in range(QUESTIONS_PER_USER_MAX):
        await questions.ask("r1", a_question(f"q{n}", "lin"))
    with pytest.raises(Refused) as refused:
        await questions.ask("r1", a_question("more", "lin"))
    assert refused.value.code == "limit_reached"
    await questions.answer(replica, "q0", by="host1", text="", now_ms=NOW_MS)
    await questions.ask("r1", a_question("more", "lin"))
    rest = QUESTIONS_OPEN_MAX - QUESTIONS_PER_USER_MAX
    for n in range(rest):
        await questions.ask("r1", a_question(f"x{n}"))
    with pytest.raises(Refused) as refused:
        await questions.ask("r1", a_question("one too many"))
    assert refused.value.code == "conflict"


async def test_an_answer_is_told_once_with_both_times(
    questions: Questions, replica: Replica, redis: Redis
) -> None:
    """Also when the worker died between the store and the room."""
    await questions.ask("r1", a_question("a"))
    await questions.vote("r1", "a", "kim")
    end = rules.End("answered", NOW_MS + 9_000, "host1", 0, "能")
    await RedisQuestions(redis).end("r1", a_question("a"), end)
    for later in (20_000, 30_000):
        await questions.answer(replica, "a", by="host1", text="不能", now_ms=NOW_MS + later)
    told = [event.d for event in replica.ring if event.t == "question.answered"]
    assert [(d["asked_ms"], d["answered_ms"], d["votes"], d["answer"]) for d in told] == [
        (NOW_MS, NOW_MS + 9_000, 2, "能")
    ]
    assert await questions.median_reply_ms("r1") == 9_000
    assert [s.question.question_id for s in await questions.answered_ones("r1", 9)] == ["a"]
    with pytest.raises(Refused, match="no such open question"):
        await questions.vote("r1", "a", "lin")
    board = await questions.board("r1", 0, 3)
    assert board is not None
    assert (board.open, board.answered, board.top) == (0, 1, ())
    assert await questions.board("r1", board.rev, 3) is None


async def test_hidden_is_gone_whether_open_or_answered(
    questions: Questions, replica: Replica, redis: Redis
) -> None:
    for question_id in ("a", "b"):
        await questions.ask("r1", a_question(question_id))
    await questions.answer(replica, "b", by="host1", text="", now_ms=NOW_MS)
    for question_id in ("a", "b"):
        await questions.hide(replica, question_id, by="host1", now_ms=NOW_MS)
        with pytest.raises(Refused):
            await questions.answer(replica, question_id, by="host1", text="", now_ms=NOW_MS)
    assert await order(questions) == []
    assert await questions.answered_ones("r1", 9) == []
    left = {key.decode() for key in await redis.keys("room:{r1}:question*")}
    assert not any("voters" in key for key in left)


async def test_old_answers_make_room(questions: Questions, replica: Replica, redis: Redis) -> None:
    store = RedisQuestions(redis)
    for n in range(QUESTIONS_KEPT_MAX + 3):
        await store.add("r1", a_question(f"q{n}"))
        await store.end("r1", a_question(f"q{n}"), rules.End("answered", NOW_MS, "host1", 0))
    found = await questions.answered_ones("r1", 1_000)
    assert len(found) == QUESTIONS_KEPT_MAX
    assert found[0].question.question_id == f"q{QUESTIONS_KEPT_MAX + 2}"
    assert await store.load("r1", "q0") is None


async def test_what_redis_loses_comes_back_with_every_vote(
    questions: Questions, rooms: Rooms, replica: Replica, redis: Redis
) -> None:
    """Order, votes and answers as before; who has voted still has; what was hidden stays hidden."""
    for question_id in ("a", "b", "c", "d", "e"):
        await questions.ask("r1", a_question(question_id))
    for user_id in ("u1", "u2", "u1"):
        await questions.vote("r1", "b", user_id)
    await questions.answer(replica, "c", by="host1", text="能", now_ms=NOW_MS + 5_000)
    await questions.vote("r1", "d", "u1")
    await questions.answer(replica, "d", by="host1", text="", now_ms=NOW_MS + 9_000)
    await questions.hide(replica, "e", by="host1", now_ms=NOW_MS)
    before = await seen(questions)
    shown = await questions.board("r1", 0, 3)
    assert shown is not None
    await redis.flushall()
    assert await rooms.heal(replica, None, NOW_MS) is Healed.REBASED
    assert await seen(questions) == before
    board = await questions.board("r1", shown.rev, 3)
    assert board is not None
    assert (board.rev > shown.rev, board.open, board.answered) == (True, 2, 2)
    assert await questions.vote("r1", "b", "u2") == 3
    assert await questions.ask("r1", a_question("again", "by-a", text="a 保温吗?")) == "a"
    assert await questions.put_back("r1")
    assert await seen(questions) == before
    answered = await questions.answer(replica, "b", by="host1", text="", now_ms=NOW_MS)
    assert answered.votes == 3


async def seen(questions: Questions) -> list[object]:
    """Everything that anybody can see of the questions."""
    return [
        [(s.question, s.votes) for s in await questions.open_ones("r1", "me", None, 99)],
        [(s.question, s.votes, s.end) for s in await questions.answered_ones("r1", 99)],
        await questions.median_reply_ms("r1"),
    ]


async def test_questions_go_on_while_sql_is_away(rooms: Rooms, redis: Redis) -> None:
    """Nobody is refused; what happened meanwhile is in Redis."""
    away = make_engine("sqlite+aiosqlite:////nowhere/at/all.sqlite3")
    questions = Questions(rooms, RedisQuestions(redis), SqlQuestions(away))
    assert await questions.ask("r1", a_question("a")) == "a"
    assert await questions.vote("r1", "a", "u1") == 2
    assert not await questions.put_back("r1")
    await away.dispose()


async def test_boards_of_many_rooms_are_looked_at_together(questions: Questions) -> None:
    """Which have changed is one question for all of them."""
    before = await questions.revisions(["r1", "r2", "never"])
    await questions.ask("r1", a_question("a"))
    after = await questions.revisions(["r1", "r2", "never"])
    assert after["r1"] > before["r1"]
    assert (after["r2"], after["never"]) == (before["r2"], before["never"]) == (0, 0)
    board = await questions.board("r1", before["r1"], 3)
    assert board is not None
    assert board.rev == after["r1"]

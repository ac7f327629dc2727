"""Questions: asking, wanting an answer, answering, hiding."""

from __future__ import annotations

from typing import Any

from room import comments, questions
from server.commands.fields import Id, Text
from server.commands.talk import wait_for_turn
from server.context import Context
from server.errors import CommandRefused
from server.registry import LOGGED_IN, STAFF, Params, RateClass, command


class AskQuestion(Params):
    text: Text
    product_id: Id | None = None


@command("question.ask", roles=LOGGED_IN, rate=RateClass.TALK)
async def ask(context: Context, params: AskQuestion) -> dict[str, Any]:
    """Ask the host something; the same words again find the question that is there."""
    services, room = context.services, context.room
    user = context.speaker
    posted = comments.post(
        room.replica.state,
        user,
        params.text,
        comment_id="",
        words=await services.moderation.words.lists(room),
        now_ms=context.now_ms,
        speaker=comments.speaker(user, paid=user.id in room.buyers),
    )
    if posted.held:  # a question cannot wait for staff: it would be answered unseen
        raise CommandRefused("sensitive", "this question contains words that staff must see first")
    question = questions.asked(
        room.replica.state,
        question_id=services.new_id("q"),
        speaker=posted.comment.user,
        text=posted.comment.text,
        product_id=params.product_id,
        now_ms=context.now_ms,
    )
    await wait_for_turn(context, user)
    question_id = await context.activities.questions.ask(room.room_id, question)
    return {"question_id": question_id}


class QuestionRef(Params):
    question_id: Id


@command("question.vote", roles=LOGGED_IN, rate=RateClass.TAP)
async def vote(context: Context, params: QuestionRef) -> dict[str, Any]:
    """Want a question answered, once a person; how many do."""
    room_id, user_id = context.room.room_id, context.user.user_id
    return {"votes": await context.activities.questions.vote(room_id, params.question_id, user_id)}


class AnswerQuestion(Params):
    question_id: Id
    text: Text = ""


@command("question.answer", roles=STAFF, rate=RateClass.STAFF)
async def answer(context: Context, params: AnswerQuestion) -> dict[str, Any]:
    """Mark a question as answered, in writing or aloud; the time it took is kept."""
    end = await context.activities.questions.answer(
        context.room.replica,
        params.question_id,
        by=context.user.user_id,
        text=params.text,
        now_ms=context.now_ms,
    )
    return {"answered_ms": end.at_ms}


@command("question.hide", roles=STAFF, rate=RateClass.STAFF)
async def hide(context: Context, params: QuestionRef) -> dict[str, Any]:
    """Take a question off the board."""
    await context.activities.questions.hide(
        context.room.replica,
        params.question_id,
        by=context.user.user_id,
        now_ms=context.now_ms,
    )
    return {}

"""Polls: asking the room, voting, closing."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from room import polls
from room.limits import POLL_OPTIONS_MAX, POLL_OPTIONS_MIN, POLL_S_MAX, POLL_S_MIN
from server.commands.fields import Id, ShortText
from server.context import Context
from server.errors import CommandRefused
from server.registry import LOGGED_IN, STAFF, Params, RateClass, command

Option = Annotated[int, msgspec.Meta(ge=0, lt=POLL_OPTIONS_MAX)]


class OpenPoll(Params):
    question: ShortText
    options: Annotated[
        list[ShortText], msgspec.Meta(min_length=POLL_OPTIONS_MIN, max_length=POLL_OPTIONS_MAX)
    ]
    close_s: Annotated[int, msgspec.Meta(ge=POLL_S_MIN, le=POLL_S_MAX)] | None = None
    multiple: bool = False


@command("poll.open", roles=STAFF, rate=RateClass.STAFF)
async def open_poll(context: Context, params: OpenPoll) -> dict[str, Any]:
    """Ask the room a question with two to eight answers."""
    poll = polls.made(
        poll_id=context.services.new_id("poll"),
        question=params.question,
        options=params.options,
        close_s=params.close_s,
        multiple=params.multiple,
        now_ms=context.now_ms,
    )
    await context.activities.polls.open(context.room.replica, poll, context.now_ms)
    return {"poll_id": poll.poll_id, "close_ms": poll.close_ms}


class VoteInPoll(Params):
    poll_id: Id
    option: Option | None = None
    options: Annotated[list[Option], msgspec.Meta(max_length=POLL_OPTIONS_MAX)] | None = None


@command("poll.vote", roles=LOGGED_IN, rate=RateClass.TAP)
async def vote(context: Context, params: VoteInPoll) -> dict[str, Any]:
    """Vote, once; the same again gets the same answer, another vote is refused."""
    if (params.option is None) == (params.options is None):
        raise CommandRefused("bad_request", "give `option`, or `options`")
    chosen = [params.option] if params.option is not None else params.options or []
    counted = await context.activities.polls.vote(
        context.room.replica, params.poll_id, context.user.user_id, chosen
    )
    return {
        "options": list(counted.options),
        "counts": list(counted.tally.counts),
        "voters": counted.tally.voters,
    }


class PollRef(Params):
    poll_id: Id


@command("poll.close", roles=STAFF, rate=RateClass.STAFF)
async def close(context: Context, params: PollRef) -> dict[str, Any]:
    """Close a poll and tell the room the final counts; again tells them again to who asks."""
    tally = await context.activities.polls.close(
        context.room.replica, params.poll_id, context.now_ms
    )
    return {"counts": list(tally.counts), "voters": tally.voters}
